"""The page on the outbox, run."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tests.db.runtime.pages import names_of
from tests.waiting import until


async def test_the_page_does_what_it_says(
    notes: str, database: str, role: str, dispatcher_role: str, driver: Any
) -> None:
    page = names_of("outbox.md")
    with psycopg.connect(database, autocommit=True) as owner:
        for statement in page["statements"]:
            for placeholder, name in (("app", role), ("dispatcher", dispatcher_role)):
                statement = statement.replace(f'"{placeholder}"', f'"{name}"')
            owner.execute(statement)

    def connected(dsn: str) -> Database:
        user = dispatcher_role if "dispatcher@" in dsn else role
        return Database(make_conninfo(database, user=user), driver=driver)

    page["Database"] = connected
    async with connected("app@") as page["db"], connected("dispatcher@") as across:
        page["outbox"] = outbox = page["Outbox"](page["db"], tenant_column="team_id")
        await page["rename"](7, 2, "new")
        await page["rename_all"](7, [4, 6], "new")
        assert (await page["look"](across)).startswith("3 waiting, 0 keys blocked")
        stopped = asyncio.Event()
        dispatching = asyncio.create_task(page["dispatch"](stopped))
        await until(lambda: len(page["heard"]) == 3)
        stopped.set()
        await dispatching
        assert sorted(page["heard"]) == [(7, 2), (7, 4), (7, 6)]

        counted = asyncio.Event()

        async def twice(event: Any) -> None:
            await page["count_renaming"](event)
            await page["count_renaming"](event)
            counted.set()

        await page["rename"](7, 2, "once")
        async with page["Dispatcher"](across, outbox, {"note.renamed": twice}):
            await counted.wait()
        async with page["db"].tenant(7) as session:
            assert await session.fetch_value("SELECT body FROM notes WHERE id = 2") == "once!"
        assert await page["repair"](across) == 0
