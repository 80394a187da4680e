from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.errors import CursorError, OrderError, TenantError, UsageError
from tenfold.runtime.database import Database
from tenfold.runtime.paging import Cursors, Order, Query, asc, desc, export, offset_page, page
from tenfold.runtime.paging.order import Column
from tenfold.runtime.session import Session

COLUMNS = ("id", "team_id", "rank", "name", "seen", "price", "code", "day", "score", "done")
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
# Few values of each, so that rows share them.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "rank": st.sampled_from([None, -1, 0, 2**31 - 1]),
    "name": st.sampled_from([None, "", "a", "b'"]),
    "seen": st.sampled_from([None, NOON, NOON + datetime.timedelta(microseconds=1)]),
    "price": st.sampled_from([None, Decimal("0.10"), Decimal("0.1000001"), Decimal("NaN")]),
    "code": st.sampled_from([uuid.UUID(int=1), uuid.UUID(int=2)]),
    "day": st.sampled_from([None, datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)]),
    "score": st.sampled_from([None, -0.1, 0.1 + 0.2, float("inf")]),
    "done": st.sampled_from([None, False, True]),
}
ORDERABLE = tuple(VALUES)
THINGS = st.lists(st.fixed_dictionaries(VALUES), max_size=14)
#: A thing without a value but those it must have.
BARE: dict[str, Any] = dict.fromkeys(ORDERABLE) | {"code": uuid.UUID(int=1)}
QUERY = Query("SELECT * FROM things WHERE team_id = $1", 7)
#: The same rows, some of them by two ways.
BY_ANY = Query(
    "SELECT * FROM things WHERE team_id = $1 AND rank <= 0",
    7,
    also=[
        "SELECT * FROM things WHERE team_id = $1 AND rank >= 0",
        "SELECT * FROM things WHERE team_id = $1 AND rank IS NULL -- whatever it is",
    ],
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    columns = []
    for name in draw(st.lists(st.sampled_from([*ORDERABLE, "id"]), max_size=4, unique=True)):
        make = draw(st.sampled_from([asc, desc]))
        nullable = name not in ("code", "id") or draw(st.booleans())
        columns.append(make(name, nullable=nullable, nulls=draw(st.sampled_from([None, "first", "last"]))))
    return Order(*columns, key="id")


def in_order(rows: list[dict[str, Any]], order: Order) -> list[int]:
    """Sorted here, and not by a text that the server gets."""
    rows = sorted(rows, key=lambda row: row["id"])
    for column in reversed(order.columns):
        rows.sort(key=_key(column), reverse=column.descending)
    return [row["id"] for row in rows]


def _key(column: Column) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    def key(row: dict[str, Any]) -> tuple[int, Any]:
        value = row[column.name]
        if value is None:
            return (0 if column.nulls_first != column.descending else 3, 0)
        # The server has NaN above all numbers.
        return (2, 0) if value != value or str(value) == "NaN" else (1, value)

    return key


async def add(session: Session, rows: list[dict[str, Any]], *, start: int = 1) -> list[dict[str, Any]]:
    numbered = [{"id": start + place, "team_id": 7, **row} for place, row in enumerate(rows)]
    for row in numbered:
        await session.execute(
            "INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            *(row[name] for name in COLUMNS),
        )
    return numbered


async def walk(
    session: Session,
    order: Order,
    size: int,
    cursors: Cursors,
    between: Callable[[], Any] | None = None,
    query: Query = QUERY,
) -> tuple[list[list[int]], str | None]:
    """The ids by page, and the cursor of the way back."""
    pages: list[list[int]] = []
    cursor: str | None = None
    while True:
        found = await page(session, query, order, size, cursor, cursors=cursors)
        pages.append([row["id"] for row in found.items])
        if found.next is None:
            return pages, found.previous
        assert len(pages) < 100, "the pages go round in a circle"
        cursor = found.next
        if between is not None:
            await between()


def flat(pages: list[list[int]]) -> list[int]:
    return [id_ for each in pages for id_ in each]


on_one_database = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@on_one_database
@given(rows=THINGS, order=orders(), size=st.integers(1, 5), query=st.sampled_from([QUERY, BY_ANY]))
async def test_all_pages_forward_and_back_give_every_row_once_in_order(
    db: Database, cursors: Cursors, rows: list[dict[str, Any]], order: Order, size: int, query: Query
) -> None:
    async with db.tenant(7) as session:
        await session.execute("DELETE FROM things")
        expected = in_order(await add(session, rows), order)

        pages, previous = await walk(session, order, size, cursors, query=query)
        assert flat(pages) == expected
        assert all(len(each) == size for each in pages[:-1])

        back = [pages[-1]]
        while previous is not None:
            found = await page(session, query, order, size, previous, cursors=cursors)
            assert found.next is not None
            back.insert(0, [row["id"] for row in found.items])
            previous = found.previous
        assert back == pages


@on_one_database
@given(
    rows=THINGS,
    order=orders(),
    size=st.integers(1, 4),
    more=st.lists(st.lists(st.fixed_dictionaries(VALUES), max_size=3), max_size=6),
    gone=st.lists(st.integers(1, 14), max_size=6),
)
async def test_rows_that_stay_come_once_while_others_come_and_go(
    db: Database,
    cursors: Cursors,
    rows: list[dict[str, Any]],
    order: Order,
    size: int,
    more: list[list[dict[str, Any]]],
    gone: list[int],
) -> None:
    async with db.tenant(7) as session:
        await session.execute("DELETE FROM things")
        expected = in_order(await add(session, rows), order)
        added = len(rows)
        leaving = list(gone)

        async def between() -> None:
            nonlocal added
            if more:
                batch = more.pop()
                await add(session, batch, start=1 + added)
                added += len(batch)
            if leaving:
                await session.execute("DELETE FROM things WHERE id = $1", leaving.pop())

        pages, _ = await walk(session, order, size, cursors, between)
        found = flat(pages)
        assert len(found) == len(set(found))
        staying = [id_ for id_ in expected if id_ not in gone]
        assert [id_ for id_ in found if id_ in staying] == staying


async def test_rows_that_share_a_time_stamp_are_all_shown(db: Database, cursors: Cursors) -> None:
    async with db.tenant(7) as session:
        await add(session, [BARE | {"seen": NOON}] * 25)
        order = Order(desc("seen", nullable=False), key="id")
        pages, _ = await walk(session, order, 10, cursors)
    assert flat(pages) == list(range(25, 0, -1))


async def test_the_way_back_from_a_page_whose_rows_are_gone_loses_none(
    db: Database, cursors: Cursors
) -> None:
    order = Order(asc("rank"), key="id")
    async with db.tenant(7) as session:
        await add(session, [BARE] * 6)
        first = await page(session, QUERY, order, 3, cursors=cursors)
        second = await page(session, QUERY, order, 3, first.next, cursors=cursors)
        await session.execute("DELETE FROM things WHERE id > 3")
        empty = await page(session, QUERY, order, 3, first.next, cursors=cursors)
        assert (empty.items, empty.next) == ((), None)
        back = await page(session, QUERY, order, 3, empty.previous, cursors=cursors)
        assert [row["id"] for row in back.items] == [1, 2, 3]

        await session.execute("DELETE FROM things")
        await add(session, [BARE] * 3, start=4)
        empty = await page(session, QUERY, order, 3, second.previous, cursors=cursors)
        assert (empty.items, empty.previous) == ((), None)
        ahead = await page(session, QUERY, order, 3, empty.next, cursors=cursors)
        assert [row["id"] for row in ahead.items] == [4, 5, 6]


async def test_a_cursor_is_refused_for_another_tenant_order_filter_or_key(
    db: Database, cursors: Cursors
) -> None:
    order = Order(asc("rank"), key="id")
    async with db.tenant(7) as session:
        await add(session, [BARE] * 3)
        cursor = (await page(session, QUERY, order, 1, cursors=cursors)).next
        assert cursor is not None
        for query, other in [
            (Query("SELECT * FROM things WHERE team_id = $1", 8), order),
            (Query("SELECT * FROM things WHERE  team_id = $1", 7), order),
            (QUERY, Order(desc("rank"), key="id")),
            (QUERY, Order(asc("rank", nulls="first"), key="id")),
            (QUERY, Order(asc("name"), key="id")),
        ]:
            with pytest.raises(CursorError):
                await page(session, query, other, 1, cursor, cursors=cursors)
        with pytest.raises(CursorError):
            await page(session, QUERY, order, 1, cursor, cursors=Cursors(b"another key, also long enough"))
    async with db.tenant(8) as session:
        with pytest.raises(CursorError):
            await page(session, QUERY, order, 1, cursor, cursors=cursors)
    async with db.system("the test has no tenant") as session:
        with pytest.raises(CursorError):
            await page(session, QUERY, order, 1, cursor, cursors=cursors)


async def test_a_wrapped_query_keeps_its_meaning(db: Database, cursors: Cursors) -> None:
    queries = [
        Query("SELECT id FROM things WHERE team_id = $1 AND id < $2 OR id > $3", 7, 3, 5),
        Query("SELECT max(id) AS id FROM things GROUP BY id % 4 -- by remainder", *()),
        Query("WITH few AS (SELECT id FROM things WHERE id > $1) SELECT id FROM few", 3),
        Query("SELECT id FROM things WHERE id <= 2 UNION ALL SELECT id FROM things WHERE id > 6"),
    ]
    expected = [[1, 2, 6, 7, 8], [5, 6, 7, 8], [4, 5, 6, 7, 8], [1, 2, 7, 8]]
    async with db.tenant(7) as session:
        await add(session, [BARE] * 8)
        for query, ids in zip(queries, expected, strict=True):
            found, cursor = [], None
            while True:
                part = await page(session, query, Order(key="id"), 2, cursor, cursors=cursors)
                found += [row["id"] for row in part.items]
                if (cursor := part.next) is None:
                    break
            assert found == ids


async def test_an_order_that_the_rows_contradict_is_an_error(db: Database, cursors: Cursors) -> None:
    async with db.tenant(7) as session:
        await add(session, [BARE] * 3)
        with pytest.raises(OrderError, match="rank holds NULL"):
            await page(session, QUERY, Order(asc("rank", nullable=False), key="id"), 2, cursors=cursors)
        with pytest.raises(OrderError, match=r"key \(code\) is not unique"):
            await page(session, QUERY, Order(key="code"), 1, cursors=cursors)
        every = Query("SELECT things.*, interval '1 day' AS span FROM things")
        with pytest.raises(OrderError, match="span has values of type timedelta"):
            await page(session, every, Order(asc("span"), key="id"), 1, cursors=cursors)
        long = Query("SELECT id, repeat('x', 9000) AS title FROM things")
        with pytest.raises(OrderError, match="too long"):
            await page(session, long, Order(asc("title"), key="id"), 1, cursors=cursors)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 5, 100])
