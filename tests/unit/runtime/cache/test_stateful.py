"""Any order of reads, writes, invalidations, cancellations, failures and clock jumps, in one process.

Asserted: a read that began after an invalidation was acknowledged returns nothing that was loaded before that
invalidation was called, and nothing of another tenant; and when all has landed, nothing is left behind.
TENFOLD_CACHE_EXAMPLES runs more of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tenfold.errors import LoadFailedError
from tenfold.runtime.cache import MISSING, Cache
from tests.clock import Clock
from tests.unit.runtime.cache.build import USER, User, settled

SPACE = replace(USER, ttl=20, negative_ttl=5, refresh_after=0.5, failure_ttl=1, local_ttl=15)
TENANTS, KEYS = (1, 2), ("a", "b", "c")
PLACES = [(tenant, key) for tenant in TENANTS for key in KEYS]

places = st.sampled_from(PLACES)
picks = st.integers(0, 10**6)


class Failed(Exception):
    pass


class CacheMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        # Fewer entries than keys, so that some are evicted.
        self.cache = Cache([SPACE], clock=self.clock, entries=4)
        self.run(self.cache.__aenter__())
        #: Version 0 is no row.
        self.truth = dict.fromkeys(PLACES, 0)
        self.floor = dict.fromkeys(PLACES, 0)
        self.gates: list[asyncio.Future[None]] = []
        self.reads: list[asyncio.Task[Any]] = []

    def run(self, what: Any) -> Any:
        async def then_settle() -> Any:
            result = await what
            await settled()
            return result

        return self.loop.run_until_complete(then_settle())

    async def load(self, tenant: int, keys: Sequence[str]) -> Mapping[str, User | None]:
        """Reads at once and answers when it is let go, perhaps with a failure."""
        read = {key: self.truth[tenant, key] for key in keys}
        gate: asyncio.Future[None] = self.loop.create_future()
        self.gates.append(gate)
        await gate
        return {key: User(f"{tenant}/{key}", version) if version else None for key, version in read.items()}

    def check(self, place: tuple[int, str], found: User | None, floor: int) -> None:
        version = 0 if found is None else found.version
        assert version >= floor, f"{place}: {version} after {floor} was acknowledged"
        assert found is None or found.name == f"{place[0]}/{place[1]}", f"{place} got {found}"

    @rule(place=places)
    def commit(self, place: tuple[int, str]) -> None:
        self.truth[place] += 1

    @rule(place=places, way=st.sampled_from(["key", "tag", "namespace", "tenant"]))
    def invalidate(self, place: tuple[int, str], way: str) -> None:
        tenant, key = place
        invalidation = self.cache.invalidation()
        if way == "key":
            reached = [place]
            invalidation.keys(SPACE, tenant, key)
        else:
            reached = [each for each in PLACES if each[0] == tenant]
            if way == "tag":
                invalidation.tags(tenant, "all")
            elif way == "namespace":
                invalidation.namespace(SPACE, tenant)
            else:
                invalidation.tenant(tenant)
        before = {each: self.truth[each] for each in reached}
        assert self.run(invalidation())
        self.floor.update(before)

    @rule(place=places)
    def read(self, place: tuple[int, str]) -> None:
        tenant, key = place
        floor = self.floor[place]

        async def one() -> User | None:
            return (await self.load(tenant, [key]))[key]

        async def checked() -> None:
            self.check(place, await self.cache.get(SPACE, tenant, key, one, tags=["all"]), floor)

        self.begin(checked())

    @rule(tenant=st.sampled_from(TENANTS), keys=st.lists(st.sampled_from(KEYS), min_size=1))
    def read_many(self, tenant: int, keys: list[str]) -> None:
        floors = {key: self.floor[tenant, key] for key in keys}

        async def many(missing: Sequence[str]) -> Mapping[str, User | None]:
            return await self.load(tenant, missing)

        async def checked() -> None:
            found = await self.cache.get_many(SPACE, tenant, keys, many, tags=["all"])
            assert found.keys() == set(keys)
            for key, value in found.items():
                self.check((tenant, key), value, floors[key])

        self.begin(checked())

    def begin(self, read: Any) -> None:
        async def tolerant() -> None:
            # A failure is no value, old or foreign.
            with contextlib.suppress(Failed, LoadFailedError):
                await read

        self.reads.append(self.loop.create_task(tolerant()))
        self.run(asyncio.sleep(0))

    @rule(place=places)
    def peek(self, place: tuple[int, str]) -> None:
        found = self.cache.peek(SPACE, *place)
        if found is not MISSING:
            self.check(place, found, self.floor[place])

    @precondition(lambda self: self.gates)
    @rule(pick=picks, fails=st.integers(0, 4))
    def let_go(self, pick: int, fails: int) -> None:
        gate = self.gates.pop(pick % len(self.gates))
        if fails == 0:
            gate.set_exception(Failed())
        else:
            gate.set_result(None)
        self.run(asyncio.sleep(0))
        self.reap()

    @precondition(lambda self: self.reads)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        self.reads[pick % len(self.reads)].cancel()
        self.run(asyncio.sleep(0))
        self.reap()

    @rule(seconds=st.sampled_from([-30.0, -1.0, 0.5, 1.0, 5.0, 11.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    def reap(self) -> None:
        for read in [read for read in self.reads if read.done()]:
            self.reads.remove(read)
            if not read.cancelled():
                read.result()

    def teardown(self) -> None:
        while self.gates:
            self.let_go(0, 1)
        self.run(asyncio.sleep(0))
        self.reap()
        assert self.reads == []
        loads = self.cache._loads
        assert (len(loads._flights), len(loads._tasks), len(self.cache._fences)) == (0, 0, 0)
        self.run(self.cache.close())
        self.loop.close()


TestCache = CacheMachine.TestCase
TestCache.settings = settings(
    max_examples=int(os.environ.get("TENFOLD_CACHE_EXAMPLES", "60")),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
