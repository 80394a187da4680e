"""A write to a row makes its entity, and all lists and counts of its kind, old; and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tenfold.errors import CacheKeyError
from tenfold.runtime.cache import Cache, Cached, Namespace
from tests.unit.runtime.cache.build import User

USERS = Namespace(name="user", type=User, ttl=60)
TEAMS = Namespace(name="team", type=User, ttl=60)
LISTS = Namespace(name="list", type=tuple[str, ...], ttl=60)
COUNTS = Namespace(name="counts", type=int, ttl=60)


class Loads:
    def __init__(self) -> None:
        self.count = 0

    async def user(self) -> User:
        self.count += 1
        return User("Ada")

    async def names(self) -> tuple[str, ...]:
        self.count += 1
        return ("Ada",)

    async def number(self) -> int:
        self.count += 1
        return 1


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache([USERS, TEAMS, LISTS, COUNTS]) as cache:
        yield cache


async def read_all(rows: Cached[User, tuple[str, ...]], tenant: int, loads: Loads) -> int:
    """How many of the three had to be loaded."""
    before = loads.count
    await rows.entity(tenant, 7, loads.user)
    await rows.list(tenant, {"status": "active", "limit": 20}, loads.names)
    await rows.count(tenant, {"status": "active"}, loads.number)
    return loads.count - before


async def test_a_write_reaches_entity_lists_and_counts_of_its_kind_and_tenant(cache: Cache) -> None:
    users = Cached(cache, entities=USERS, lists=LISTS, counts=COUNTS)
    teams = Cached(cache, entities=TEAMS, lists=LISTS, counts=COUNTS)
    loads = Loads()
    for rows in (users, teams):
        for tenant in (1, 2):
            assert await read_all(rows, tenant, loads) == 3
            assert await read_all(rows, tenant, loads) == 0
    await users.changed(1, 7)()
    assert await read_all(users, 1, loads) == 3
    assert await read_all(users, 2, loads) == await read_all(teams, 1, loads) == 0


async def test_a_write_to_another_row_leaves_the_entity(cache: Cache) -> None:
    users, loads = Cached(cache, entities=USERS, lists=LISTS, counts=COUNTS), Loads()
    await read_all(users, 1, loads)
    await users.changed(1, 8)()
    assert await read_all(users, 1, loads) == 2


async def test_the_order_of_a_question_does_not_matter_and_its_content_does(cache: Cache) -> None:
    users, loads = Cached(cache, entities=USERS, lists=LISTS, counts=COUNTS), Loads()
    day = datetime.date(2026, 1, 1)
    await users.list(1, {"a": 1, "b": {"x": day, "y": [2]}}, loads.names)
    await users.list(1, {"b": {"y": [2], "x": day}, "a": 1}, loads.names)
    assert loads.count == 1
    await users.list(1, {"a": "1", "b": {"x": day, "y": [2]}}, loads.names)
    assert loads.count == 2


async def test_many_entities_come_in_one_load(cache: Cache) -> None:
    users, asked = Cached(cache, entities=USERS, lists=LISTS, counts=COUNTS), []

    async def load(keys: Any) -> dict[int, User]:
        asked.append(list(keys))
        return {key: User(str(key)) for key in keys}

    assert await users.entities(1, [1, 2], load) == {1: User("1"), 2: User("2")}
    await users.entities(1, [2, 3], load)
    assert asked == [[1, 2], [3]]


async def test_a_question_that_is_no_plain_value_is_refused(cache: Cache) -> None:
    users, loads = Cached(cache, entities=USERS, lists=LISTS, counts=COUNTS), Loads()
    with pytest.raises(CacheKeyError):
        await users.list(1, {"a": object()}, loads.names)
