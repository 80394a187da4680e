"""Two processes on one server: what one loads serves the other, and what one forgets the other forgets."""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tenfold.runtime.cache import MISSING, Cache, EncryptingCodec, Namespace
from tenfold.runtime.cache.codec import seal
from tenfold.runtime.cache.invalidation import Message, write_message
from tests.clock import Clock
from tests.db.runtime.cache.redis_server import RedisServer
from tests.unit.runtime.cache.build import NOTE, PLAN, USER, Source, User, settled
from tests.waiting import until

Processes = Callable[..., Awaitable[Cache]]


def value_name(application: str, tenant: object = 1, key: str = "k") -> str:
    return f"{application}:v:{{{tenant}}}:user:={key}"


async def filled(cache: Cache, source: Source, tenant: int = 1, key: str = "k", **options: Any) -> None:
    """The value is in the second level when this returns."""
    await cache.get(USER, tenant, key, source.one(tenant, key), **options)
    await until(lambda: not cache._loads._tasks, "the fill")


def forgetting(cache: Cache) -> dict[str, Callable[[], Awaitable[bool]]]:
    return {
        "key": cache.invalidation().keys(USER, 1, "k"),
        "tag": cache.invalidation().tags(1, "tag"),
        "namespace": cache.invalidation().namespace(USER, 1),
        "tenant": cache.invalidation().tenant(1),
    }


WAYS = ["key", "tag", "namespace", "tenant"]


# --- sharing ---------------------------------------------------------------------------------------------


async def test_what_one_process_loads_serves_the_other(processes: Processes, source: Source) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"], source.rows[None, "p"] = User("Ada"), "gold"
    source.rows[1, "n"] = {"a": 1}
    for cache in (a, b):
        assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
        assert await cache.get(PLAN, None, "p", source.one(None, "p")) == "gold"
        assert await cache.get(NOTE, 1, "n", source.one(1, "n")) == {"a": 1}
        assert await cache.get(USER, 1, "none", source.one(1, "none")) is None
        await until(lambda cache=cache: not cache._loads._tasks)
    assert source.loads == 4
    assert b.statistics().namespaces["user"].shared_hits == 2


