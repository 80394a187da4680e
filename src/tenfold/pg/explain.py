"""Runs a statement under EXPLAIN ANALYZE and takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from psycopg import sql

from tenfold.pg.connect import Connection, translate_errors

_NAME = "tenfold_explained"


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
