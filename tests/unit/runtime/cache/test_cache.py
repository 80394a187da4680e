"""What a reader gets: of its own tenant, not older than its end, and nothing where there is nothing."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tenfold.errors import (
    CacheClosedError,
    CacheError,
    CacheKeyError,
    CodecError,
    InvalidTenantError,
    LoadFailedError,
    NamespaceError,
    TenantError,
)
from tenfold.runtime.cache import MISSING, Cache, Namespace
from tests.clock import Clock
from tests.unit.runtime.cache.build import NOTE, PLAN, USER, Source, User, settled

TENANT = uuid.UUID("7f1ad0a4-7f0c-4c1c-8f6e-6b1f4f7d0c11")


class AsyncpgUuid(uuid.UUID):
    """Drivers bring classes of their own."""


# --- hits and ends ---------------------------------------------------------------------------------------


async def test_a_second_read_asks_nobody(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("Ada")
    users = cache.of(USER, 1)
    assert users.peek("k") is MISSING
    assert [await users.get("k", source.one(1, "k")) for _ in range(3)] == [User("Ada")] * 3
    assert (users.peek("k"), source.loads) == (User("Ada"), 1)


async def test_a_hit_does_not_give_the_loop_away(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("Ada")
    users = cache.of(USER, 1)
    await users.get("k", source.one(1, "k"))
    for read in (users.get("k", source.one(1, "k")), cache.get(USER, 1, "k", source.one(1, "k"))):
        with pytest.raises(StopIteration) as ended:
            read.send(None)
        assert ended.value.value == User("Ada")


@pytest.mark.parametrize(
    "forms", [(7, "7"), (TENANT, str(TENANT), AsyncpgUuid(str(TENANT))), (("a", 1), ("a", "1"))]
)
async def test_all_forms_of_a_key_find_and_forget_the_same(
    cache: Cache, source: Source, forms: tuple
) -> None:
    users = cache.of(USER, 1)
    for form in forms:
        source.rows[1, form] = User("Ada")
    for form in forms:
        for _ in range(2):
            await users.get(form, source.one(1, form))
    assert source.loads == 1
    for form in forms:
        await users.invalidate(form)
        assert [users.peek(each) for each in forms] == [MISSING] * len(forms)
        for each in forms:
            await users.get(each, source.one(1, each))


async def test_a_thousand_values_are_kept_unless_told_otherwise(source: Source) -> None:
    async with Cache([USER]) as cache:
        for key in range(1001):
            await cache.get(USER, 1, key, source.one(1, key))
        assert cache.statistics().entries == 1000


async def test_an_entry_ends_with_its_ttl(cache: Cache, source: Source, clock: Clock) -> None:
    source.rows[1, "k"] = User("Ada")
    await cache.get(USER, 1, "k", source.one(1, "k"))
    clock.now += USER.ttl - 0.001
    assert cache.peek(USER, 1, "k") == User("Ada")
    clock.now += 0.001
    assert cache.peek(USER, 1, "k") is MISSING
    await cache.get(USER, 1, "k", source.one(1, "k"))
    assert source.loads == 2


@pytest.mark.parametrize("through_keyspace", [False, True])
@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_clock_that_jumps_makes_a_miss_and_nothing_worse(
    cache: Cache, source: Source, clock: Clock, jump: float, through_keyspace: bool
) -> None:
    source.rows[1, "k"] = User("Ada")
    for _ in range(2):  # the second one is laid on the shelf
        await cache.get(USER, 1, "k", source.one(1, "k"))
    clock.now += jump
    source.rows[1, "k"] = User("Eve")
    users = cache.of(USER, 1)
    assert (cache.peek(USER, 1, "k"), users.peek("k")) == (MISSING, MISSING)
    read = users.get if through_keyspace else partial(cache.get, USER, 1)
    assert await read("k", source.one(1, "k")) == User("Eve")
    assert (cache.peek(USER, 1, "k"), users.peek("k")) == (User("Eve"), User("Eve"))


async def test_jitter_only_shortens(source: Source, clock: Clock) -> None:
    space = replace(USER, jitter=0.5)
    async with Cache([space], clock=clock, entries=1000) as cache:
        for key in range(200):
            source.rows[1, key] = User("Ada")
            await cache.get(space, 1, key, source.one(1, key))
        clock.now += space.ttl / 2 - 0.01
        assert all(cache.peek(space, 1, key) is not MISSING for key in range(200))
        clock.now += space.ttl / 4
        ended = sum(cache.peek(space, 1, key) is MISSING for key in range(200))
        assert 0 < ended < 200
        clock.now += space.ttl / 4 + 0.01
        assert all(cache.peek(space, 1, key) is MISSING for key in range(200))


async def test_the_process_keeps_nothing_longer_than_local_ttl(source: Source, clock: Clock) -> None:
    space = replace(USER, local_ttl=5)
    async with Cache([space], clock=clock) as cache:
        source.rows[1, "k"] = User("Ada")
        await cache.get(space, 1, "k", source.one(1, "k"))
        clock.now += 5
        assert cache.peek(space, 1, "k") is MISSING


async def test_the_first_level_stays_within_its_bound(source: Source, clock: Clock) -> None:
    async with Cache([USER], clock=clock, entries=10) as cache:
        for key in range(50):
            source.rows[1, key] = User("Ada")
            await cache.get(USER, 1, key, source.one(1, key))
        statistics = cache.statistics()
        assert (statistics.entries, statistics.evictions) == (10, 40)


async def test_readers_cannot_change_what_others_get(cache: Cache, source: Source) -> None:
    original = {"a": 1}
    source.rows[1, "k"] = original
    notes = cache.of(NOTE, 1)
    first = await notes.get("k", source.one(1, "k"))
    original["a"] = first["b"] = 2
    second = notes.peek("k")
    second["c"] = 3
    assert await notes.get("k", source.one(1, "k")) == {"a": 1}
    assert (await notes.get_many(["k"], source.many(1))) == {"k": {"a": 1}}
    assert source.loads == 1


async def test_a_load_of_another_type_than_declared_is_refused(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = {"title": "no user"}
    with pytest.raises(CodecError):
        await cache.get(USER, 1, "k", source.one(1, "k"))
    assert cache.peek(USER, 1, "k") is MISSING
    source.rows[1, "n"] = {"a": "no number"}
    with pytest.raises(CodecError):
        await cache.get(NOTE, 1, "n", source.one(1, "n"))
    assert cache.peek(NOTE, 1, "n") is MISSING


# --- nothing, and failures -------------------------------------------------------------------------------


async def test_nothing_is_remembered_for_its_own_time(cache: Cache, source: Source, clock: Clock) -> None:
    users = cache.of(USER, 1)
    for _ in range(3):
        assert await users.get("k", source.one(1, "k")) is None
    assert (users.peek("k"), source.loads) == (None, 1)
    clock.now += USER.negative_ttl
    source.rows[1, "k"] = User("Ada")
    assert await users.get("k", source.one(1, "k")) == User("Ada")


async def test_nothing_is_forgotten_when_the_row_is_made(cache: Cache, source: Source) -> None:
    users = cache.of(USER, 1)
    assert await users.get("k", source.one(1, "k")) is None
    source.rows[1, "k"] = User("Ada")
    await users.invalidate("k")
    assert await users.get("k", source.one(1, "k")) == User("Ada")


async def test_nothing_is_not_remembered_unless_declared(cache: Cache, source: Source) -> None:
    for _ in range(2):
        assert await cache.get(NOTE, 1, "k", source.one(1, "k")) is None
    assert source.loads == 2


async def test_false_and_zero_are_values() -> None:
    flags = Namespace(name="flag", type=bool, ttl=60)
    loads = 0

    async def load() -> bool:
        nonlocal loads
        loads += 1
        return False

    async with Cache([flags]) as cache:
        assert [await cache.get(flags, 1, "k", load) for _ in range(2)] == [False, False]
        assert (cache.peek(flags, 1, "k"), loads) == (False, 1)


async def test_a_failed_load_is_not_kept(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = OSError("down")
    with pytest.raises(OSError, match="down"):
        await cache.get(USER, 1, "k", source.one(1, "k"))
    source.rows[1, "k"] = User("Ada")
    assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")


async def test_a_failed_load_is_kept_where_asked_for_its_time(source: Source, clock: Clock) -> None:
    space = replace(USER, failure_ttl=2)
    async with Cache([space], clock=clock) as cache:
        users = cache.of(space, 1)
        source.rows[1, "k"] = OSError("secret detail")
        with pytest.raises(OSError):
            await users.get("k", source.one(1, "k"))
        with pytest.raises(LoadFailedError, match="OSError") as raised:
            await users.get("k", source.one(1, "k"))
        assert "secret" not in raised.value.message
        assert isinstance(raised.value.__cause__, OSError)
        with pytest.raises(LoadFailedError, match="OSError"):
            await users.get_many(["k"], source.many(1))
        await settled()
        assert (users.peek("k"), source.loads) == (MISSING, 1)
        source.rows[1, "k"] = User("Ada")
        clock.now += 2
        assert await users.get("k", source.one(1, "k")) == User("Ada")


@pytest.mark.parametrize("way", ["key", "tag", "tenant"])
async def test_an_invalidation_ends_a_kept_failure(source: Source, way: str) -> None:
    space = replace(USER, failure_ttl=60)
    async with Cache([space]) as cache:
        source.rows[1, "k"] = OSError()
        with pytest.raises(OSError):
            await cache.get(space, 1, "k", source.one(1, "k"), tags=["tag"])
        source.rows[1, "k"] = User("Ada")
        match way:
            case "key":
                await cache.invalidate(space, 1, "k")
            case "tag":
                await cache.invalidate(space, 1, tags="tag")
            case "tenant":
                await cache.invalidation().tenant(1)()
        assert await cache.get(space, 1, "k", source.one(1, "k"), tags=["tag"]) == User("Ada")


async def test_a_failure_that_was_invalidated_during_the_load_is_not_kept(source: Source) -> None:
    space = replace(USER, failure_ttl=60)
    async with Cache([space]) as cache:
        source.rows[1, "k"] = OSError()
        source.hold()
        early = asyncio.create_task(cache.get(space, 1, "k", source.one(1, "k")))
        await source.until_waiting()
        source.rows[1, "k"] = User("Ada")
        await cache.invalidate(space, 1, "k")
        source.release()
        with pytest.raises(OSError):
            await early
        assert await cache.get(space, 1, "k", source.one(1, "k")) == User("Ada")


# --- tenants ---------------------------------------------------------------------------------------------


async def test_the_same_key_of_two_tenants_is_two_things(cache: Cache, source: Source) -> None:
    source.rows[1, "k"], source.rows[TENANT, "k"] = User("Ada"), User("Eve")
    assert await cache.get(USER, 1, "k", source.one(1, "k")) == User("Ada")
    assert cache.peek(USER, TENANT, "k") is MISSING
    assert await cache.get(USER, TENANT, "k", source.one(TENANT, "k")) == User("Eve")
    assert await cache.get(USER, 2, "k", source.one(2, "k")) is None
    assert [cache.peek(USER, tenant, "k") for tenant in (1, TENANT, 2)] == [User("Ada"), User("Eve"), None]


async def test_an_invalidation_of_one_tenant_leaves_the_other(cache: Cache, source: Source) -> None:
    for tenant in (1, 2):
        source.rows[tenant, "k"] = User("Ada")
        await cache.get(USER, tenant, "k", source.one(tenant, "k"), tags=["t"])
    await cache.invalidate(USER, 1, "k", tags=["t"])
    await cache.invalidation().namespace(USER, 1).tenant(1)()
    assert cache.peek(USER, 1, "k") is MISSING
    assert cache.peek(USER, 2, "k") == User("Ada")


async def test_flights_of_two_tenants_are_two(cache: Cache, source: Source) -> None:
    source.rows[1, "k"], source.rows[2, "k"] = User("Ada"), User("Eve")
    source.hold()
    reads = [asyncio.create_task(cache.get(USER, t, "k", source.one(t, "k"))) for t in (1, 2, 1, 2)]
    await source.until_waiting(2)
    source.release()
    assert await asyncio.gather(*reads) == [User("Ada"), User("Eve")] * 2
    assert source.loads == 2


@pytest.mark.parametrize("tenant", ["1", True, 1.0, [], 2**80])
async def test_what_is_no_tenant_gets_nothing(cache: Cache, source: Source, tenant: Any) -> None:
    source.rows[1, "k"] = User("Ada")
    for _ in range(2):  # the second one is laid on the shelf
        await cache.get(USER, 1, "k", source.one(1, "k"))
    with pytest.raises(InvalidTenantError):
        cache.peek(USER, tenant, "k")
    with pytest.raises(InvalidTenantError):
        await cache.get(USER, tenant, "k", source.one(1, "k"))


async def test_no_tenant_is_an_error_unless_the_namespace_has_none(cache: Cache, source: Source) -> None:
    with pytest.raises(TenantError):
        cache.of(USER, None)
    with pytest.raises(NamespaceError, match="no tenant"):
        cache.of(PLAN, 1)
    with pytest.raises(TenantError):
        cache.invalidation().tenant(None)
    source.rows[None, "k"] = "gold"
    assert await cache.get(PLAN, None, "k", source.one(None, "k")) == "gold"


# --- invalidation ----------------------------------------------------------------------------------------


async def test_a_load_in_flight_does_not_bring_the_old_value_back(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("old")
    source.hold()
    early = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting()
    source.rows[1, "k"] = User("new")
    assert await cache.invalidate(USER, 1, "k")
    late = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
    await source.until_waiting(2)
    source.release()
    assert await early == User("old")
    assert await late == User("new")
    assert cache.peek(USER, 1, "k") == User("new")
    assert cache.statistics().namespaces["user"].local_fills_refused == 1


@pytest.mark.parametrize("way", ["key", "tag", "namespace", "tenant"])
async def test_each_way_to_forget_fences_loads_in_flight(cache: Cache, source: Source, way: str) -> None:
    source.rows[1, "k"] = User("old")
    source.hold()
    read = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k"), tags=["tag"]))
    await source.until_waiting()
    invalidation = cache.invalidation()
    await {
        "key": lambda: invalidation.keys(USER, 1, "k"),
        "tag": lambda: invalidation.tags(1, "tag"),
        "namespace": lambda: invalidation.namespace(USER, 1),
        "tenant": lambda: invalidation.tenant(1),
    }[way]()()
    source.release()
    await read
    assert cache.peek(USER, 1, "k") is MISSING


async def test_a_tag_takes_what_was_filled_under_it(cache: Cache, source: Source) -> None:
    for key, tags in (("a", ["red"]), ("b", ["red", "blue"]), ("c", ["blue"]), ("d", [])):
        source.rows[1, key] = User(key)
        await cache.get(USER, 1, key, source.one(1, key), tags=tags)
    await cache.invalidation().tags(1, "red")()
    assert [key for key in "abcd" if cache.peek(USER, 1, key) is not MISSING] == ["c", "d"]


async def test_one_tag_may_be_given_as_a_text(cache: Cache, source: Source) -> None:
    source.rows[1, "k"] = User("Ada")
    await cache.get(USER, 1, "k", source.one(1, "k"), tags="red")
    await cache.invalidate(USER, 1, tags="red")
    assert cache.peek(USER, 1, "k") is MISSING


async def test_a_commit_carries_the_invalidation_out_and_a_rollback_does_not(
    cache: Cache, source: Source
) -> None:
    class Session:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def after_commit(self, call: Any, *, also_in_doubt: bool = False) -> None:
            assert also_in_doubt  # a commit whose answer never came may have been one
            self.calls.append(call)

    source.rows[1, "k"] = User("Ada")
    session = Session()
    await cache.get(USER, 1, "k", source.one(1, "k"))
    cache.invalidation().keys(USER, 1, "k").on_commit(session)
    assert cache.peek(USER, 1, "k") == User("Ada")
    for call in session.calls:
        assert await call()
    assert cache.peek(USER, 1, "k") is MISSING


# --- bulk ------------------------------------------------------------------------------------------------


async def test_bulk_loads_what_is_missing_in_one_call(cache: Cache, source: Source) -> None:
    for key in ("a", "b", "c"):
        source.rows[1, key] = User(key)
    await cache.get(USER, 1, "a", source.one(1, "a"))
    found = await cache.get_many(USER, 1, ["a", "b", "c", "x", "b"], source.many(1))
    assert found == {"a": User("a"), "b": User("b"), "c": User("c"), "x": None}
    assert source.loads == 2
    await cache.get_many(USER, 1, ["a", "b", "c", "x"], source.many(1))
    assert (source.loads, cache.peek(USER, 1, "x")) == (2, None)


async def test_bulk_joins_single_loads_and_the_other_way_round(cache: Cache, source: Source) -> None:
    for key in ("a", "b"):
        source.rows[1, key] = User(key)
    source.hold()
    single = asyncio.create_task(cache.get(USER, 1, "a", source.one(1, "a")))
    await source.until_waiting()
    bulk = asyncio.create_task(cache.get_many(USER, 1, ["a", "b"], source.many(1)))
    await source.until_waiting(2)
    other = asyncio.create_task(cache.get(USER, 1, "b", source.one(1, "b")))
    await settled()
    source.release()
    assert await single == User("a")
    assert await bulk == {"a": User("a"), "b": User("b")}
    assert (await other, source.loads) == (User("b"), 2)


async def test_bulk_without_keys_asks_nobody(cache: Cache, source: Source) -> None:
    assert await cache.get_many(USER, 1, [], source.many(1)) == {}
    assert source.loads == 0


async def test_a_bulk_load_that_returns_no_mapping_is_told(cache: Cache) -> None:
    async def load(keys: Any) -> Any:
        return [User("a")]

    with pytest.raises(CacheError, match="mapping"):
        await cache.get_many(USER, 1, ["a"], load)


# --- early refresh ---------------------------------------------------------------------------------------

EARLY = replace(USER, refresh_after=0.5)


async def test_a_read_in_bulk_begins_the_refresh_too(source: Source, clock: Clock) -> None:
    async with Cache([EARLY], clock=clock) as cache:
        source.rows[1, "k"] = User("old")
        await cache.get_many(EARLY, 1, ["k"], source.many(1))
        clock.now += 30
        source.rows[1, "k"] = User("new")
        assert await cache.get_many(EARLY, 1, ["k"], source.many(1)) == {"k": User("old")}
        await settled()
        assert (cache.peek(EARLY, 1, "k"), source.loads) == (User("new"), 2)


async def test_readers_keep_the_value_while_one_load_refreshes_it(source: Source, clock: Clock) -> None:
    async with Cache([EARLY], clock=clock) as cache:
        users = cache.of(EARLY, 1)
        source.rows[1, "k"] = User("old")
        await users.get("k", source.one(1, "k"))
        clock.now += 29
        await users.get("k", source.one(1, "k"))
        assert source.loads == 1
        clock.now += 1
        source.rows[1, "k"] = User("new")
        source.hold()
        assert [await users.get("k", source.one(1, "k")) for _ in range(5)] == [User("old")] * 5
        await source.until_waiting()
        source.release()
        await settled()
        assert (users.peek("k"), source.loads) == (User("new"), 2)
        clock.now += 29
        assert users.peek("k") == User("new")


async def test_a_slow_refresh_is_not_begun_twice(source: Source, clock: Clock) -> None:
    async with Cache([EARLY], clock=clock) as cache:
        source.rows[1, "k"] = User("old")
        await cache.get(EARLY, 1, "k", source.one(1, "k"))
        clock.now += 30
        source.hold()
        for _ in range(3):
            assert await cache.get(EARLY, 1, "k", source.one(1, "k")) == User("old")
            await settled()
            clock.now += 5
        assert source.loads == 2
        source.release()
        await settled()


async def test_a_refresh_that_fails_leaves_the_value_and_is_tried_again(source: Source, clock: Clock) -> None:
    async with Cache([EARLY], clock=clock) as cache:
        users = cache.of(EARLY, 1)
        source.rows[1, "k"] = User("old")
        await users.get("k", source.one(1, "k"))
        clock.now += 30
        source.rows[1, "k"] = OSError()
        for _ in range(5):
            assert await users.get("k", source.one(1, "k")) == User("old")
            await settled()
        assert source.loads == 2
        clock.now += 1
        source.rows[1, "k"] = User("new")
        await users.get("k", source.one(1, "k"))
        await settled()
        assert users.peek("k") == User("new")


async def test_a_refresh_that_fails_leaves_the_value_where_failures_are_kept(
    source: Source, clock: Clock
) -> None:
    space = replace(EARLY, failure_ttl=10)
    async with Cache([space], clock=clock) as cache:
        source.rows[1, "k"] = User("old")
        await cache.get(space, 1, "k", source.one(1, "k"))
        clock.now += 30
        source.rows[1, "k"] = OSError()
        for _ in range(3):
            assert await cache.get(space, 1, "k", source.one(1, "k")) == User("old")
            await settled()
        assert source.loads == 2


@pytest.mark.parametrize("way", ["key", "tag", "namespace", "tenant"])
async def test_a_refresh_in_flight_does_not_survive_an_invalidation(
    source: Source, clock: Clock, way: str
) -> None:
    async with Cache([EARLY], clock=clock) as cache:
        source.rows[1, "k"] = User("old")
        await cache.get(EARLY, 1, "k", source.one(1, "k"), tags=["tag"])
        clock.now += 30
        source.hold()
        await cache.get(EARLY, 1, "k", source.one(1, "k"), tags=["tag"])
        await source.until_waiting()
        match way:
            case "key":
                await cache.invalidate(EARLY, 1, "k")
            case "tag":
                await cache.invalidate(EARLY, 1, tags="tag")
            case "namespace":
                await cache.of(EARLY, 1).invalidate(everything=True)
            case "tenant":
                await cache.invalidation().tenant(1)()
        source.release()
        await settled()
        assert cache.peek(EARLY, 1, "k") is MISSING


# --- use that cannot be served ---------------------------------------------------------------------------


async def test_use_before_and_after_its_life_is_refused(source: Source) -> None:
    cache = Cache([USER])
    with pytest.raises(CacheClosedError):
        await cache.get(USER, 1, "k", source.one(1, "k"))
    async with cache:
        source.rows[1, "k"] = User("Ada")
        await cache.get(USER, 1, "k", source.one(1, "k"))
    for use in (
        lambda: cache.get(USER, 1, "k", source.one(1, "k")),
        lambda: cache.get_many(USER, 1, ["k"], source.many(1)),
        lambda: cache.invalidate(USER, 1, "k"),
        cache.caught_up,
        cache.__aenter__,
    ):
        with pytest.raises(CacheClosedError):
            await use()
    with pytest.raises(CacheClosedError):
        cache.peek(USER, 1, "k")
    await cache.close()


def test_another_event_loop_is_refused() -> None:
    cache = Cache([USER])
    asyncio.run(cache.__aenter__())

    async def load() -> User:
        return User("Ada")

    with pytest.raises(CacheClosedError, match="another event loop"):
        asyncio.run(cache.get(USER, 1, "k", load))


async def test_readers_that_wait_when_the_cache_closes_are_told(source: Source) -> None:
    async with Cache([USER]) as cache:
        source.hold()
        read = asyncio.create_task(cache.get(USER, 1, "k", source.one(1, "k")))
        await source.until_waiting()
    with pytest.raises(CacheClosedError):
        await read


async def test_an_undeclared_namespace_is_refused(cache: Cache) -> None:
    with pytest.raises(NamespaceError, match="did you mean user"):
        cache.of(replace(USER, name="users"), 1)
    with pytest.raises(NamespaceError):
        cache.of(replace(USER, ttl=1), 1)
    with pytest.raises(NamespaceError, match="twice"):
        Cache([USER, USER])


@pytest.mark.parametrize("key", [None, True, 1.5, [], {}, ("a", [])])
async def test_what_is_no_key_is_refused(cache: Cache, source: Source, key: Any) -> None:
    with pytest.raises(CacheKeyError):
        await cache.get(USER, 1, key, source.one(1, "k"))
    with pytest.raises(CacheKeyError):
        cache.peek(USER, 1, key)


@pytest.mark.parametrize("wrong", [{"entries": 0}, {"timeout": 0}, {"lease": 0}, {"digest_key": b"x" * 65}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CacheError):
        Cache([USER], **wrong)


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(CacheError, match="redis://"):
        Cache([USER], url="http://localhost")
