"""Random traffic on three processes and one real server while everything fails, by a seed that is printed.

Asserted of every read, as the cache promises it: nothing of another tenant, and nothing that was loaded
before the call of an invalidation that has returned in the same process; or that was acknowledged in another
one, longer ago than the lease or before `caught_up()`. Both tenants have the same keys.
TENFOLD_CACHE_FAULT_SECONDS runs longer, TENFOLD_CACHE_FAULT_SEED runs one again.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from tenfold.runtime.cache import MISSING, Cache
from tests.db.runtime.cache.redis_server import RedisServer
from tests.unit.runtime.cache.build import USER, User
from tests.waiting import until

SECONDS = float(os.environ.get("TENFOLD_CACHE_FAULT_SECONDS", "5"))
SEED = int(os.environ.get("TENFOLD_CACHE_FAULT_SEED") or secrets.randbelow(10**9))

SPACE = replace(USER, ttl=3, negative_ttl=1, jitter=0.5, refresh_after=0.5, local_ttl=2)
LEASE, TIMEOUT = 0.4, 0.15
PLACES = [(tenant, key) for tenant in (1, 2) for key in ("a", "b", "c", "d")]
Place = tuple[int, str]


class Line:
    """Between one process and the server: it can be cut, and held so that all on it comes late."""

    def __init__(self, path: Path, server: str) -> None:
        self._path, self._server = path, server
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._lossy = False

    async def __aenter__(self) -> Line:
        self._listener = await asyncio.start_unix_server(self._connect, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        self._listener.close()
        self.cut()
        await until(lambda: not self._ends, "the ends of the line")

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    def hold(self) -> None:
        self._flows.clear()

    def swallow(self) -> None:
        """Whatever is sent is lost, and nobody is told."""
        self._lossy = True

    def mend(self) -> None:
        """What was opened while it was lossy has lost bytes, and is of no use."""
        self._lossy = False
        self.cut()

    def release(self) -> None:
        self._flows.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_unix_connection(self._server)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._ends |= ends
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._ends -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._flows.wait()
                if not self._lossy:
                    writer.write(chunk)
                    await writer.drain()
        except OSError:
            pass  # the other end is gone: so is this one
        writer.transport.abort()


class World:
    """The source of truth, what was acknowledged, and the check of every read against both."""

    def __init__(self, processes: int, chance: random.Random) -> None:
        self.chance = chance
        #: Version 0 is no row.
        self.truth = dict.fromkeys(PLACES, 0)
        #: By place: when acknowledged, and the version that was the truth when the invalidation was called.
        self.acknowledged: dict[Place, list[tuple[float, int]]] = {place: [] for place in PLACES}
        self.own = [dict.fromkeys(PLACES, 0) for _ in range(processes)]
        #: How far the clock of each process has jumped, in seconds.
        self.jumps = [0.0] * processes
        self.seen: Counter[str] = Counter()

    def commit(self, place: Place) -> None:
        self.truth[place] += 1

    def clock(self, process: int) -> Callable[[], float]:
        return lambda: time.monotonic() + self.jumps[process]

    def invalidated(self, process: int, versions: dict[Place, int], told: bool) -> None:
        self.seen["told" if told else "pending"] += 1
        for place, version in versions.items():
            self.own[process][place] = max(self.own[process][place], version)
            if told:
                self.acknowledged[place].append((time.monotonic(), version))

    def floor(self, process: int, place: Place, caught_up_at: float | None) -> int:
        heard = caught_up_at if caught_up_at is not None else time.monotonic() - LEASE
        told = (version for when, version in self.acknowledged[place] if when < heard)
        return max([self.own[process][place], *told])

    def check(self, place: Place, found: User | None, floor: int, how: str) -> None:
        version = 0 if found is None else found.version
        self.seen[how] += 1
        assert version >= floor, f"seed {SEED}: {how} of {place} gave {version} after {floor} was in force"
        assert found is None or found.name == f"{place[0]}/{place[1]}", f"seed {SEED}: {place} got {found}"

    def load(self, place: Place) -> Callable[[], Awaitable[User | None]]:
        async def load() -> User | None:
            version = self.truth[place]
            await asyncio.sleep(self.chance.choice([0, 0, 0.002, 0.01, 0.05, 0.3]))
            return User(f"{place[0]}/{place[1]}", version) if version else None

        return load


async def read(world: World, process: int, cache: Cache) -> None:
    chance = world.chance
    place = chance.choice(PLACES)
    caught_up_at = None
    if chance.random() < 0.3:
        caught_up_at = time.monotonic()
        await cache.caught_up()
    floor = world.floor(process, place, caught_up_at)
    if chance.random() < 0.3:
        found = cache.peek(SPACE, *place)
        if found is not MISSING:
            world.check(place, found, floor, "peek")
    elif chance.random() < 0.3:
        tenant = place[0]
        keys = chance.sample("abcd", chance.randint(1, 4))
        floors = {key: world.floor(process, (tenant, key), caught_up_at) for key in keys}

        async def many(missing: Any) -> dict[str, User | None]:
            return {key: await world.load((tenant, key))() for key in missing}

        for key, value in (await cache.get_many(SPACE, tenant, keys, many, tags=["all"])).items():
            world.check((tenant, key), value, floors[key], "get_many")
    else:
        found = await cache.get(SPACE, *place, world.load(place), tags=["all"])
        world.check(place, found, floor, "get")


class Transaction:
    """The part of a session that an invalidation needs; it ends in every way that one can."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: list[Callable[[], Awaitable[None]]] = []

    def after_commit(self, call: Callable[[], Any], /, *, also_in_doubt: bool = False) -> None:
        assert also_in_doubt
        self._calls.append(call)

    async def end(self, place: Place) -> None:
        chance = self._world.chance
        await asyncio.sleep(chance.choice([0, 0, 0.01]))
        how = chance.choice(["commit"] * 6 + ["rollback", "doubt: committed", "doubt: rolled back"])
        self._world.seen[how] += 1
        if how in ("commit", "doubt: committed"):
            self._world.commit(place)
        if how == "rollback":
            return
        await asyncio.sleep(chance.choice([0, 0, 0.01]))
        for call in self._calls:
            await call()


