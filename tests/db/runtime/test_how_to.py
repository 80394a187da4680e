"""The page on using the runtime, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from tenfold.runtime import Database

PAGE = (Path(__file__).parents[3] / "docs/how-to/use-the-runtime.md").read_text(encoding="utf-8")


def names() -> dict[str, Any]:
    """What all blocks of Python on the page define, together."""
    found: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(block, found)
    return found


async def test_the_functions_of_the_page_do_what_it_says(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    page = names()
    assert isinstance(page["db"], Database)
    page["db"] = db
    assert (await page["notes_of"](7))[0] == "note 2"
    assert await page["rename"](7, 2, "new") is True
    assert capsys.readouterr().out == "renamed 2\n"
    assert await page["rename"](8, 2, "theirs") is False
    assert (await page["notes_of"](7))[0] == "new"
    assert await page["add"](7, 2, "twice") is False
    assert await page["add"](7, 200, "once") is True
    assert await page["write_then_read"](7) == 11


async def test_the_middleware_of_the_page_serves_the_tenant_of_the_login(db: Database) -> None:
    page = names()
    page["app"]._database = db
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/notes", "headers": [], "session": {"team_id": 8}}
    await page["app"](scope, None, send)
    assert sent[1]["body"].startswith(b'["note 1","note 3"')


async def test_the_engine_of_the_page_serves_the_tenant(notes: str, driver: Any) -> None:
    page = names()
    found = conninfo_to_dict(notes)
    query = {"host": str(found["host"])}
    url = URL.create(
        f"postgresql+{driver}", username=str(found["user"]), database=str(found["dbname"]), query=query
    )
    engine = create_async_engine(url)
    page["tenants"] = page["TenantEngines"](engine)
    assert (await page["bodies"](8))[:2] == ["note 1", "note 3"]
    await engine.dispose()
