"""The second level fails in every way it can: the service goes on, says nothing old, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from tenfold.errors import CacheClosedError
from tenfold.runtime.cache import MISSING, Cache, link
from tests.clock import Clock
from tests.db.runtime.cache.redis_server import RedisServer
from tests.unit.runtime.cache.build import USER, Source, User
from tests.waiting import until

Processes = Callable[..., Awaitable[Cache]]


def connected(cache: Cache) -> bool | None:
    return cache.statistics().connected


async def filled(cache: Cache, source: Source, tenant: int = 1, key: str = "k") -> None:
    await cache.get(USER, tenant, key, source.one(tenant, key))
    await until(lambda: not cache._loads._tasks, "the fill")


async def test_a_server_that_is_not_there_yet_is_found_when_it_comes(
    redis_server: RedisServer, source: Source, application: str
) -> None:
    redis_server.kill()
    source.rows[1, "k"] = User("Ada")
    async with Cache([USER], url=redis_server.url, application=application) as cache:
        assert connected(cache) is False
        assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
        assert cache.peek(USER, 1, "k") is MISSING
        assert cache.statistics().entries == 0
        redis_server.start()
        await until(lambda: connected(cache), "the line")
        await cache.caught_up()
        await filled(cache, source)
        assert cache.peek(USER, 1, "k") == User("Ada")


async def test_a_server_that_is_killed_in_traffic_is_missed_by_nobody(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    a, b = await processes(), await processes()
    for key in range(20):
        source.rows[1, key], source.rows[2, key] = User("Ada"), User("Eve")
    stop = asyncio.Event()

    async def traffic(cache: Cache) -> int:
        reads = 0
        while not stop.is_set():
            for key in range(20):
                assert await cache.get(USER, 1, key, source.one(1, key)) == User("Ada")
                assert await cache.get(USER, 2, key, source.one(2, key)) == User("Eve")
                reads += 1
            await cache.invalidate(USER, 1, reads % 20)
            await asyncio.sleep(0)
        return reads

    running = [asyncio.create_task(traffic(cache)) for cache in (a, b) for _ in range(3)]
    redis_server.kill()
    await until(lambda: not connected(a) and not connected(b), "the circuits")
    loads = source.loads
    await until(lambda: source.loads > loads + 20, "traffic without the server")
    redis_server.start()
    await until(lambda: connected(a) and connected(b), "the lines")
    stop.set()
    assert all(await asyncio.gather(*running))
    for cache in (a, b):
        counts = cache.statistics().link
        assert (counts.opened, counts.healed) >= (1, 1)
        assert counts.pending == 0
    await a.caught_up()
    await b.caught_up()
    source.rows[1, "new"] = User("Ada")
    loads = source.loads
    await filled(a, source, key="new")
    await filled(b, source, key="new")
    assert source.loads == loads + 1


async def test_a_server_that_hangs_costs_one_timeout_and_then_nothing(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    cache = await processes(timeout=1, lease=60)
    redis_server.pause()
    for key in range(100):
        source.rows[1, key] = User("Ada")
    reads = [cache.get(USER, 1, key, source.one(1, key)) for key in range(100)]
    assert set(await asyncio.gather(*reads)) == {User("Ada")}
    assert cache.statistics().link.failures == 1
    for _ in range(10):
        await cache.get(USER, 1, 1, source.one(1, 1))
    counts = cache.statistics().link
    assert (counts.failures, counts.opened, connected(cache)) == (1, 1, False)
    assert counts.skipped >= 10
    redis_server.resume()
    await until(lambda: connected(cache), "the line")
    assert cache.statistics().link.healed == 1


async def test_a_server_that_became_read_only_is_used_again_when_it_is_not(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(a, source)
    redis_server.refuse_writes()
    source.rows[1, "k"] = User("new")
    # It cannot be told to others, and says so; here it holds.
    assert await a.invalidate(USER, 1, "k") is False
    assert a.statistics().link.pending == 1
    assert await a.get(USER, 1, "k", source.one(1, "k")) == User("new")
    await until(lambda: not connected(b), "the proof of writing")
    assert b.peek(USER, 1, "k") is MISSING
    redis_server.take_writes()
    await until(lambda: connected(a) and connected(b), "the lines")
    assert a.statistics().link.pending == 0
    # The server still had the old value; what waited was delivered before it was used again.
    await b.caught_up()
    assert await b.get(USER, 1, "k", source.one(1, "k")) == User("new")


async def test_a_server_that_is_read_only_from_the_start_is_not_used(
    redis_server: RedisServer, source: Source, application: str
) -> None:
    redis_server.refuse_writes()
    async with Cache([USER], url=redis_server.url, application=application) as cache:
        assert connected(cache) is False
        assert cache.statistics().link.opened == 0
        redis_server.take_writes()
        await until(lambda: connected(cache), "the line")


async def test_what_could_not_be_sent_twice_is_sent_the_third_time(
    redis_server: RedisServer, source: Source, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(a, source)
    redis_server.refuse_writes()
    source.rows[1, "k"] = User("new")
    assert not await a.invalidate(USER, 1, "k")
    send, failed = a._link._send, []

    async def not_yet(wire: Any, names: Any) -> bool:
        if not failed:
            failed.append(names)
            raise ConnectionResetError
        return await send(wire, names)

    monkeypatch.setattr(a._link, "_send", not_yet)
    redis_server.take_writes()
    await until(lambda: failed and connected(a) and connected(b), "the lines")
    await b.caught_up()
    assert await b.get(USER, 1, "k", source.one(1, "k")) == User("new")


async def test_that_everything_is_to_be_forgotten_reaches_the_others_at_the_second_attempt(
    source: Source, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(b, source)
    forget, failed = a._link._forget_everything, []

    async def not_yet(wire: Any) -> None:
        if not failed:
            failed.append(wire)
            raise ConnectionResetError
        await forget(wire)

    monkeypatch.setattr(a._link, "_forget_everything", not_yet)
    a._link._pending_all = True
    a._link._fault(ConnectionResetError())
    await until(lambda: failed and connected(a), "the line")
    await b.caught_up()
    assert (b.peek(USER, 1, "k"), b.statistics().link.opened) == (MISSING, 0)
    source.rows[1, "k"] = User("new")
    assert await b.get(USER, 1, "k", source.one(1, "k")) == User("new")


async def test_everything_is_forgotten_however_many_tenants_there_are(
    processes: Processes, redis_server: RedisServer, application: str
) -> None:
    cache = await processes()
    scopes = {f"{application}:s:{{{tenant}}}:user": "token" for tenant in range(3000)}
    redis_server.client.mset({**scopes, "another:s:{1}:user": "token"})
    cache._link._pending_all = True
    cache._link._fault(ConnectionResetError())
    await until(lambda: connected(cache), "the line")
    assert redis_server.client.keys("*:s:*") == [b"another:s:{1}:user"]


async def test_a_hanging_server_is_noticed_though_nobody_reads(
    processes: Processes, redis_server: RedisServer
) -> None:
    cache = await processes(lease=0.2, timeout=30)
    redis_server.pause()
    await until(lambda: not connected(cache), "the heartbeat")
    redis_server.resume()


async def test_what_is_invalidated_again_while_it_is_sent_is_sent_again(
    redis_server: RedisServer, source: Source, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await processes(), await processes()
    redis_server.refuse_writes()
    assert not await a.invalidate(USER, 1, "k")
    send, again = a._link._send, []

    async def and_again(client: Any, names: Any) -> bool:
        sent = await send(client, names)
        if not again:
            again.append(await a.invalidate(USER, 1, "k"))
        return sent

    monkeypatch.setattr(a._link, "_send", and_again)
    redis_server.take_writes()
    await until(lambda: connected(a) and connected(b), "the lines")
    assert again == [False]
    assert redis_server.client.info("commandstats")["cmdstat_publish"]["calls"] == 2


async def test_invalidations_beyond_those_that_are_kept_forget_everything(
    redis_server: RedisServer, source: Source, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_MOST_PENDING", 3)
    a, b = await processes(), await processes()
    for key in "abcdef":
        source.rows[1, key] = User("old")
        await filled(a, source, key=key)
    redis_server.refuse_writes()
    for key in "abcde":
        source.rows[1, key] = User("new")
        assert not await a.invalidate(USER, 1, key)
    # Everything, and the one that came after that.
    assert a.statistics().link.pending == 2
    redis_server.take_writes()
    await until(lambda: connected(a) and connected(b), "the lines")
    for key in "abcde":
        assert await b.get(USER, 1, key, source.one(1, key)) == User("new")
    assert a.statistics().link.pending == 0


async def test_a_full_server_serves_what_it_has_and_forgets_what_it_must(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "kept"], source.rows[1, "new"] = User("old"), User("Ada")
    await filled(a, source, key="kept")
    redis_server.client.config_set("maxmemory-policy", "noeviction")
    redis_server.client.config_set("maxmemory", "1")
    await filled(b, source, key="kept")
    assert source.loads == 1
    await filled(b, source, key="new")
    assert b.peek(USER, 1, "new") == User("Ada")
    source.rows[1, "kept"] = User("new")
    assert await b.invalidate(USER, 1, "kept")
    await a.caught_up()
    assert await a.get(USER, 1, "kept", source.one(1, "kept")) == User("new")
    assert connected(a) and connected(b)
    assert a.statistics().link.failures == b.statistics().link.failures == 0


async def test_a_server_that_fills_up_during_the_load_keeps_the_value_out(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    cache = await processes()
    source.rows[1, "k"] = User("Ada")
    source.hold()
    read = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting()
    redis_server.client.config_set("maxmemory", "1")
    source.release()
    assert await read == User("Ada")
    await until(lambda: not cache._loads._tasks)
    assert cache.statistics().namespaces["user"].shared_fills_refused == 1
    assert (connected(cache), cache.statistics().link.failures) == (True, 0)


@pytest.mark.parametrize("policy", ["allkeys-random", "allkeys-lru", "volatile-lfu", "volatile-ttl"])
async def test_a_server_that_evicts_costs_loads_only(
    redis_server: RedisServer, source: Source, processes: Processes, policy: str
) -> None:
    a, b = await processes(entries=5), await processes(entries=5)
    redis_server.client.config_set("maxmemory-policy", policy)
    used = int(redis_server.client.info("memory")["used_memory"])
    redis_server.client.config_set("maxmemory", str(used + 100_000))
    long = "Ada" * 2000  # 60 of them do not fit
    for version in range(5):
        for key in range(60):
            source.rows[1, key] = User(long, version)
            assert await a.invalidate(USER, 1, key)
        await b.caught_up()
        for cache in (a, b):
            for key in range(60):
                assert await cache.get(USER, 1, key, source.one(1, key), tags=["tag"]) == User(long, version)
    assert int(redis_server.client.info("stats")["evicted_keys"]) > 0
    assert connected(a) and connected(b)


async def test_a_lost_subscription_empties_the_first_level(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(a, source)
    redis_server.client.client_kill_filter(_type="pubsub")
    source.rows[1, "k"] = User("new")
    # Nobody listens to this message, or the other process does not.
    redis_server.client.delete(*redis_server.client.keys("*:s:*"))
    await until(lambda: a.peek(USER, 1, "k") is MISSING, "the loss")
    await until(lambda: connected(a) and connected(b), "the lines")
    assert await a.get(USER, 1, "k", source.one(1, "k")) == User("new")
    assert a.statistics().link.healed == 1


async def test_a_lost_line_empties_the_first_level_at_once(
    redis_server: RedisServer, source: Source, processes: Processes
) -> None:
    cache = await processes()
    source.rows[1, "k"] = User("old")
    await filled(cache, source)
    assert cache.statistics().entries == 1
    redis_server.kill()
    await until(lambda: not connected(cache), "the loss")
    assert cache.statistics().entries == 0


async def test_what_is_being_told_when_the_cache_closes_is_told(source: Source, processes: Processes) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(b, source)
    telling = asyncio.create_task(a.invalidate(USER, 1, "k"))
    while not a._telling:
        await asyncio.sleep(0)
    await a.close()
    assert await telling is True
    await b.caught_up()
    assert b.peek(USER, 1, "k") is MISSING


async def test_a_subscription_that_is_lost_is_not_opened_again_by_a_ping(processes: Processes) -> None:
    cache = await processes()
    subscription = cache._link._connection
    await subscription.disconnect(nowait=True)
    await cache.caught_up()
    assert not subscription.is_connected
    await until(lambda: connected(cache) and cache._link._connection is not subscription, "another one")


async def test_a_load_begun_while_nobody_listened_is_not_kept(
    redis_server: RedisServer, source: Source, application: str, processes: Processes
) -> None:
    redis_server.kill()
    async with Cache([USER], url=redis_server.url, application=application) as deaf:
        source.rows[1, "k"] = User("old")
        source.hold()
        read = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting()
        redis_server.start()
        await until(lambda: connected(deaf), "the line")
        await deaf.caught_up()
        # In between, any other process may have told of a newer one.
        source.rows[1, "k"] = User("new")
        source.release()
        assert await read == User("old")
        await until(lambda: not deaf._loads._tasks)
        assert deaf.peek(USER, 1, "k") is MISSING
        assert await deaf.get(USER, 1, "k", source.one(1, "k")) == User("new")


@pytest.mark.parametrize("through_keyspace", [False, True])
async def test_a_silent_subscription_is_believed_for_its_lease_and_no_longer(
    source: Source, processes: Processes, redis_server: RedisServer, through_keyspace: bool
) -> None:
    clock = Clock()
    cache = await processes(clock=clock, lease=5)
    users, load = cache.of(USER, 1), source.one(1, "k")
    source.rows[1, "k"] = User("old")
    for _ in range(2):
        await filled(cache, source)
    redis_server.pause()
    clock.now += 4.9
    source.rows[1, "k"] = User("new")
    believed = [cache.peek(USER, 1, "k"), users.peek("k"), await users.get("k", load)]
    assert believed == [User("old")] * 3
    clock.now += 0.2
    assert [cache.peek(USER, 1, "k"), users.peek("k")] == [MISSING, MISSING]
    read = users.get if through_keyspace else partial(cache.get, USER, 1)
    assert await read("k", load) == User("new")
    redis_server.resume()


async def test_a_deaf_process_joins_no_load_that_is_older_than_the_lease(
    source: Source, redis_server: RedisServer, application: str
) -> None:
    redis_server.kill()
    clock = Clock()
    settings: dict[str, Any] = {
        "url": redis_server.url,
        "application": application,
        "clock": clock,
        "lease": 5,
    }
    async with Cache([USER], **settings) as deaf:
        source.rows[1, "k"] = User("old")
        source.hold()
        first = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting()
        clock.now += 4
        second = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await asyncio.sleep(0)
        source.rows[1, "k"] = User("new")
        clock.now += 2
        third = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting(2)
        source.release()
        assert [await read for read in (first, second, third)] == [User("old"), User("old"), User("new")]


async def test_who_has_caught_up_without_a_line_joins_nothing_that_was_begun_before(
    source: Source, redis_server: RedisServer, application: str
) -> None:
    redis_server.kill()
    async with Cache([USER], url=redis_server.url, application=application, lease=60) as deaf:
        source.rows[1, "k"] = User("old")
        source.hold()
        first = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting()
        source.rows[1, "k"] = User("new")
        await deaf.caught_up()
        second = asyncio.create_task(deaf.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting(2)
        source.release()
        assert [await first, await second] == [User("old"), User("new")]


async def test_a_server_that_refuses_us_is_gone_through(
    redis_server: RedisServer, source: Source, application: str, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.client.config_set("requirepass", "the-password")
    source.rows[1, "k"] = User("Ada")
    async with Cache([USER], url=redis_server.url, application=application) as cache:
        assert connected(cache) is False
        assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
    [record] = caplog.records
    assert record.getMessage().startswith("the shared cache is out of use: ")
    assert "the-password" not in record.getMessage()


async def test_closing_while_the_server_hangs_ends(
    redis_server: RedisServer, source: Source, application: str
) -> None:
    async with Cache([USER], url=redis_server.url, application=application, timeout=0.1) as cache:
        await filled(cache, source)
        redis_server.pause()
        assert await cache.invalidate(USER, 1, "k") is False
    redis_server.resume()


async def test_an_opening_that_is_given_up_leaves_nothing_behind(
    redis_server: RedisServer, application: str
) -> None:
    redis_server.pause()
    before = asyncio.all_tasks()
    opening = asyncio.create_task(Cache([USER], url=redis_server.url, application=application).__aenter__())
    await until(lambda: len(asyncio.all_tasks() - before) > 1, "the line")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert asyncio.all_tasks() == before
    redis_server.resume()


def test_a_cache_is_closed_in_the_loop_that_opened_it(redis_server: RedisServer, application: str) -> None:
    cache = Cache([USER], url=redis_server.url, application=application)

    async def opened_and_left() -> None:
        await cache.__aenter__()

    async def load() -> User:
        return User("Ada")

    asyncio.run(opened_and_left())
    with pytest.raises(CacheClosedError, match="another event loop"):
        asyncio.run(cache.close())
    asyncio.run(cache.close())
    with pytest.raises(CacheClosedError):
        asyncio.run(cache.get(USER, 1, "k", load))