async def test_options_of_the_url_do_not_change_the_line(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    url = f"{redis_server.url}?decode_responses=true&protocol=3&socket_timeout=0.01&health_check_interval=1"
    a, b = await processes(url=url), await processes(url=url)
    source.rows[1, "k"] = User("Ada")
    for cache in (a, b):
        await filled(cache, source)
    assert source.loads == 1
    await a.invalidate(USER, 1, "k")
    await b.caught_up()
    assert b.peek(USER, 1, "k") is MISSING
    assert (a.statistics().link.opened, b.statistics().link.opened) == (0, 0)


async def test_the_same_key_of_two_tenants_is_two_things(processes: Processes, source: Source) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    for cache in (a, b):
        await filled(cache, source, 1)
        await filled(cache, source, 2)
        assert [cache.peek(USER, tenant, "k") for tenant in (1, 2)] == [User("Ada"), None]
    source.rows[2, "k"] = User("Eve")
    await a.invalidate(USER, 2, "k")
    await b.caught_up()
    for cache in (a, b):
        assert await cache.get(USER, 2, "k", source.one(2, "k")) == User("Eve")
        assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")


async def test_the_first_level_does_not_outlive_the_second(
    processes: Processes, source: Source, application: str, redis_server: RedisServer
) -> None:
    a, clock = await processes(), Clock()
    b = await processes(clock=clock, lease=1000)
    source.rows[1, "k"] = User("Ada")
    await filled(a, source)
    assert 50_000 < redis_server.client.pttl(value_name(application)) <= 60_000
    redis_server.client.pexpire(value_name(application), 20_000)
    await filled(b, source)
    clock.now += 20
    assert (b.peek(USER, 1, "k"), source.loads) == (MISSING, 1)


async def test_bulk_reads_serve_each_other_beyond_one_batch(processes: Processes, source: Source) -> None:
    a, b = await processes(entries=2000), await processes(entries=2000)
    keys = [str(number) for number in range(600)]
    for key in keys[1:]:
        source.rows[1, key] = User(key)
    expected = {key: source.rows.get((1, key)) for key in keys}
    assert await a.get_many(USER, 1, keys, source.many(1)) == expected
    await until(lambda: not a._loads._tasks)
    assert await b.get_many(USER, 1, keys, source.many(1)) == expected
    assert source.loads == 1


async def test_scripts_that_the_server_forgot_are_sent_again(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(a, source)
    redis_server.client.script_flush()
    await filled(b, source)
    assert (source.loads, b.statistics().link.failures) == (1, 0)


async def test_one_process_refreshes_for_all(
    processes: Processes, source: Source, application: str, redis_server: RedisServer
) -> None:
    space, clock = replace(USER, refresh_after=0.5), Clock()
    a, b = [await processes(space, clock=clock, lease=1000) for _ in range(2)]
    source.rows[1, "k"] = User("old")
    for cache in (a, b):
        await cache.get(space, 1, "k", source.one(1, "k"))
        await until(lambda cache=cache: not cache._loads._tasks)
    # As if the second that a filled lease lives on had passed.
    redis_server.client.delete(value_name(application).replace(":v:", ":l:"))
    clock.now += 30
    source.rows[1, "k"] = User("new")
    source.hold()
    assert await a.get(space, 1, "k", source.one(1, "k")) == User("old")
    await source.until_waiting()
    assert await b.get(space, 1, "k", source.one(1, "k")) == User("old")
    await until(lambda: not b._loads._tasks, "the refresh that another does")
    source.release()
    await until(lambda: not a._loads._tasks)
    assert (a.peek(space, 1, "k"), source.loads) == (User("new"), 2)


# --- invalidation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_the_other_process_hears_of_it(processes: Processes, source: Source, way: str) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    for cache in (a, b):
        await filled(cache, source, tags=["tag"])
    source.rows[1, "k"] = User("new")
    assert await forgetting(a)[way]()
    assert a.peek(USER, 1, "k") is MISSING
    await until(lambda: b.peek(USER, 1, "k") is MISSING, "the message")
    for cache in (a, b):
        assert await cache.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]) == User("new")


async def test_who_has_caught_up_has_heard_of_it(processes: Processes, source: Source) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    for _ in range(20):
        await filled(b, source)
        await a.invalidate(USER, 1, "k")
        await b.caught_up()
        assert b.peek(USER, 1, "k") is MISSING


@pytest.mark.parametrize("way", WAYS)
async def test_a_slow_load_of_one_process_does_not_undo_the_invalidation_of_another(
    processes: Processes, source: Source, way: str, redis_server: RedisServer, application: str
) -> None:
    a, b, c = [await processes() for _ in range(3)]
    source.rows[1, "k"] = User("old")
    source.hold()
    slow = asyncio.create_task(a.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]))
    await source.until_waiting()
    source.rows[1, "k"] = User("new")
    assert await forgetting(b)[way]()
    source.release()
    assert await slow == User("old")
    await until(lambda: not a._loads._tasks)
    # It had its lease and its fences, and the server compared them.
    assert a.statistics().namespaces["user"].shared_fills_refused == 1
    assert redis_server.client.get(value_name(application)) is None
    assert await c.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]) == User("new")
    await a.caught_up()
    assert await a.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]) == User("new")


