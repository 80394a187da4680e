"""The catalog queries stay quick where nothing was ever analysed and there are thousands of tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.pg.connect import Connection, capabilities, connect, execute_script, read_transaction
from tenfold.pg.embedded import EmbeddedServer
from tenfold.pg.sqlfile import load_queries
from tests.conftest import binaries

TABLES = 3000
LONGEST = 20.0

SCHEMA = f"""
CREATE FUNCTION tenant() RETURNS int LANGUAGE sql STABLE RETURN current_setting('app.tenant_id')::int;
DO $$ BEGIN FOR n IN 1..{TABLES} LOOP
  EXECUTE format('CREATE TABLE t%1$s (id int GENERATED ALWAYS AS IDENTITY, tenant_id int, note text)', n);
  EXECUTE format('CREATE INDEX ON t%1$s (lower(note)) WHERE tenant_id > 0', n);
  EXECUTE format('CREATE POLICY p ON t%1$s USING (tenant_id = tenant())', n);
  IF n % 10 = 0 THEN
    EXECUTE format('CREATE VIEW v%1$s AS SELECT * FROM t%1$s', n);
    EXECUTE format('CREATE TYPE e%1$s AS ENUM (%2$L, %3$L)', n, 'a', 'b');
  END IF;
END LOOP; END $$;
"""


@pytest.fixture(params=[15, 18], ids=lambda major: f"pg{major}")
def reader(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """On a server of its own, which analyses no catalog behind our back."""
    settings = {"autovacuum": "off", "max_locks_per_transaction": 4096}
    try:
        programs = binaries(request.param)
    except LookupError as error:
        pytest.skip(str(error))
    with EmbeddedServer.temporary(settings=settings, binaries=programs) as server:
        dsn = server.create_database("many")
        with contextlib.closing(connect(dsn, writable=True, statement_timeout=0)) as connection:
            execute_script(connection, SCHEMA)
        with contextlib.closing(connect(dsn)) as connection:
            yield connection


def test_every_query_ends_in_time_and_none_searches_the_dependencies_for_each_row(reader: Connection) -> None:
    snapshot = read_snapshot(reader, statement_timeout=LONGEST)
    assert len(snapshot.relations) == TABLES + TABLES // 10
    scanned = {}
    with read_transaction(reader):
        able = capabilities(reader)
        for query in load_queries("tenfold.catalog").values():
            text = query.text_for(able)
            if "{pg_stat_statements}" in text:
                continue
            parameters = {"locked": []} if "%(" in text else None
            row = reader.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), parameters).fetchone()
            assert row is not None
            scanned[query.name] = _scanned_by_subplans(row[0][0]["Plan"])
    assert "pg_amop" in scanned["operator_classes"]  # one is seen where there is one
    assert [name for name, relations in scanned.items() if "pg_depend" in relations] == []


def _scanned_by_subplans(plan: dict[str, Any], *, inside: bool = False) -> set[str]:
    inside = inside or plan.get("Parent Relationship") == "SubPlan"
    found = {plan["Relation Name"]} if inside and "Relation Name" in plan else set()
    return found.union(*(_scanned_by_subplans(part, inside=inside) for part in plan.get("Plans", ())))
