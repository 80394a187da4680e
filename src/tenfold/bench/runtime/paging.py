"""Pages from the first row to a million rows deep: the runtime's keyset, OFFSET, and sqlakeyset.

All ask inside one open transaction of the tenant, so that what a transaction costs evens out nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from tenfold.bench.runtime import sqlalchemy_async
from tenfold.bench.runtime.ground import SETTING, TENANT
from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.result import Section, Table, Verdict, at_most, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, Timed, one_by_one, ratio
from tenfold.errors import TenfoldError
from tenfold.runtime import Database, Session
from tenfold.runtime.paging import Cursors, Order, Query, asc, desc, page
from tenfold.runtime.paging.keyset import Position, statement

SIZE = 50
DEPTHS = (0, 1_000, 10_000, 100_000, 1_000_000)
#: As deep as OFFSET goes in every order but the first.
_OFFSET = 100_000
_FLAT = 1.2
_QUERY = Query("SELECT id, name, email, score, priority, created_at FROM leads WHERE team_id = $1", TENANT)
_ORDERS = {
    "one direction": Order(desc("created_at", nullable=False), key="id"),
    "mixed directions": Order(desc("score", nullable=False), asc("created_at", nullable=False), key="id"),
    "mixed directions, with NULLs": Order(
        desc("priority", nulls="last"), asc("created_at", nullable=False), key="id"
    ),
    # Each page goes over several values of the column, so one range never holds it.
    "one direction, NULLs not ruled out": Order(desc("created_at"), key="id"),
}
_CURSORS = Cursors(b"a key for the bench alone")

Ids = Callable[[], Awaitable[Sequence[int]]]


class Place(msgspec.Struct, frozen=True):
    """So many rows lie before the page, the last of them with these values; None before the first page.

    The cursor is the one that the page before it gives.
    """

    depth: int
    values: tuple[Any, ...] | None = None
    cursor: str | None = None

    @property
    def name(self) -> str:
        return f"row {self.depth:,}" if self.depth else "page 1"


async def paging(bench: Bench) -> Section:
    depths = [depth for depth in DEPTHS if depth + SIZE < bench.ground.rows]
    tables: list[Table] = []
    verdicts: list[Verdict] = []
    absent = missing("sqlalchemy", "sqlakeyset")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(bench.ground.app, setting=SETTING))
        session = await stack.enter_async_context(database.tenant(TENANT, read_only=True))
        for title, order in _ORDERS.items():
            places = [await _place(session, order, depth) for depth in depths]
            ways: dict[str, Callable[[Place], Ids]] = {
                "keyset": partial(_keyset, session, order),
                "offset": partial(_offset, session, order),
            }
            if not absent and not any(column.nullable for column in order.columns):
                ways["sqlakeyset"] = await stack.enter_async_context(_sqlakeyset(bench.ground.app, order))
            await _check(ways, places)
            asked = [
                (way, place)
                for way in ways
                for place in places
                # It takes seconds there, in any order: one is enough.
                if way != "offset" or place.depth <= _OFFSET or not tables
            ]
            timed = await bench.measure(
                [Contender(f"{way}, {place.name}", one_by_one(ways[way](place))) for way, place in asked]
            )
            notes = {
                f"{way}, {place.name}": f"{await _buffers(session, order, place, way):,}"
                for way, place in asked
                if way != "sqlakeyset"
            }
            first = timed[0]
            tables.append(
                Table(
                    title=f"A page of {SIZE}: {title}",
                    lines=lines(timed, first, notes),
                    against=first.name,
                    note_heading="buffers",
                )
            )
            verdicts += _verdicts(title, timed[: len(places)])
    return Section(
        subject="paging",
        title="Pages in the depth",
        remarks=(
            f"{bench.ground.rows:,} rows of the tenant among {bench.ground.rows // 4:,} of others, an index"
            " for each order. Cursors are sealed and opened in the time that is taken.",
            "Buffers are those of the statement, by EXPLAIN. From page 1 to a page in the depth a condition"
            " is added, which the server plans each time.",
        ),
        tables=tuple(tables),
        verdicts=tuple(verdicts),
        left_out=(
            f"sqlakeyset: {absent}" if absent else "sqlakeyset takes no order whose columns hold NULLs",
        ),
    )


def _verdicts(title: str, timed: Sequence[Timed]) -> list[Verdict]:
    first, second, *_, last = timed
    deep, nearer = (each.name.removeprefix("keyset, ") for each in (last, second))
    return [
        at_most(f"{title}: {deep}, to page 1", ratio(last, first), _FLAT),
        at_most(f"{title}: {deep}, to {nearer}", ratio(last, second), _FLAT),
    ]


async def _place(session: Session, order: Order, depth: int) -> Place:
    if not depth:
        return Place(0)
    row = await session.fetch_row(f"{_first(order, 1)} OFFSET {depth - SIZE - 1:d}", *_QUERY.parameters)
    assert row is not None
    cursor = _CURSORS.seal(Position(order.values(row)), TENANT, order, _QUERY)
    before = await page(session, _QUERY, order, SIZE, cursor, cursors=_CURSORS)
    return Place(depth, order.values(before.items[-1]), before.next)


async def _check(ways: Mapping[str, Callable[[Place], Ids]], places: Sequence[Place]) -> None:
    for place in places:
        found = {name: tuple(await make(place)()) for name, make in ways.items()}
        if len(set(found.values())) > 1:
            raise TenfoldError(f"{', '.join(found)} do not find the same rows at {place.name}")


# --- the ways ------------------------------------------------------------------------------------------


def _keyset(session: Session, order: Order, place: Place) -> Ids:
    async def ids() -> Sequence[int]:
        found = await page(session, _QUERY, order, SIZE, place.cursor, cursors=_CURSORS)
        return [row["id"] for row in found.items]

    return ids


def _offset(session: Session, order: Order, place: Place) -> Ids:
    text = f"{_first(order, SIZE + 1)} OFFSET {place.depth:d}"

    async def ids() -> Sequence[int]:
        rows = await session.fetch(text, *_QUERY.parameters)
        return [row["id"] for row in rows[:SIZE]]

    return ids


@asynccontextmanager
async def _sqlakeyset(dsn: str, order: Order) -> AsyncGenerator[Callable[[Place], Ids]]:
    from sqlakeyset.asyncio import select_page
    from sqlalchemy import func, select

    leads = sqlalchemy_async.leads_table()
    ordered = [
        leads.c[each.name].desc() if each.descending else leads.c[each.name].asc() for each in order.columns
    ]
    query = (
        select(leads.c.id, leads.c.name, leads.c.email, leads.c.score, leads.c.priority, leads.c.created_at)
        .where(leads.c.team_id == TENANT)
        .order_by(*ordered)
    )
    engine = sqlalchemy_async.engine_of(dsn, 1)
    try:
        async with engine.begin() as connection:
            await connection.execute(select(func.set_config(SETTING, str(TENANT), True)))

            def make(place: Place) -> Ids:
                marker = None if place.values is None else (place.values, False)

                async def ids() -> Sequence[int]:
                    found: Any = await select_page(connection, query, per_page=SIZE, page=marker)
                    return [row.id for row in found]

                return ids

            yield make
    finally:
        await engine.dispose()


def _first(order: Order, limit: int) -> str:
    return f"{_QUERY.text} ORDER BY {order.sql} LIMIT {limit:d}"


async def _buffers(session: Session, order: Order, place: Place, way: str) -> int:
    """Blocks that the statement reads, in memory or not."""
    if way == "offset":
        text, parameters = f"{_first(order, SIZE + 1)} OFFSET {place.depth:d}", _QUERY.parameters
    else:
        position = None if place.cursor is None else _CURSORS.open(place.cursor, TENANT, order, _QUERY)
        asked = statement(_QUERY, order, SIZE + 1, position, nearest=position is not None and position.dense)
        text, parameters = asked.text, asked.parameters
    found = await session.fetch_value(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {text}", *parameters
    )
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
