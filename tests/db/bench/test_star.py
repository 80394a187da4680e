"""The star of TPC-H: it loads, and all its queries can be asked."""

from __future__ import annotations

import contextlib

from tenfold.bench.star import TABLES, load_star, star_queries
from tenfold.catalog.reader import read_snapshot
from tenfold.pg.connect import connect
from tenfold.pg.explain import explain_plan


def test_the_star_loads_and_answers_all_queries(database: str) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        load_star(connection, 0.01)
        snapshot = read_snapshot(connection)
        rows = {relation.name: relation.rows for relation in snapshot.relations}
        assert {table: rows[table] for table in ("nation", "supplier", "orders")} == {
            "nation": 25,
            "supplier": 100,
            "orders": 15_000,
        }
        assert rows.keys() >= set(TABLES)
        plans = [explain_plan(connection, query.text, ()) for query in star_queries()]
    assert len(plans) == 22
    assert all(plan.cost > 0 for plan in plans)
