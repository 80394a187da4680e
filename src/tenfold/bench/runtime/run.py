"""Runs the subjects of the bench, one after the other, on one server that starts and ends here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from tenfold.bench.runtime.cache import cache
from tenfold.bench.runtime.ground import ground
from tenfold.bench.runtime.guard import guard
from tenfold.bench.runtime.loader import loader
from tenfold.bench.runtime.machine import machine, versions
from tenfold.bench.runtime.middleware import middleware
from tenfold.bench.runtime.paging import paging
from tenfold.bench.runtime.policy import policy
from tenfold.bench.runtime.result import Report, Section
from tenfold.bench.runtime.shared_cache import shared_cache
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Effort
from tenfold.bench.runtime.transaction import transaction

Subject: TypeAlias = Callable[[Bench], Awaitable[Section]]

SUBJECTS: dict[str, Subject] = {
    "transaction": transaction,
    "policy": policy,
    "cache": cache,
    "redis": shared_cache,
    "paging": paging,
    "loader": loader,
    "guard": guard,
    "middleware": middleware,
}
#: Enough for a page that lies a million rows deep.
ROWS, QUICK_ROWS = 1_100_000, 12_000

_PACKAGES = (
    "asyncpg psycopg psycopg-pool SQLAlchemy Django django-rls-tenants redis hiredis cashews aiocache "
    "dogpile.cache sqlakeyset aiodataloader msgspec"
).split()


def run(
    subjects: Sequence[str],
    effort: Effort,
    *,
    quick: bool = False,
    told: Callable[[str], None] = lambda _: None,
    found: Callable[[Section], None] = lambda _: None,
) -> Report:
    """`told` hears what is being done, `found` gets each section as it comes."""
    before = machine()
    told("starting a server and filling it")
    sections = []
    with ground(QUICK_ROWS if quick else ROWS) as place:
        for name in subjects:
            bench = Bench(place, effort, _prefixed(name, told))
            section = asyncio.run(_awaited(SUBJECTS[name], bench))
            sections.append(section)
            found(section)
        server = place.server
    return Report(
        machine=before | {"load after": machine()["load"]},
        versions={"tenfold": versions(["tenfold"]).get("tenfold", ""), "server": server}
        | versions(_PACKAGES),
        rounds=effort.rounds,
        seconds=effort.seconds,
        quick=quick,
        sections=tuple(sections),
    )


def _prefixed(name: str, told: Callable[[str], None]) -> Callable[[str], None]:
    return lambda what: told(f"{name}: {what}")


async def _awaited(subject: Subject, bench: Bench) -> Section:
    return await subject(bench)


def encoded(report: Report) -> bytes:
    """The report as JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)
