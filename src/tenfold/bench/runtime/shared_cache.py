"""A hit of the second level, in Redis, beside bare redis-py that gets and decodes the same value."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import msgspec

from tenfold.bench.runtime.cache import KEYS, User, user
from tenfold.bench.runtime.ground import TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.redis_server import redis_program, redis_server
from tenfold.bench.runtime.result import Section, Table, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, one_by_one, together
from tenfold.errors import TenfoldError
from tenfold.runtime.cache import Cache, Namespace

TASKS = 16
_OURS, _BARE = "tenfold", "redis-py and msgspec"
_TITLE = "A hit of the second level"
# The first level keeps nothing.
_USER: Namespace[User] = Namespace(name="user", type=User, ttl=1800, local_ttl=0)

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
        ),
    )


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