async def write(world: World, process: int, cache: Cache) -> None:
    place = world.chance.choice(PLACES)
    invalidation, reached = cache.invalidation(), [place]
    match world.chance.randrange(6):
        case 0:
            invalidation.tags(place[0], "all")
            reached = [each for each in PLACES if each[0] == place[0]]
        case 1:
            invalidation.namespace(SPACE, place[0])
            reached = [each for each in PLACES if each[0] == place[0]]
        case _:
            invalidation.keys(SPACE, *place)

    async def tell() -> None:
        versions = {each: world.truth[each] for each in reached}
        world.invalidated(process, versions, await invalidation())

    transaction = Transaction(world)
    transaction.after_commit(tell, also_in_doubt=True)
    await transaction.end(place)


async def traffic(world: World, process: int, cache: Cache, stop: asyncio.Event) -> None:
    """Reads and writes, some of them cancelled in the middle."""
    while not stop.is_set():
        what = read if world.chance.random() < 0.95 else write
        if world.chance.random() < 0.1:
            task = asyncio.create_task(what(world, process, cache))
            await asyncio.wait([task], timeout=world.chance.choice([0, 0.001, 0.01]))
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        else:
            await what(world, process, cache)
        await asyncio.sleep(world.chance.choice([0, 0, 0.001]))


