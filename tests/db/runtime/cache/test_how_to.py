"""The page on caching, run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tenfold.errors import NamespaceError
from tenfold.runtime import Database
from tenfold.runtime.cache import MISSING, Cache, Cached, MsgspecCodec, preset
from tests.db.runtime.cache.redis_server import RedisServer
from tests.db.runtime.pages import names_of
from tests.waiting import until


@asynccontextmanager
async def page_on(db: Database, url: str) -> AsyncIterator[dict[str, Any]]:
    """What all blocks of Python on the page define, together, on servers that are there."""
    found = names_of("cache.md")
    assert isinstance(found["db"], Database)
    spaces = [found[name] for name in ("NOTE", "NOTES", "NOTE_COUNT", "PROVIDER")]
    async with Cache(spaces, url=url) as cache:
        await until(lambda: cache.statistics().connected, "the line")
        await cache.caught_up()
        kind = {"entities": found["NOTE"], "lists": found["NOTES"], "counts": found["NOTE_COUNT"]}
        found |= {"db": db, "cache": cache, "shared": cache, "cached": Cached(cache, **kind)}
        yield found


async def test_what_is_read_is_kept_until_it_is_changed(db: Database, redis_server: RedisServer) -> None:
    async with page_on(db, redis_server.url) as page:
        note, cache, space = page["note"], page["cache"], page["NOTE"]
        assert (await note(7, 2)).body == "note 2"
        assert await note(8, 2) is None
        assert cache.peek(space, 7, 2).body == "note 2"
        assert cache.peek(space, 8, 2) is None
        await page["rename"](7, 2, "new")
        assert cache.peek(space, 7, 2) is MISSING
        assert (await note(7, 2)).body == "new"
        assert cache.peek(space, 8, 2) is None


async def test_a_change_that_is_rolled_back_forgets_nothing(db: Database, redis_server: RedisServer) -> None:
    async with page_on(db, redis_server.url) as page:
        await page["note"](7, 2)
        with pytest.raises(ZeroDivisionError):
            async with db.tenant(7) as session:
                page["cache"].invalidation().keys(page["NOTE"], 7, 2).on_commit(session)
                raise ZeroDivisionError
        assert page["cache"].peek(page["NOTE"], 7, 2).body == "note 2"


async def test_many_notes_are_one_load(db: Database, redis_server: RedisServer) -> None:
    async with page_on(db, redis_server.url) as page:
        found = await page["notes"](7, [2, 4, 3])
        assert {key: value and value.body for key, value in found.items()} == {
            2: "note 2",
            4: "note 4",
            3: None,
        }
        assert page["cache"].statistics().namespaces["note"].loads == 1


async def test_a_write_reaches_the_lists_that_the_row_may_be_in(
    db: Database, redis_server: RedisServer
) -> None:
    async with page_on(db, redis_server.url) as page:
        assert len(await page["notes_like"](7, "note")) == 10
        assert await page["notes_like"](7, "new") == ()
        await page["write"](7, 2, "new")
        assert len(await page["notes_like"](7, "note")) == 9
        assert [each.id for each in await page["notes_like"](7, "new")] == [2]


def test_the_secrets_of_the_page_have_no_way_but_the_encrypting_codec() -> None:
    with pytest.raises(NamespaceError, match="EncryptingCodec"):
        preset("provider", dict[str, str], codec=MsgspecCodec(dict[str, str]))
