"""What the client's page has its reader type, typed in its order."""

from __future__ import annotations

import ast
import inspect
import re
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tenfold_hub import client
from tenfold_hub.exchange.background import Background
from tests.hub.conftest import Organization

PAGE = Path("docs/hub/client.md").read_text(encoding="utf-8")
#: What is typed, and what it says where it says something.
BLOCKS = re.findall(r"^```python\n(.*?)^```\n(?:```\n(.*?)^```\n)?", PAGE, re.MULTILINE | re.DOTALL)


async def test_every_example_of_the_page_does_what_it_says(
    app: httpx.ASGITransport,
    acme: Organization,
    background: Background,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert len(BLOCKS) == PAGE.count("```python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "Hub", partial(client.Hub, transport=app))
    names: dict[str, Any] = {"key": acme.key}
    for typed, said in BLOCKS:
        code = compile(typed, "client.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, names)
        if inspect.iscoroutine(running):
            await running
        assert capsys.readouterr().out == said, typed
    await names["hub"].aclose()
    assert Path("companies.csv").stat().st_size == names["size"] > 0
