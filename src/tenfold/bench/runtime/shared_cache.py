"""A hit of the second level, in Redis, beside bare redis-py that gets and decodes the same value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from time import perf_counter
from typing import Any

import msgspec

from tenfold.bench.runtime.cache import KEYS, User, user
from tenfold.bench.runtime.ground import TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.redis_server import redis_program, redis_server
from tenfold.bench.runtime.result import Section, Table, at_most, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, one_by_one, together
from tenfold.errors import TenfoldError
from tenfold.runtime.cache import MISSING, Cache, Namespace

TASKS = 16
_OURS, _BARE = "tenfold", "redis-py and msgspec"
_TITLE = "A hit of the second level"
# The first level keeps nothing.
_USER: Namespace[User] = Namespace(name="user", type=User, ttl=1800, local_ttl=0)
_KEPT: Namespace[User] = Namespace(name="kept", type=User, ttl=1800)

Get = Callable[[int], Awaitable[Any]]


async def shared_cache(bench: Bench) -> Section:
    if absent := missing("redis"):
        return Section(subject="redis", title=_TITLE, left_out=(f"not run: {absent}",))
    program = redis_program()
    if program is None:
        return Section(subject="redis", title=_TITLE, left_out=("not run: no redis-server found",))
    with redis_server(program) as url:
        return await _measured(bench, url)


async def _measured(bench: Bench, url: str) -> Section:
    async with _bare(url) as bare, _ours(url) as ours:
        gets = {_BARE: bare, _OURS: ours}
        for name, get in gets.items():
            if await get(KEYS[3]) != user(KEYS[3]):
                raise TenfoldError(f"{name} does not return what the others do, so its time means nothing")
        alone = await bench.measure([Contender(name, one_by_one(_any(get))) for name, get in gets.items()])
        busy = await bench.measure(
            [Contender(name, together(_any(get), TASKS)) for name, get in gets.items()]
        )
        reach = Reach(url)
        (reached,) = await bench.measure([Contender("until another cache has forgotten it", reach)])
    hiredis = "without its parser hiredis" if missing("hiredis") else "with its parser hiredis"
    return Section(
        subject="redis",
        title=_TITLE,
        remarks=(
            f"{len(KEYS)} values of one tenant over a Unix socket; redis-py {hiredis}, for both.",
            "The runtime reads its fences with the value, so that none from before an invalidation passes.",
        ),
        tables=(
            Table(title="One hit, one caller", lines=lines(alone, alone[0]), against=_BARE),
            Table(
                title=f"One hit, {TASKS} callers at once",
                lines=lines(busy, busy[0]),
                against=_BARE,
                unit="rate",
            ),
            Table(title="An invalidation, between two caches of this process", lines=lines([reached])),
        ),
        verdicts=(at_most("An invalidation reaches another first level, at worst", reach.worst, 0.1, "s"),),
    )


class Reach:
    """Invalidates in one cache, and waits until the first level of another has forgotten the value."""

    def __init__(self, url: str) -> None:
        self._url = url
        #: Seconds that the slowest one took.
        self.worst = 0.0

    async def __call__(self, times: int) -> float:
        async with Cache([_KEPT], url=self._url) as here, Cache([_KEPT], url=self._url) as there:
            await here.caught_up()
            await there.caught_up()
            return sum([await self._once(here, there) for _ in range(times)])

    async def _once(self, here: Cache, there: Cache) -> float:
        await there.get(_KEPT, TENANT, KEYS[3], _loads(KEYS[3]))
        began = perf_counter()
        task = asyncio.create_task(here.invalidate(_KEPT, TENANT, KEYS[3]))
        while there.peek(_KEPT, TENANT, KEYS[3]) is not MISSING:
            await asyncio.sleep(0)
        seconds = perf_counter() - began
        await task
        self.worst = max(self.worst, seconds)
        return seconds


def _any(get: Get) -> Callable[[], Awaitable[Any]]:
    keys = cycle(KEYS)
    return lambda: get(next(keys))


@asynccontextmanager
async def _bare(url: str) -> AsyncGenerator[Get]:
    from redis.asyncio import Redis

    decode = msgspec.msgpack.Decoder(User).decode
    async with Redis.from_url(url, max_connections=TASKS) as client:
        for key in KEYS:
            await client.set(f"bare:{TENANT}:{key}", msgspec.msgpack.encode(user(key)), ex=1800)

        async def get(key: int) -> User | None:
            found: Any = await client.get(f"bare:{TENANT}:{key}")
            return None if found is None else decode(found)

        yield get


@asynccontextmanager
async def _ours(url: str) -> AsyncGenerator[Get]:
    async with Cache([_USER], url=url) as cache:
        users = cache.of(_USER, TENANT)

        async def load() -> User:
            raise TenfoldError("a hit loads nothing")

        for key in KEYS:
            await users.get(key, _loads(key))
        yield lambda key: users.get(key, load)


def _loads(key: int) -> Callable[[], Awaitable[User]]:
    async def load() -> User:
        return user(key)

    return load
