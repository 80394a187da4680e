"""Observers are told of every read of the second level, once, and of nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tenfold.runtime.cache import Cache
from tests.clock import Clock
from tests.db.runtime.cache.redis_server import RedisServer
from tests.unit.runtime.cache.build import USER, Source, User
from tests.waiting import until

Processes = Callable[..., Awaitable[Cache]]


class Told:
    def __init__(self) -> None:
        self.reads: list[tuple[str, bool]] = []
        self.seconds = 0.0

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        assert seconds > 0
        self.reads.append((namespace, hit))
        self.seconds += seconds


async def test_a_read_of_the_second_level_is_told_and_one_of_the_first_is_not(
    processes: Processes, source: Source
) -> None:
    one, other = Told(), Told()
    a, b = await processes(observers=[one]), await processes(observers=[other, one])
    source.rows[1, "k"] = User("Ada")
    for cache in (a, b):
        for _ in range(3):
            await cache.get(USER, 1, "k", source.one(1, "k"))
        await until(lambda cache=cache: not cache._loads._tasks, "the fill")
    assert one.reads == [("user", False), ("user", True)]
    assert other.reads == [("user", True)]


async def test_a_bulk_read_is_told_once_and_hits_where_nothing_was_missing(
    processes: Processes, source: Source
) -> None:
    told = Told()
    a, b = await processes(), await processes(observers=[told])
    for key in "abc":
        source.rows[1, key] = User(key)
    await a.get_many(USER, 1, "ab", source.many(1))
    await until(lambda: not a._loads._tasks, "the fill")
    await b.get_many(USER, 1, "ab", source.many(1))
    await b.get_many(USER, 1, "abc", source.many(1))
    assert told.reads == [("user", True), ("user", False)]


async def test_what_is_not_asked_of_the_server_is_not_told(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    told, clock = Told(), Clock()
    space = replace(USER, refresh_after=0.5)
    cache = await processes(space, observers=[told], clock=clock, lease=1000)
    source.rows[1, "k"] = User("Ada")
    await cache.get(space, 1, "k", source.one(1, "k"))
    await until(lambda: not cache._loads._tasks, "the fill")
    clock.now += 40
    await cache.get(space, 1, "k", source.one(1, "k"))
    await until(lambda: not cache._loads._tasks, "the refresh, which asks for no value")
    redis_server.kill()
    await until(lambda: not cache.statistics().connected, "the circuit")
    await cache.get(space, 1, "other", source.one(1, "other"))
    assert told.reads == [("user", False)]
