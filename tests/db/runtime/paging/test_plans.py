from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.runtime.database import Database
from tenfold.runtime.drivers import Row
from tenfold.runtime.paging import Cursors, Order, Query, asc, desc, index_serves, page
from tenfold.runtime.paging.keyset import Position, statement
from tenfold.runtime.session import Session
from tenfold.runtime.tenant import TenantId

QUERY = Query("SELECT * FROM things WHERE team_id = $1", 7)
FILL = """
INSERT INTO things (id, team_id, rank, name, seen, price, code)
SELECT n, 7, n % 50, CASE WHEN n % 10 < 5 THEN n::text END, timestamptz '2026-01-01', n, gen_random_uuid()
FROM generate_series(1, 30000) n
"""
RANK = asc("rank", nullable=False)
SEEN = desc("seen", nullable=False)


@pytest.fixture
def filled(things: str) -> str:
    with psycopg.connect(things, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("CREATE INDEX ON things (team_id, seen, id)")
        connection.execute("CREATE INDEX ON things (team_id, rank, seen DESC, id)")
        connection.execute("CREATE INDEX ON things (team_id, name, id)")
        connection.execute("CREATE INDEX ON things (team_id, price, id)")
        connection.execute("VACUUM ANALYZE things")
    return things


async def explained(session: Session, order: Order, position: Position) -> dict[str, Any]:
    asked = statement(QUERY, order, 51, position)
    found = await session.fetch_value(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked.text}", *asked.parameters
    )
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_read(plan: dict[str, Any]) -> float:
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Plans" not in node
    )


# In the middle of rows that share the first column's value: all 30,000, or 600 of them.
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(
    ("order", "values", "ranges"),
    [
        (Order(SEEN, key="id"), (None, 15_000), 1),
        (Order(RANK, SEEN, asc("id"), key="id"), (1, None, 15_001), 3),
        (Order(asc("name"), key="id"), ("15000", 15_000), 2),
        (Order(asc("name"), key="id"), (None, 15_005), 2),
        (Order(key="id"), (15_000,), 1),
    ],
)
async def test_a_page_in_the_depth_reads_no_more_than_its_ranges_hold(
    filled: str, order: Order, values: tuple[object, ...], ranges: int, backward: bool
) -> None:
    async with Database(filled, accept_unsafe_role=True) as db, db.tenant(7) as session:
        seen = await session.fetch_value("SELECT seen FROM things WHERE id = 1")
        place = {"seen": seen} | dict(zip(order.names, values, strict=True))
        place = {name: seen if name == "seen" else value for name, value in place.items()}
        plan = await explained(session, order, Position(tuple(place[name] for name in order.names), backward))
        assert rows_read(plan) <= 51 * ranges
        assert plan["Actual Rows"] == 51
        for node in nodes(plan):
            assert node["Node Type"] != "Incremental Sort"
            assert node["Node Type"] != "Sort" or "Limit" in {each["Node Type"] for each in nodes(node)}


class Recording:
    """A session that remembers how many ranges it was asked for."""

    def __init__(self, session: Session) -> None:
        self._session, self.asked = session, list[int]()

    @property
    def tenant(self) -> TenantId | None:
        return self._session.tenant

    async def fetch(self, statement: str, /, *parameters: object) -> Sequence[Row]:
        self.asked.append(1 + statement.count("UNION ALL"))
        return await self._session.fetch(statement, *parameters)


async def test_one_range_is_asked_for_as_long_as_it_fills_the_pages_and_all_of_them_at_its_end(
    filled: str, cursors: Cursors
) -> None:
    order = Order(RANK, SEEN, asc("id"), key="id")
    async with Database(filled, accept_unsafe_role=True) as db, db.tenant(7) as session:
        recording = Recording(session)
        # 600 rows, three pages, have one rank. The third looks for one row more than there are.
        found = await page(recording, QUERY, order, 200, cursors=cursors)
        for _ in range(3):
            assert found.next is not None
            found = await page(recording, QUERY, order, 200, found.next, cursors=cursors)
        assert recording.asked == [1, 1, 1, 3, 1, 3]
        assert [found.items[0]["rank"], found.items[-1]["rank"]] == [1, 1]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    "order",
    [
        Order(SEEN, key="id"),
        Order(asc("seen", nullable=False), key="id"),
        Order(RANK, SEEN, asc("id"), key="id"),
        Order(desc("rank", nullable=False), asc("seen", nullable=False), desc("id"), key="id"),
        Order(asc("name"), key="id"),
        Order(key="id"),
    ],
)
@pytest.mark.parametrize("rows", ["no rows", "many rows"])
async def test_an_index_that_serves_is_found_whatever_the_table_holds(
    things: str, filled: str, order: Order, driver: Any, rows: str
) -> None:
    async with Database(filled, driver=driver, accept_unsafe_role=True) as db, db.tenant(7) as session:
        if rows == "no rows":
            await session.execute("TRUNCATE things")
        before = await session.fetch_row("SELECT current_setting('enable_sort'), count(*) FROM things")
        report = await index_serves(session, QUERY, order)
        assert report.reasons == ()
        assert report.serves
        assert "Index Cond" in report.plan
        after = await session.fetch_row("SELECT current_setting('enable_sort'), count(*) FROM things")
        assert tuple(before or ()) == tuple(after or ()) and (after or [""])[0] == "on"
        assert await session.fetch_value("SELECT count(*) FROM pg_prepared_statements WHERE from_sql") == 0


