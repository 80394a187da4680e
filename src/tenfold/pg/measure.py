"""Plans and measures a statement that reads, inside a read-only transaction, under settings of its own.

Each question is a subtransaction that is taken back, so that its settings end with it and a refusal leaves
the transaction usable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

import msgspec
import psycopg

from tenfold.model.query_plan import QueryPlan
from tenfold.pg.connect import Connection, translate_errors
from tenfold.pg.session import MARK

_SETTINGS: LiteralString = (
    "SELECT pg_catalog.set_config(name, setting, true)"
    " FROM ROWS FROM (unnest(%s::text[]), unnest(%s::text[])) AS s (name, setting)"
)
_PLAN: LiteralString = "EXPLAIN (FORMAT JSON) "
# Per-node timing is off: it costs more than many a node.
_RUN: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY ON, FORMAT JSON) "


def explain(connection: Connection, statement: str, settings: Mapping[str, str]) -> QueryPlan:
    """What the planner would do. Raises as `translate_errors` does; the transaction goes on."""
    return _ask(connection, _PLAN, statement, settings)


def run(connection: Connection, statement: str, settings: Mapping[str, str], *, seconds: float) -> QueryPlan:
    """Executes the statement, its rows discarded by the server, for no longer than this.

    Raises StatementTimeoutError, and what `translate_errors` does; the transaction goes on.
    """
    bound = {"statement_timeout": str(max(1, round(seconds * 1000)))}
    return _ask(connection, _RUN, statement, {**settings, **bound})


def _ask(
    connection: Connection, how: LiteralString, statement: str, settings: Mapping[str, str]
) -> QueryPlan:
    with translate_errors():
        connection.execute("SAVEPOINT measure")
        try:
            # One round trip. The protocol of a pipeline takes one statement at a time.
            with connection.pipeline():
                if settings:
                    connection.execute(_SETTINGS + MARK, (list(settings), list(settings.values())))
                cursor = connection.execute(how.encode() + statement.encode() + MARK.encode())
            row = cursor.fetchone()
        except psycopg.Error:
            if not connection.closed:
                _take_back(connection)
            raise
        _take_back(connection)
    assert row is not None
    return msgspec.convert(row[0], tuple[QueryPlan, ...])[0]


def _take_back(connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("ROLLBACK TO SAVEPOINT measure")
        connection.execute("RELEASE SAVEPOINT measure")