async def test_an_export_gives_every_row_once_in_sessions_of_their_own(
    db: Database, cursors: Cursors, batch_rows: int
) -> None:
    async with db.tenant(7) as session:
        await add(session, [BARE | {"rank": place % 2 or None} for place in range(6)])
    batches = []
    async for rows in export(
        lambda: db.tenant(7, read_only=True), QUERY, Order(desc("rank"), key="id"), batch_rows
    ):
        with pytest.raises(TenantError):
            db.current()
        batches.append([row["id"] for row in rows])
    assert flat(batches) == [5, 3, 1, 6, 4, 2]
    assert all(len(batch) == batch_rows for batch in batches[:-1])


async def test_an_export_does_not_go_on_as_another_tenant(db: Database) -> None:
    async with db.tenant(7) as session:
        await add(session, [BARE] * 3)
    tenants = iter([7, 8])
    exported = export(lambda: db.tenant(next(tenants)), QUERY, Order(key="id"), 2)
    assert len(await anext(exported)) == 2
    with pytest.raises(TenantError):
        await anext(exported)


async def test_pages_by_number_are_counted_up_to_the_cap(db: Database) -> None:
    order = Order(key="id")
    async with db.tenant(7) as session:
        await add(session, [BARE] * 7)
        third = await offset_page(session, QUERY, order, 3, 3)
        assert [row["id"] for row in third.items] == [7]
        assert (third.total, third.capped, third.pages) == (7, False, 3)
        assert (await offset_page(session, QUERY, order, 3, 4)).items == ()
        exact = await offset_page(session, QUERY, order, 3, 1, count_up_to=7)
        assert (exact.total, exact.capped) == (7, False)
        capped = await offset_page(session, QUERY, order, 3, 2, count_up_to=6)
        assert (capped.total, capped.capped, capped.pages) == (6, True, 2)
        for number in (0, -1, 3):
            with pytest.raises(UsageError):
                await offset_page(session, QUERY, order, 3, number, count_up_to=6)
