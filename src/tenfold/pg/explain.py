"""Runs a statement under EXPLAIN ANALYZE: one that writes and is taken back, or one that cannot write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from psycopg import RawCursor, sql

from tenfold.model.query_plan import QueryPlan
from tenfold.pg.connect import Connection, read_transaction, translate_errors

_NAME = "tenfold_explained"
_ANALYZE = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
_PLANNED = b"EXPLAIN (FORMAT JSON) "
_GENERIC = b"EXPLAIN (FORMAT JSON, GENERIC_PLAN) "
#: Settings of the transaction that nobody else has a say in.
_OURS = frozenset({"statement_timeout", "lock_timeout", "transaction_read_only"})
# What a reading transaction has changed for reading catalogs.
_SESSION = (
    "SELECT lower(name), reset_val FROM pg_settings"
    " WHERE lower(name) IN ('search_path', 'datestyle', 'timezone')"
)


def explain_analyze(
    connection: Connection,
    statement: str,
    parameters: Sequence[str | None],
    *,
    role: str | None = None,
    settings: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The top object of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON), the statement's effects rolled back.

    The statement is prepared and planned for these very parameters, in their text form, as `role` and with
    the run-time settings given. Per-node timing is off: it costs more than many a node.
    """
    with translate_errors():
        connection.execute("BEGIN")
        try:
            # The driver asks for literals only; this text is the user's own statement, run as it is. Asking
            # for binary makes the driver use the protocol that takes one statement: a COMMIT behind a
            # semicolon would keep what is to be taken back.
            connection.execute(b"PREPARE " + _NAME.encode() + b" AS " + statement.encode(), binary=True)
            connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            for name, value in (settings or {}).items():
                connection.execute("SELECT set_config(%s, %s, true)", (name, value))
            if role is not None:
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            arguments = sql.SQL(", ").join(sql.Literal(value) for value in parameters)
            call = sql.SQL("EXECUTE {name}({arguments})" if parameters else "EXECUTE {name}")
            query = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {call}").format(
                call=call.format(name=sql.Identifier(_NAME), arguments=arguments)
            )
            row = connection.execute(query).fetchone()
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
                connection.execute("DEALLOCATE ALL")
    assert row is not None
    return cast("dict[str, Any]", row[0][0])


def explain_reading(
    connection: Connection,
    statement: str,
    parameters: Sequence[str | None],
    *,
    role: str | None = None,
    settings: Mapping[str, str] | None = None,
    statement_timeout: float,
    search_path: str | None = None,
) -> QueryPlan:
    """The plan of a statement that was run in a read-only transaction, with rows, times and buffers.

    The server refuses whatever writes, in the statement and in functions that it calls. `search_path` is that
    of the session unless given. Every setting ends with the transaction, so that a pooler may stand between.
    """
    with read_transaction(connection, statement_timeout=statement_timeout):
        own = connection.execute(_SESSION).fetchall()
        given = {name: value for name, value in (settings or {}).items() if name not in _OURS}
        given |= {} if search_path is None else {"search_path": search_path}
        for name, value in {**dict(own), **given}.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        if role is not None:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        # As above: binary keeps it to one statement.
        row = (
            RawCursor(connection)
            .execute(_ANALYZE + statement.encode(), tuple(parameters), binary=True)
            .fetchone()
        )
    assert row is not None
    return msgspec.convert(row[0][0], QueryPlan)


def explain_plan(
    connection: Connection,
    statement: str,
    parameters: Sequence[str | None] | None,
    *,
    role: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> QueryPlan:
    """The plan of a statement that is not run; without parameters where it has some, the generic one.

    Needs version 16 or later for a generic plan. `role` and `settings` end with the transaction.
    """
    with translate_errors():
        connection.execute("BEGIN")
        try:
            for name, value in (settings or {}).items():
                connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            if role is not None:
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            if parameters is None and "$" in statement:
                # `$n` without values is for the protocol of several statements only.
                cursor = connection.execute(_GENERIC + statement.encode())
            else:
                cursor = RawCursor(connection).execute(
                    _PLANNED + statement.encode(), tuple(parameters or ()), binary=True
                )
            row = cursor.fetchone()
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
    assert row is not None
    return msgspec.convert(row[0][0], QueryPlan)
