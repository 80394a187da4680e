"""The page on using the runtime, run."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from tenfold.runtime import Database
from tenfold.runtime.adapters.asgi import RequestTenant
from tests.db.runtime.adapters.asking import ask, converse
from tests.db.runtime.pages import names_of

PAGE = "use-the-runtime.md"


async def test_the_functions_of_the_page_do_what_it_says(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    page = names_of(PAGE)
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
    page = names_of(PAGE)
    page["app"]._database = db
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/notes", "headers": [], "session": {"team_id": 8}}
    await page["app"](scope, None, send)
    assert sent[1]["body"].startswith(b'["note 1","note 3"')


class LoggedIn:
    """Stands for a login: what it found out is in the scope."""

    def __init__(self, app: Any, team: int | None) -> None:
        self.app, self.team = app, team

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, "session": {"team_id": self.team}}, receive, send)


async def test_the_services_of_the_page_have_sessions_of_the_tenant_of_the_login(
    db: Database,
) -> None:
    page = names_of(PAGE)
    vars(page["db"]).update(vars(db))
    service, litestar = page["service"], page["litestar"]
    for app in (service, litestar):
        assert (await ask(LoggedIn(app, 8), "/count")).body == b"10"
        assert (await ask(LoggedIn(app, None), "/count")).status == 403
    assert (await ask(LoggedIn(service, 8), "/notes/1", "DELETE")).body == b"1"
    assert (await ask(LoggedIn(service, 8), "/notes/2", "DELETE")).body == b"0"
    *_, sent = await converse(LoggedIn(service, 8), "/notes", "edited")
    assert sent["text"] == '{"changed":9}'
    assert (await ask(LoggedIn(litestar, 8), "/clear", "POST")).body == b"9"
    assert (await ask(LoggedIn(litestar, 7), "/count")).body == b"10"


async def test_a_job_of_the_page_reads_for_its_tenant(db: Database) -> None:
    page = names_of(PAGE)
    page["db"] = db
    assert await page["job"](page["payload_of"](RequestTenant(db, 7, None))) == 10


async def test_the_engine_of_the_page_serves_the_tenant(notes: str, driver: Any) -> None:
    page = names_of(PAGE)
    found = conninfo_to_dict(notes)
    query = {"host": str(found["host"])}
    url = URL.create(
        f"postgresql+{driver}", username=str(found["user"]), database=str(found["dbname"]), query=query
    )
    engine = create_async_engine(url)
    page["tenants"] = page["TenantEngines"](engine)
    assert (await page["bodies"](8))[:2] == ["note 1", "note 3"]
    await engine.dispose()
