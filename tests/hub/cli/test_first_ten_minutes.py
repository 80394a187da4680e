"""What the hub's first page has its reader type, typed in its order against a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tenfold_hub.cli.access import create_key
from tenfold_hub.seeding.loading import Plan, load
from tenfold_hub.settings import PREFIX, Settings
from tests.hub.cli.test_serve import serving

PAGE = Path("docs/hub/README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SAID = {
    "first": "",
    "create": '["Ada","Analytical Engines"]\n',
    "filter": "Analytical Engines\nnot_filterable\n",
    "search": "Analytical Engines\n",
    "expand": '["Ada",[]]\n',
    "page": "100\n",
    "batch": '["a",200]\n["b",422]\n',
    "upsert": '[201,"Analyst"]\n[200,"Admiral"]\n',
    "once": "the same\n",
    "etag": "200\n412\n",
}


#: The program as far as the page uses it, by its own library.
JQ = f"""#!{sys.executable}
import json, sys, jq
*options, program = sys.argv[1:]
for answer in jq.compile(program).input_text(sys.stdin.read()):
    plain = "-r" in options and isinstance(answer, str)
    print(answer if plain else json.dumps(answer, separators=(",", ":") if "-c" in options else None))
"""


def test_every_command_of_the_page_does_what_it_says(owner: str, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "jq").write_text(JQ, encoding="utf-8")
    (tmp_path / "jq").chmod(0o755)
    assert list(BLOCKS) == list(SAID)
    plan = Plan(organizations=1, persons=300, until=1_760_000_000_000)
    load(owner, plan, lambda _: None, workers=1)
    key = create_key(owner, plan.made()[0].slug, "page", ["*"])
    with serving("--database", settings.database, environment={f"{PREFIX}SECRET": settings.secret}) as (
        _,
        address,
    ):
        script = f"set -e\nKEY={key}\n"
        for name, block in BLOCKS.items():
            script += f"echo '--- {name}'\n{block}"
        script = script.replace("http://127.0.0.1:8000", address)
        path = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=path)
    assert done.returncode == 0, done
    assert done.stdout == "".join(f"--- {name}\n{said}" for name, said in SAID.items())
