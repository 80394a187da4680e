"""Many loads by key in one call of the loading function, beside aiodataloader.

The function looks into a dict, so what is measured is what the loaders themselves take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tenfold.bench.runtime.cache import User, user
from tenfold.bench.runtime.ground import TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.result import Line, Section, Table, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, Timed, one_by_one
from tenfold.runtime.loaders import Loader
from tenfold.runtime.tenant import TenantId

KEYS = range(100)
_OURS, _THEIRS = "tenfold", "aiodataloader"
_USERS = {key: user(key) for key in KEYS}

Loads = Callable[[], Awaitable[object]]


async def loader(bench: Bench) -> Section:
    gathered: dict[str, Loads] = {_OURS: _gathered}
    many: dict[str, Loads] = {_OURS: _many}
    again: dict[str, Loads] = {_OURS: _again()}
    left_out = []
    if absent := missing("aiodataloader"):
        left_out.append(f"aiodataloader: {absent}")
    else:
        gathered[_THEIRS], many[_THEIRS], again[_THEIRS] = _theirs()
    tables = []
    for title, forms in (
        (f"{len(KEYS)} loads gathered", gathered),
        (f"load_many of {len(KEYS)} keys", many),
        ("One load of what is loaded already", again),
    ):
        timed = await bench.measure([Contender(name, one_by_one(form)) for name, form in forms.items()])
        tables.append(Table(title=title, lines=_lines(timed), against=_THEIRS if len(timed) > 1 else ""))
    return Section(
        subject="loader",
        title="Loaders",
        remarks=("A loader is made for each time, as for a request; it asks once for all keys.",),
        tables=tuple(tables),
        left_out=tuple(left_out),
    )


def _lines(timed: Sequence[Timed]) -> tuple[Line, ...]:
    return lines(timed, timed[-1] if len(timed) > 1 else None)


def _tenant() -> TenantId:
    return TENANT


async def _fetch(_: TenantId, keys: list[int]) -> Mapping[int, User]:
    return {key: _USERS[key] for key in keys}


async def _gathered() -> None:
    async with Loader(_fetch, current=_tenant) as users:
        await asyncio.gather(*(users.load(key) for key in KEYS))


async def _many() -> None:
    async with Loader(_fetch, current=_tenant) as users:
        await users.load_many(KEYS)


def _again() -> Loads:
    made: list[Loader[int, User]] = []

    async def load() -> object:
        if not made:
            made.append(Loader(_fetch, current=_tenant))
        return await made[0].load(7)

    return load


def _theirs() -> tuple[Loads, Loads, Loads]:
    from aiodataloader import DataLoader

    async def fetch(keys: list[int]) -> list[User]:
        return [_USERS[key] for key in keys]

    async def gathered() -> None:
        users = DataLoader(fetch)
        await asyncio.gather(*(users.load(key) for key in KEYS))

    async def many() -> None:
        await DataLoader(fetch).load_many(KEYS)

    made: list[DataLoader[int, User]] = []

    async def again() -> object:
        if not made:
            made.append(DataLoader(fetch))
        return await made[0].load(7)

    return gathered, many, again