async def test_a_load_begun_after_the_invalidation_fills_though_an_older_one_is_in_flight(
    processes: Processes, source: Source
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    source.hold()
    slow = asyncio.create_task(a.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting()
    source.rows[1, "k"] = User("new")
    await b.invalidate(USER, 1, "k")
    fresh = asyncio.create_task(b.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting(2)
    source.release()
    assert (await slow, await fresh) == (User("old"), User("new"))
    await until(lambda: not (a._loads._tasks or b._loads._tasks))
    await a.caught_up()
    assert await a.get(USER, 1, "k", source.one(1, "k")) == User("new")
    assert source.loads == 2


async def test_an_older_load_does_not_fill_while_a_newer_one_is_in_flight(
    processes: Processes, source: Source, redis_server: RedisServer, application: str
) -> None:
    a, b = await processes(), await processes()
    newer = Source()
    source.rows[1, "k"], newer.rows[1, "k"] = User("old"), User("new")
    source.hold()
    newer.hold()
    slow = asyncio.create_task(a.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]))
    await source.until_waiting()
    await b.invalidation().keys(USER, 1, "k").tags(1, "tag").namespace(USER, 1)()
    fresh = asyncio.create_task(b.get(USER, 1, "k", newer.one(1, "k"), tags=["tag"]))
    await newer.until_waiting()
    # All fences stand again, and none of them is the one that the older load has seen.
    source.release()
    assert await slow == User("old")
    await until(lambda: not a._loads._tasks)
    assert redis_server.client.get(value_name(application)) is None
    newer.release()
    assert await fresh == User("new")
    await until(lambda: not b._loads._tasks)
    await a.caught_up()
    assert await a.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]) == User("new")


async def test_fences_live_as_long_as_what_depends_on_them(
    processes: Processes, source: Source, redis_server: RedisServer, application: str
) -> None:
    a = await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(a, source, tags=["tag"])
    value = redis_server.client.pttl(value_name(application))
    for fence in (f"{application}:s:{{1}}:user", f"{application}:t:{{1}}:tag"):
        # A moment passes between the two questions.
        assert redis_server.client.pttl(fence) > value - 5000


async def test_a_tag_binds_readers_that_do_not_name_it(processes: Processes, source: Source) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(a, source, tags=["tag"])
    await filled(b, source)
    assert source.loads == 1
    source.rows[1, "k"] = User("new")
    await a.invalidation().tags(1, "tag")()
    await b.caught_up()
    assert await b.get(USER, 1, "k", source.one(1, "k")) == User("new")


async def test_a_tag_that_ends_while_it_is_found_out_keeps_the_value_out(
    processes: Processes, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(a, source, tags=["tag"])
    shared = b._loads._envelopes._shared
    read, reads = shared.read, 0

    async def read_and_wait(*what: Any, **options: Any) -> Any:
        nonlocal reads
        answer = await read(*what, **options)
        reads += 1
        if reads == 2:
            await a.invalidation().tags(1, "tag")()
            await b.caught_up()
        return answer

    monkeypatch.setattr(shared, "read", read_and_wait)
    assert await b.get(USER, 1, "k", source.one(1, "k")) == User("old")
    assert (reads, b.peek(USER, 1, "k")) == (2, MISSING)


async def test_an_invalidation_reaches_processes_of_another_version(
    processes: Processes, source: Source
) -> None:
    a, newer = await processes(), replace(USER, version=2)
    b = await processes(newer)
    source.rows[1, "k"] = User("old")
    await filled(a, source)
    await b.get(newer, 1, "k", source.one(1, "k"))
    assert (source.loads, b.statistics().namespaces["user"].unreadable) == (2, 1)
    await a.invalidate(USER, 1, "k")
    await b.caught_up()
    assert b.peek(newer, 1, "k") is MISSING


async def test_the_cancellation_of_the_caller_does_not_stop_it(processes: Processes, source: Source) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(b, source)
    caller = asyncio.create_task(a.invalidate(USER, 1, "k"))
    while not a._telling:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await until(lambda: b.peek(USER, 1, "k") is MISSING, "the message")


# --- what a server may forget, or hold ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["l", "s", "t", "everything"])
async def test_a_fence_that_is_evicted_during_the_load_refuses_the_fill(
    processes: Processes, source: Source, redis_server: RedisServer, application: str, kind: str
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    source.hold()
    slow = asyncio.create_task(a.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]))
    await source.until_waiting()
    fences = redis_server.client.keys(
        f"{application}:*" if kind == "everything" else f"{application}:{kind}:*"
    )
    assert fences
    redis_server.client.flushall() if kind == "everything" else redis_server.client.delete(*fences)
    source.rows[1, "k"] = User("new")
    await b.invalidate(USER, 1, "k")
    source.release()
    await slow
    await until(lambda: not a._loads._tasks)
    assert redis_server.client.get(value_name(application)) is None
    assert await b.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]) == User("new")