async def faults(world: World, server: RedisServer, lines: list[Line], stop: asyncio.Event) -> None:
    """One after the other, with some peace in between."""
    chance = world.chance

    def some(pattern: str) -> list[bytes]:
        names = server.client.keys(pattern)
        return chance.sample(names, min(len(names), 5))

    async def held(line: Line) -> None:
        line.hold()
        await asyncio.sleep(chance.choice([0.05, 0.3, 1]))
        line.release()

    while not stop.is_set():
        await asyncio.sleep(chance.choice([0.02, 0.1, 0.5, 1.5]))
        fault = chance.choice(
            [
                "cut",
                "hold",
                "deaf",
                "flush",
                "evict",
                "garbage",
                "read-only",
                "full",
                "kill",
                "script",
                "copy",
                "pause",
                "swallow",
                "clock",
            ]
        )
        world.seen[fault] += 1
        try:
            match fault:
                case "pause":
                    server.pause()
                    await asyncio.sleep(chance.choice([0.05, 0.3, 1]))
                    server.resume()
                case "swallow":
                    line = chance.choice(lines)
                    line.swallow()
                    await asyncio.sleep(chance.choice([0.05, 0.3, 1]))
                    line.mend()
                case "clock":
                    jump = chance.choice([-3600, -1, -0.3, 0.3, 1, 3600])
                    world.jumps[chance.randrange(len(world.jumps))] += jump
                case "cut":
                    chance.choice(lines).cut()
                case "hold":
                    await held(chance.choice(lines))
                case "deaf":
                    server.client.client_kill_filter(_type="pubsub")
                case "flush":
                    server.client.flushall()
                case "evict":
                    for name in some("*"):
                        server.client.delete(name)
                case "garbage":
                    for name in some("*"):
                        server.client.set(name, chance.randbytes(chance.randint(0, 50)), keepttl=True)
                case "copy":
                    for one, other in zip(some("*:v:*"), some("*:v:*"), strict=False):
                        if one != other:
                            server.client.copy(one, other, replace=True)
                case "read-only":
                    server.refuse_writes()
                    await asyncio.sleep(chance.choice([0.1, 0.7]))
                    server.take_writes()
                case "full":
                    server.client.config_set("maxmemory", "1")
                    await asyncio.sleep(0.1)
                    server.client.config_set("maxmemory", "0")
                case "script":
                    server.client.script_flush()
                case "kill":
                    server.kill()
                    await asyncio.sleep(chance.choice([0, 0.2]))
                    server.start()
        except redis.ReadOnlyError:
            server.take_writes()


@pytest.mark.timeout(SECONDS + 240)
async def test_no_read_is_old_or_foreign_whatever_fails(redis_server: RedisServer, tmp_path: Path) -> None:
    print(f"TENFOLD_CACHE_FAULT_SEED={SEED}")
    world, stop = World(3, random.Random(SEED)), asyncio.Event()
    async with AsyncExitStack() as ends:
        lines, caches = [], []
        for number in range(3):
            path = Path(redis_server.url.removeprefix("unix://")).with_name(f"line{number}.sock")
            lines.append(await ends.enter_async_context(Line(path, redis_server.url.removeprefix("unix://"))))
            cache = Cache(
                [SPACE],
                url=f"unix://{path}",
                lease=LEASE,
                timeout=TIMEOUT,
                entries=6,
                clock=world.clock(number),
            )
            caches.append(await ends.enter_async_context(cache))
        running = [
            asyncio.create_task(traffic(world, number, cache, stop))
            for number, cache in enumerate(caches)
            for _ in range(4)
        ]
        running.append(asyncio.create_task(faults(world, redis_server, lines, stop)))
        await asyncio.wait(running, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        stop.set()
        await asyncio.gather(*running)
        await until(lambda: all(cache.statistics().connected for cache in caches), "the lines")
        # All is well again: one last invalidation of each, and every process says the truth.
        for place in PLACES:
            await until_told(caches[0], place)
        for cache in caches:
            await cache.caught_up()
            for place in PLACES:
                world.check(
                    place, await cache.get(SPACE, *place, world.load(place)), world.truth[place], "last"
                )
        print(dict(world.seen), [cache.statistics() for cache in caches])
        reads = sum(world.seen[how] for how in ("get", "get_many", "peek", "last"))
        print(f"{reads} reads, {world.seen['told']} invalidations told, none of the reads old or foreign")
        assert world.seen["get"] and world.seen["peek"] and world.seen["get_many"] and world.seen["told"]


async def until_told(cache: Cache, place: Place) -> None:
    while not await cache.invalidate(SPACE, place[0], place[1]):
        await until(lambda: cache.statistics().connected, "the line")
