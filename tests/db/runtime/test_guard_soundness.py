"""Whatever passes the guard is, without any policy, as if the other tenants were not there.

Two schemas have the same tables: in one there are rows of tenants 7 and 8, in the other those of 7 alone.
Statements are made at random. One that the guard lets pass in a session of tenant 7 has the same result in
both, and leaves the rows of tenant 8 as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg import sql

from tenfold.errors import UnboundTenantError
from tenfold.runtime.guard import Guard, TenantTable
from tests.db.runtime.random_statements import SETUP, TABLES, statements

EXAMPLES = 500
ROWS = " UNION ALL ".join(f"SELECT '{name}', t::text FROM {name} t WHERE team_id {{0}} 7" for name in TABLES)


@pytest.fixture
def server(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database) as connection:
        for schema, tenants in (("whole", "ARRAY[7, 8]"), ("own", "ARRAY[7]")):
            connection.execute(sql.SQL(SETUP).format(sql.SQL(schema), sql.SQL(tenants)))
        connection.commit()
        yield connection


def outcome(connection: psycopg.Connection[Any], schema: str, statement: str) -> Any:
    """The rows, and what is left of tenant 7's rows and of others'; None where the server refuses it."""
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
    try:
        cursor = connection.execute(statement, {"p": 7})
        rows = Counter(cursor.fetchall()) if cursor.description else None
        left = [Counter(connection.execute(ROWS.format(sign)).fetchall()) for sign in ("=", "<>")]
    except psycopg.Error:
        return None
    finally:
        connection.rollback()
    return rows, *left


def test_what_passes_is_as_if_other_tenants_were_not_there(server: psycopg.Connection[Any]) -> None:
    guard = Guard("team_id", tables=[TenantTable("whole", name, position=2) for name in TABLES])
    before = outcome(server, "whole", "SELECT 1")
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
    @given(statement=statements())
    def as_if_alone(statement: str) -> None:
        unread = guard.statistics().unread
        try:
            guard.check_for(7, statement.replace("%(p)s", "$1"), (7,))
        except UnboundTenantError:
            seen["refused"] += 1
            return
        if guard.statistics().unread > unread:
            seen["unread"] += 1
            return
        whole, own = (outcome(server, schema, statement) for schema in ("whole", "own"))
        if whole is None or own is None:
            seen["not of SQL"] += 1
            return
        seen["passed"] += 1
        assert whole[:2] == own[:2]
        assert whole[2] == before[2]

    as_if_alone()
    assert seen["passed"] > EXAMPLES / 10 and seen["refused"] > EXAMPLES / 10, seen