async def test_an_index_serves_also_where_sorting_a_few_rows_is_cheaper(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("CREATE INDEX ON things (code)")
    query = Query("SELECT * FROM things WHERE team_id = $1 AND code = $2", 7, uuid.UUID(int=1))
    some = "SELECT * FROM things WHERE team_id = $1 AND rank"
    by_any = Query(f"{some} < 2", 7, also=[f"{some} > 1"])
    async with Database(filled, accept_unsafe_role=True) as db, db.tenant(7) as session:
        assert (await index_serves(session, query, Order(SEEN, key="id"))).reasons == ()
        assert (await index_serves(session, by_any, Order(SEEN, key="id"))).reasons == ()
        unserved = await index_serves(session, by_any, Order(asc("day"), key="id"))
        assert any("sorts by" in reason for reason in unserved.reasons)


@pytest.mark.parametrize(
    ("query", "order", "reason"),
    [
        (QUERY, Order(asc("code", nullable=False), key="id"), "sorts by things.code, things.id"),
        # The index has the NULLs at the other end.
        (QUERY, Order(asc("name", nulls="first"), key="id"), "sorts by things.name NULLS FIRST"),
        # The index holds the columns, but goes another way.
        (QUERY, Order(desc("rank", nullable=False), SEEN, key="id"), "sorts by things.rank DESC"),
        (
            Query("SELECT max(id) AS id FROM things GROUP BY done"),
            Order(key="id"),
            "sorts by",
        ),
        (
            Query("SELECT *, rank + 1 AS next FROM things WHERE team_id = $1", 7),
            Order(asc("next", nullable=False), key="id"),
            "sorts by",
        ),
        (
            Query("SELECT id, row_number() OVER (ORDER BY id) AS n FROM things"),
            Order(asc("n", nullable=False), key="id"),
            "by a filter, not by an index",
        ),
    ],
)
async def test_what_no_index_serves_is_said(filled: str, query: Query, order: Order, reason: str) -> None:
    async with Database(filled, accept_unsafe_role=True) as db, db.tenant(7) as session:
        report = await index_serves(session, query, order)
        assert not report.serves
        assert any(reason in each for each in report.reasons), report.reasons
        assert report.reasons[0] in str(report)


@pytest.fixture
def under_policy(filled: str) -> Iterator[str]:
    """The dsn of a role that row-level security binds."""
    role = f"reader_{secrets.token_hex(6)}"
    name = sql.Identifier(role)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        connection.execute("ALTER TABLE things ENABLE ROW LEVEL SECURITY")
        connection.execute(
            "CREATE POLICY own ON things USING (team_id = current_setting('app.tenant_id')::int)"
        )
        connection.execute(sql.SQL("GRANT SELECT ON things TO {}").format(name))
        yield make_conninfo(filled, user=role)
        connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


async def test_under_row_level_security_an_index_on_numeric_does_not_serve(
    filled: str, under_policy: str
) -> None:
    order = Order(asc("price", nullable=False), key="id")
    async with Database(filled, accept_unsafe_role=True) as db, db.tenant(7) as session:
        assert (await index_serves(session, QUERY, order)).serves
    async with Database(under_policy) as db, db.tenant(7) as session:
        report = await index_serves(session, QUERY, order)
        assert any("finds its place in things by a filter" in reason for reason in report.reasons), str(
            report
        )
        assert (await index_serves(session, QUERY, Order(SEEN, key="id"))).serves
