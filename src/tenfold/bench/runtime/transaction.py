"""A transaction of one tenant that asks once, or five times: the runtime, and what else one would write.

Every contender has as many connections as any other, to the same server by the same role, whom the policies
bind, and is checked before it is timed: it returns the tenant's row, and no row of another tenant.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import TypeAlias

from tenfold.bench.runtime import django_tenants, hand_written, sqlalchemy_async
from tenfold.bench.runtime.ground import SETTING, TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.result import Section, Table, Verdict, at_most, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, Timed, best, one_by_one, ratio, together
from tenfold.errors import TenfoldError
from tenfold.runtime import Database, PoolSettings

CONNECTIONS = 8
TASKS = 16
#: An id of the large tenant, and one of another.
OWN, FOREIGN = 501, 505
SEVERAL = 5

#: Reads the row of the id so many times in one transaction of the tenant; the names it found.
Asks: TypeAlias = Callable[[int, int, int], Awaitable[Sequence[str]]]

_OURS = "tenfold, asyncpg"
_CLOSE, _HALF = 1.1, 0.5
_SQL = "SELECT name FROM leads WHERE team_id = $1 AND id = $2"


async def transaction(bench: Bench) -> Section:
    async with AsyncExitStack() as stack:
        asks: dict[str, Asks] = {}
        single: dict[str, Asks] = {}
        left_out: list[str] = []
        asks[_OURS] = await stack.enter_async_context(_ours(bench, "asyncpg"))
        asks["tenfold, psycopg"] = await stack.enter_async_context(_ours(bench, "psycopg"))
        by_hand = await stack.enter_async_context(hand_written.asyncpg_forms(bench.ground.app, CONNECTIONS))
        if absent := missing("psycopg_pool"):
            left_out.append(f"psycopg by hand: {absent}")
        else:
            by_hand |= await stack.enter_async_context(
                hand_written.psycopg_forms(bench.ground.app, CONNECTIONS)
            )
        # One statement that is known beforehand needs no transaction to be held open for the next.
        single = {name: form for name, form in by_hand.items() if name in hand_written.ONE_TRIP}
        asks |= {name: form for name, form in by_hand.items() if name not in single}
        if absent := missing("sqlalchemy"):
            left_out.append(f"SQLAlchemy: {absent}")
        else:
            asks |= await stack.enter_async_context(sqlalchemy_async.forms(bench.ground.app, CONNECTIONS))
        if absent := missing("django", "django_rls_tenants"):
            left_out.append(f"Django: {absent}")
        else:
            stack.enter_context(django_tenants.asking(bench.ground.app, CONNECTIONS))
            asks[django_tenants.NAME] = django_tenants.ask
        for name, ask in (asks | single).items():
            await _check(name, ask)
        return await _measured(bench, asks, single, left_out)


async def _measured(
    bench: Bench, asks: dict[str, Asks], single: dict[str, Asks], left_out: list[str]
) -> Section:
    once = await bench.measure([Contender(name, one_by_one(_times(ask, 1))) for name, ask in asks.items()])
    several = await bench.measure(
        [Contender(name, one_by_one(_times(ask, SEVERAL))) for name, ask in asks.items()]
    )
    busy = await bench.measure(
        [Contender(name, together(_times(ask, 1), TASKS)) for name, ask in asks.items()]
    )
    short = await bench.measure(
        [Contender(name, one_by_one(_times(ask, 1))) for name, ask in ({_OURS: asks[_OURS]} | single).items()]
    )
    return Section(
        subject="transaction",
        title="A tenant's transaction",
        remarks=(
            f"{_SQL}, one row, under row-level security; {CONNECTIONS} connections each over a Unix socket,",
            "statements kept prepared wherever the library can.",
            "By hand: `BEGIN; SET LOCAL` as one message, and as the drivers' own transaction blocks.",
            django_tenants.WHY,
        ),
        tables=(
            Table(title="One statement, one caller", lines=lines(once, _named(once, _OURS)), against=_OURS),
            Table(
                title=f"{SEVERAL} statements, one caller",
                lines=lines(several, _named(several, _OURS)),
                against=_OURS,
            ),
            Table(
                title=f"One statement, {TASKS} callers at once",
                lines=lines(busy, _named(busy, _OURS)),
                against=_OURS,
                unit="rate",
            ),
            Table(
                title="One statement that is known beforehand, in one round trip",
                lines=lines(short, _named(short, _OURS)),
                against=_OURS,
            ),
        ),
        verdicts=(
            *_verdicts("one statement", once),
            *_verdicts(f"{SEVERAL} statements", several),
            *_verdicts(f"{TASKS} callers at once", busy),
            _close("one statement, to the best form of one round trip", short),
        ),
        left_out=tuple(left_out),
    )


def _verdicts(what: str, timed: Sequence[Timed]) -> list[Verdict]:
    ours = _named(timed, _OURS)
    by_hand = [each for each in timed if each.name in hand_written.NAMES]
    found = [_close(f"{what}, to the best form by hand", timed)]
    if clean := [each for each in by_hand if each.name in hand_written.CLEANING]:
        found.append(
            at_most(
                f"{what}, to the best form by hand that cleans the connection: {best(clean).name}",
                ratio(ours, best(clean)),
                _CLOSE,
            )
        )
    if alchemy := [each for each in timed if each.name in sqlalchemy_async.NAMES]:
        found.append(
            at_most(
                f"{what}: overhead over the best form by hand, in those of {best(alchemy).name}",
                overhead(ours, best(alchemy), best(by_hand)),
                _HALF,
            )
        )
    return found


def overhead(ours: Timed, theirs: Timed, floor: Timed) -> float:
    """What ours takes more than the floor, in terms of what theirs takes more: the median of the rounds."""
    rounds = zip(ours.rounds, theirs.rounds, floor.rounds, strict=True)
    return median((own - least) / max(other - least, 1e-9) for own, other, least in rounds)


def _close(what: str, timed: Sequence[Timed]) -> Verdict:
    nearest = best([each for each in timed if each.name in hand_written.NAMES])
    return at_most(f"{what}: {nearest.name}", ratio(_named(timed, _OURS), nearest), _CLOSE)


def _named(timed: Sequence[Timed], name: str) -> Timed:
    return next(each for each in timed if each.name == name)


def _times(ask: Asks, statements: int) -> Callable[[], Awaitable[Sequence[str]]]:
    return lambda: ask(TENANT, OWN, statements)


async def _check(name: str, ask: Asks) -> None:
    found = [list(await ask(TENANT, OWN, 2)), list(await ask(TENANT, FOREIGN, 1))]
    if found != [[f"Lead {OWN}"] * 2, []]:
        raise TenfoldError(f"{name} does not return what the others do, so its time means nothing")


# --- the runtime -----------------------------------------------------------------------------------------


@asynccontextmanager
async def _ours(bench: Bench, driver: str) -> AsyncGenerator[Asks]:
    pool = PoolSettings(min_size=CONNECTIONS, max_size=CONNECTIONS)
    database = Database(
        bench.ground.app,
        setting=SETTING,
        pool=pool,
        driver="psycopg" if driver == "psycopg" else "asyncpg",
    )

    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with database.tenant(tenant) as session:
            for _ in range(statements):
                found += [row[0] for row in await session.fetch(_SQL, tenant, lead)]
        return found

    async with database:
        yield ask