@pytest.mark.parametrize("kind", ["s", "t"])
async def test_a_fence_that_is_evicted_later_makes_a_miss(
    processes: Processes, source: Source, redis_server: RedisServer, application: str, kind: str
) -> None:
    a, b, c = [await processes() for _ in range(3)]
    source.rows[1, "k"] = User("Ada")
    await filled(a, source, tags=["tag"])
    redis_server.client.delete(*redis_server.client.keys(f"{application}:{kind}:*"))
    await filled(b, source, tags=["tag"])
    assert source.loads == 2
    await filled(c, source, tags=["tag"])
    assert source.loads == 2


async def test_a_flush_costs_a_load(processes: Processes, source: Source, redis_server: RedisServer) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(a, source)
    redis_server.client.flushall()
    assert a.peek(USER, 1, "k") == User("Ada")
    await filled(b, source)
    assert (source.loads, b.statistics().link.failures) == (2, 0)


@pytest.mark.parametrize(
    "garbage", [b"", b"garbage", pickle.dumps(os.system), b"\x91" * 5000, os.urandom(300)]
)
async def test_garbage_is_a_miss_is_counted_and_replaced(
    processes: Processes, source: Source, redis_server: RedisServer, application: str, garbage: bytes
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    redis_server.client.set(value_name(application), garbage)
    await filled(a, source)
    assert (a.statistics().namespaces["user"].unreadable, a.statistics().link.failures) == (1, 0)
    await filled(b, source)
    assert source.loads == 1


async def test_a_key_of_another_type_is_a_miss_and_replaced(
    processes: Processes, source: Source, redis_server: RedisServer, application: str
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("Ada")
    redis_server.client.rpush(value_name(application), "a", "list")
    await filled(a, source)
    await filled(b, source)
    assert (source.loads, a.statistics().link.failures) == (1, 0)


async def test_a_value_that_was_copied_to_another_tenants_name_is_not_served(
    processes: Processes, source: Source, redis_server: RedisServer, application: str
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"], source.rows[2, "k"] = User("Ada"), User("Eve")
    await filled(a, source)
    redis_server.client.copy(value_name(application, 1), value_name(application, 2))
    redis_server.client.copy(f"{application}:s:{{1}}:user", f"{application}:s:{{2}}:user")
    assert await b.get(USER, 2, "k", source.one(2, "k")) == User("Eve")
    assert b.statistics().namespaces["user"].unreadable == 1


@pytest.mark.parametrize("tenant_of_the_fence", [None, 2])
async def test_an_envelope_without_the_fences_of_its_tenant_is_not_opened(
    processes: Processes,
    source: Source,
    redis_server: RedisServer,
    application: str,
    tenant_of_the_fence: int | None,
) -> None:
    cache = await processes()
    fences = {}
    if tenant_of_the_fence is not None:
        foreign = f"{application}:t:{{{tenant_of_the_fence}}}:tag"
        scope = f"{application}:s:{{1}}:user"
        fences = {scope: "token", foreign: "token"}
        for fence in fences:
            redis_server.client.set(fence, "token")
    body = msgspec.msgpack.encode(User("forged"))
    redis_server.client.set(
        value_name(application), seal(1, value_name(application), fences, body), px=60_000
    )
    source.rows[1, "k"] = User("Ada")
    assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
    assert cache.statistics().namespaces["user"].unreadable == 1


async def test_nothing_that_is_not_to_be_remembered_is_not_written(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    cache = await processes()
    assert await cache.get(NOTE, 1, "k", source.one(1, "k")) is None
    await until(lambda: not cache._loads._tasks, "the fill")
    # The lease of the load and the scope.
    assert redis_server.client.info("commandstats")["cmdstat_set"]["calls"] == 2


async def test_a_value_of_a_changed_type_is_a_miss(processes: Processes, source: Source) -> None:
    a = await processes()
    other: Namespace[Any] = replace(USER, type=dict[str, str], codec=None)
    b = await processes(other)
    source.rows[1, "k"] = User("Ada")
    await filled(a, source)
    source.rows[1, "k"] = {"full_name": "Ada"}
    assert await b.get(other, 1, "k", source.one(1, "k")) == {"full_name": "Ada"}
    assert b.statistics().namespaces["user"].unreadable == 1


@pytest.mark.parametrize(
    ("message", "unreadable"), [(b"garbage", 1), (write_message(Message("another", None)), 0)]
)
async def test_a_message_about_everything_or_that_nobody_wrote_empties_the_first_level(
    processes: Processes,
    source: Source,
    redis_server: RedisServer,
    application: str,
    message: bytes,
    unreadable: int,
) -> None:
    a = await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(a, source)
    redis_server.client.publish(f"{application}:invalidations", message)
    await a.caught_up()
    assert a.peek(USER, 1, "k") is MISSING
    assert a.statistics().link.unreadable_messages == unreadable
    assert a.statistics().connected


async def test_neither_secrets_nor_digested_keys_leave_the_process(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    sessions = Namespace(
        name="session",
        type=User,
        ttl=60,
        platform="before the tenant is known",
        digest_keys=True,
        secret=True,
        codec=EncryptingCodec(User, [os.urandom(32)]),
    )
    a, b = await processes(sessions), await processes(sessions)
    source.rows[None, "the-token"] = User("the-secret")
    for cache in (a, b):
        for _ in range(2):
            assert await cache.get(sessions, None, "the-token", source.one(None, "the-token")) == User(
                "the-secret"
            )
        await until(lambda cache=cache: not cache._loads._tasks)
    assert source.loads == 1
    names = redis_server.client.keys("*")
    held = b"".join(names) + b"".join(redis_server.client.get(name) for name in names)
    assert b"session" in held
    assert b"the-token" not in held and b"the-secret" not in held
    digest = next(name for name in names if b":v:" in name).rsplit(b":", 1)[1].decode()
    for forged in (digest, digest[1:], f"={digest}"):
        assert await b.get(sessions, None, forged, source.one(None, forged)) is None
    await a.invalidate(sessions, None, "the-token")
    await b.caught_up()
    assert b.peek(sessions, None, "the-token") is MISSING


async def test_nothing_stays_in_the_server_for_ever(
    processes: Processes, source: Source, redis_server: RedisServer
) -> None:
    a = await processes()
    source.rows[1, "k"] = User("Ada")
    await filled(a, source, tags=["tag"])
    await a.get(USER, 1, "none", source.one(1, "none"))
    await settled()
    names = redis_server.client.keys("*")
    assert len(names) >= 4
    assert all(0 < redis_server.client.pttl(name) <= 60_000 for name in names)


async def test_what_was_read_while_the_server_was_being_told_is_not_kept(
    processes: Processes, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await processes(), await processes()
    source.rows[1, "k"] = User("old")
    await filled(b, source)
    tell, told = a._link.invalidate, asyncio.Event()

    async def slowly(names: frozenset[str]) -> bool:
        await told.wait()
        return await tell(names)

    monkeypatch.setattr(a._link, "invalidate", slowly)
    source.rows[1, "k"] = User("new")
    telling = asyncio.create_task(a.invalidate(USER, 1, "k"))
    await settled()
    assert await a.get(USER, 1, "k", source.one(1, "k")) == User("old")
    told.set()
    assert await telling
    assert await a.get(USER, 1, "k", source.one(1, "k")) == User("new")
