"""One load for all who miss; nobody's cancellation is another's."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import pytest

from tenfold.errors import CacheError, LoadFailedError, LoadTimeoutError
from tenfold.runtime.cache import MISSING, Cache
from tests.unit.runtime.cache.build import USER, Source, User, settled


async def test_a_thousand_misses_are_one_load(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("Ada")
    source.hold()
    reads = [asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"))) for _ in range(1000)]
    await source.until_waiting()
    await settled()
    source.release()
    assert set(await asyncio.gather(*reads)) == {User("Ada")}
    counts = cache.statistics().namespaces["user"]
    assert (source.loads, counts.loads, counts.misses, counts.joined) == (1, 1, 1, 999)


@pytest.mark.parametrize("cancelled", [slice(0, 1), slice(5, 6), slice(0, 9)])
async def test_the_cancellation_of_readers_does_not_reach_the_others(
    cache: Cache, source: Source, cancelled: slice
) -> None:
    source.rows[1, "k"] = User("Ada")
    source.hold()
    reads = [asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"))) for _ in range(10)]
    await source.until_waiting()
    for read in reads[cancelled]:
        read.cancel()
    await settled()
    source.release()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[cancelled])
    assert results.count(User("Ada")) == 10 - len(reads[cancelled])
    assert source.loads == 1


async def test_a_load_that_nobody_waits_for_any_more_still_fills(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("Ada")
    source.hold()
    read = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting()
    read.cancel()
    await asyncio.wait([read])
    source.release()
    await settled()
    assert cache.peek(USER, 1, "k") == User("Ada")


async def test_all_who_wait_get_the_failure_and_the_next_reader_loads_anew(
    cache: Cache, source: Source
) -> None:
    source.rows[1, "k"] = OSError("down")
    source.hold()
    reads = [asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"))) for _ in range(5)]
    await source.until_waiting()
    await settled()
    source.release()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 5
    source.rows[1, "k"] = User("Ada")
    assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
    assert source.loads == 2


async def test_a_failure_that_nobody_waits_for_is_no_noise(
    cache: Cache, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.rows[1, "k"] = OSError("down")
    source.hold()
    read = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting()
    read.cancel()
    await asyncio.wait([read])
    source.release()
    await settled()
    gc.collect()
    assert caplog.records == []
    assert cache.statistics().namespaces["user"].load_failures == 1


async def test_a_failure_for_a_reader_that_was_thrown_away_is_no_noise(
    cache: Cache, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.rows[1, "k"] = OSError("down")
    source.hold()
    read = cache.get(USER, 1, "k", source.one(1, "k"))
    read.send(None)
    read.close()
    await source.until_waiting()
    source.release()
    await settled()
    gc.collect()
    assert caplog.records == []


async def test_a_load_has_its_time_and_no_more() -> None:
    space = replace(USER, load_timeout=0.01)
    async with Cache([space]) as cache:
        with pytest.raises(LoadTimeoutError, match="user"):
            await cache.get(space, 1, "k", asyncio.Event().wait)


async def test_a_timeout_of_the_loads_own_is_not_called_ours(cache: Cache) -> None:
    async def load() -> User:
        raise TimeoutError("of the database")

    with pytest.raises(TimeoutError, match="of the database"):
        await cache.get(USER, 1, "k", load)


async def test_a_load_that_is_cancelled_from_within_does_not_cancel_its_readers(cache: Cache) -> None:
    async def load() -> User:
        raise asyncio.CancelledError

    with pytest.raises(LoadFailedError, match="from within"):
        await cache.get(USER, 1, "k", load)


async def test_a_load_that_waits_for_itself_is_refused(cache: Cache, source: Source) -> None:
    async def one() -> User | None:
        return await cache.get(USER, 1, "a", two)

    async def two() -> User | None:
        return await cache.get(USER, 1, "b", one)

    with pytest.raises(CacheError, match="the key that it loads"):
        await cache.get(USER, 1, "a", two)


async def test_a_load_may_ask_for_other_keys_and_other_tenants(cache: Cache, source: Source) -> None:
    source.rows[2, "k"] = User("Ada")

    async def load() -> User | None:
        return await cache.get(USER, 2, "k", source.one(2, "k"))

    assert await cache.get(USER, 1, "k", load) == User("Ada")


async def test_flights_leave_nothing_behind(cache: Cache, source: Source) -> None:
    for key in range(50):
        source.rows[1, key] = User("Ada") if key % 2 else OSError()
    reads = [asyncio.create_task(cache.get(USER, 1, key, source.one(1, key))) for key in range(50)]
    for read in reads[::3]:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)
    await settled()
    loads = cache._loads
    assert (len(loads._flights), len(loads._tasks), len(cache._fences)) == (0, 0, 0)


async def test_readers_of_a_load_that_was_invalidated_get_what_they_came_for(
    cache: Cache, source: Source
) -> None:
    source.rows[1, "k"] = User("old")
    source.hold()
    early = [asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"))) for _ in range(3)]
    await source.until_waiting()
    source.rows[1, "k"] = User("new")
    await cache.invalidate(USER, 1, "k")
    late = [asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"))) for _ in range(3)]
    await source.until_waiting(2)
    source.release()
    assert await asyncio.gather(*early) == [User("old")] * 3
    assert await asyncio.gather(*late) == [User("new")] * 3
    assert (source.loads, cache.peek(USER, 1, "k")) == (2, User("new"))
    assert cache.peek(USER, 1, "k") is not MISSING
