"""Bulk loading: rows by COPY in one transaction, the sequences behind them, and fresh statistics."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from tenfold.pg.connect import Connection, translate_errors

# Lines joined into one write: large enough that the driver's work for each does not show.
_LINES_A_WRITE = 2_000
_BLOCK = 1 << 20


@contextmanager
def bulk_transaction(connection: Connection) -> Generator[None]:
    """One transaction, all or nothing, that may take its time: its rows are made while it is open."""
    with translate_errors(), connection.transaction():
        connection.execute(
            "SELECT set_config('statement_timeout', '0', true),"
            " set_config('idle_in_transaction_session_timeout', '0', true)"
        )
        yield


def copy_lines(
    connection: Connection, schema: str, table: str, columns: Sequence[str], lines: Sequence[str]
) -> None:
    r"""Loads rows that are COPY text already: fields between tabs, `\N` for null, no line end.

    Identity columns take the values given. Raises what `translate_errors` raises.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with translate_errors(), connection.cursor().copy(statement) as copy:
        for start in range(0, len(lines), _LINES_A_WRITE):
            copy.write("\n".join(lines[start : start + _LINES_A_WRITE]) + "\n")


def advance_sequence(connection: Connection, schema: str, table: str, column: str, value: int) -> None:
    """Makes the sequence behind an identity or serial column go on after the value."""
    with translate_errors():
        connection.execute(
            "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, %s), %s)",
            (sql.Identifier(schema, table).as_string(), column, value),
        )


def analyze(connection: Connection) -> None:
    """Statistics of every table that the role may analyze."""
    with translate_errors():
        connection.execute("ANALYZE")


def copy_csv(connection: Connection, schema: str, table: str, file: Path) -> None:
    """Loads a CSV file whose first line names the columns. Raises what `translate_errors` raises."""
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER match)").format(sql.Identifier(schema, table))
    with translate_errors(), file.open("rb") as lines, connection.cursor().copy(statement) as copy:
        while block := lines.read(_BLOCK):
            copy.write(block)
