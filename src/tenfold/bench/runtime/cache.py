"""A hit of the first level, beside what else keeps a value in a process.

Each call finds one of 100 values. What the loop alone takes is measured in the same rounds and taken off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from tenfold.bench.runtime.ground import TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.result import Section, Table, Verdict, at_most, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, Timed, awaited_over, empty_over, over, ratio
from tenfold.errors import TenfoldError
from tenfold.runtime.cache import Cache, Keyspace, Namespace

KEYS = range(100)
_LOOP = "the loop alone"
_PEEK, _GET = "tenfold, peek", "tenfold, await get"
_DICT, _COROUTINE = "dict.get", "a dict behind a coroutine"
_MOST, _FACTOR = 2e-6, 5.0


class User(msgspec.Struct, frozen=True):
    id: int
    name: str
    email: str


USER: Namespace[User] = Namespace(name="user", type=User, ttl=1800)


def user(key: int) -> User:
    return User(key, f"User {key}", f"user{key}@example.com")


def _user_of(tenant: int, key: int) -> User:
    assert tenant == TENANT
    return user(key)


async def _load(tenant: int, key: int) -> User:
    return _user_of(tenant, key)


async def cache(bench: Bench) -> Section:
    async with Cache([USER]) as ours:
        plain, awaited = await _ours(ours.of(USER, TENANT))
        left_out = await _others(plain, awaited)
        contenders = [Contender(_LOOP, empty_over(KEYS))]
        contenders += [Contender(name, over(KEYS, call)) for name, call in plain.items()]
        contenders += [Contender(name, awaited_over(KEYS, call)) for name, call in awaited.items()]
        loop, *timed = await bench.measure(contenders)
    net = [each.less(loop) for each in timed]
    known = {each.name: each for each in net}
    return Section(
        subject="cache",
        title="A hit of the first level",
        remarks=(
            f"{len(KEYS)} values of one tenant, all in the process; the loop's own"
            f" {loop.median * 1e9:.0f} ns are taken off.",
            "peek is the runtime's plain call, get the one that loads where there is nothing.",
        ),
        tables=(Table(title="One hit", lines=lines(net, known[_DICT]), against=_DICT),),
        verdicts=(*_verdicts(known),),
        left_out=tuple(left_out),
    )


def _verdicts(known: dict[str, Timed]) -> list[Verdict]:
    return [
        at_most("a hit by get", known[_GET].median, _MOST, "s"),
        at_most("a hit by peek", known[_PEEK].median, _MOST, "s"),
        at_most("peek, to dict.get", ratio(known[_PEEK], known[_DICT]), _FACTOR),
        at_most("get, to a dict behind a coroutine", ratio(known[_GET], known[_COROUTINE]), _FACTOR),
    ]


Plain = dict[str, Callable[[int], Any]]
Awaited = dict[str, Callable[[int], Awaitable[Any]]]


async def _ours(users: Keyspace[User]) -> tuple[Plain, Awaited]:
    async def load() -> User:
        raise TenfoldError("a hit loads nothing")

    async def get(key: int) -> User | None:
        return await users.get(key, load)

    def filler(key: int) -> Callable[[], Awaitable[User]]:
        async def fill() -> User:
            return user(key)

        return fill

    for key in KEYS:
        await users.get(key, filler(key))
    kept = {key: user(key) for key in KEYS}

    async def looked_up(key: int) -> User:
        return kept[key]

    remembered = lru_cache(maxsize=1000)(_user_of)

    return (
        {
            _DICT: kept.get,
            "functools.lru_cache, by tenant and key": lambda key: remembered(TENANT, key),
            _PEEK: users.peek,
        },
        {_COROUTINE: looked_up, _GET: get},
    )


async def _others(plain: Plain, awaited: Awaited) -> Sequence[str]:
    """Adds the libraries that are installed; what is to be said of the others."""
    left_out = []
    for module, add in (("cashews", _cashews), ("aiocache", _aiocache), ("dogpile.cache", _dogpile)):
        if absent := missing(module.partition(".")[0]):
            left_out.append(f"{module}: {absent}")
        else:
            await add(plain, awaited)
    return left_out


async def _cashews(_: Plain, awaited: Awaited) -> None:
    from cashews import Cache as Cashews

    kept = Cashews()
    kept.setup("mem://?size=1000")

    found = kept(ttl="30m", key="user:{tenant}:{key}")(_load)

    for key in KEYS:
        await kept.set(f"user:{TENANT}:{key}", user(key), expire="30m")
        await found(TENANT, key)
    awaited["cashews, get"] = lambda key: kept.get(f"user:{TENANT}:{key}")
    awaited["cashews, decorator"] = lambda key: found(TENANT, key)


async def _aiocache(_: Plain, awaited: Awaited) -> None:
    from aiocache import SimpleMemoryCache, cached

    kept = SimpleMemoryCache(ttl=1800)

    found = cached(ttl=1800, key_builder=lambda _, tenant, key: f"user:{tenant}:{key}")(_load)

    for key in KEYS:
        await kept.set(f"user:{TENANT}:{key}", user(key))
        await found(TENANT, key)
    awaited["aiocache, get"] = lambda key: kept.get(f"user:{TENANT}:{key}")
    awaited["aiocache, decorator"] = lambda key: found(TENANT, key)


async def _dogpile(plain: Plain, _: Awaited) -> None:
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.memory", expiration_time=1800)
    for key in KEYS:
        region.set(f"user:{TENANT}:{key}", user(key))
    plain["dogpile.cache, get"] = lambda key: region.get(f"user:{TENANT}:{key}")
    plain["dogpile.cache, get_or_create"] = lambda key: region.get_or_create(
        f"user:{TENANT}:{key}", lambda: user(key)
    )
