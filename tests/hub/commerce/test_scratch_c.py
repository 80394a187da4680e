import asyncio, os, re
from pathlib import Path
from tests.hub.commerce.test_apart import served
async def test_c(settings, acme):
    text = Path("docs/hub/commerce.md").read_text()
    script = re.findall(r"```sh\n(.*?)```", text, re.S)[0]
    async with served(settings) as hub:
        p = await asyncio.create_subprocess_exec("bash", "-e", "-c", script, env={**os.environ, "HUB": f"{hub.base_url}".rstrip("/") + "/v1", "KEY": acme.key}, stdout=-1, stderr=-1)
        out, err = await p.communicate()
    print("OUT", out.decode()[:6000], "ERR", err.decode()[:800])
    assert 0
