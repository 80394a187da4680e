"""What the hub's first page has its reader type, typed in its order against a server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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
    "page": "100\n",
    "batch": '["a",200]\n["b",422]\n',
    "once": "the same\n",
    "etag": "200\n412\n",
}


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's commands need jq")
def test_every_command_of_the_page_does_what_it_says(owner: str, settings: Settings) -> None:
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
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert done.stdout == "".join(f"--- {name}\n{said}" for name, said in SAID.items())
