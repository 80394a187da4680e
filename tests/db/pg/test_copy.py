from __future__ import annotations

import pytest

from tenfold.errors import StatementError
from tenfold.pg.connect import connect
from tenfold.pg.copy import advance_sequence, bulk_transaction, copy_lines

SCHEMA, TABLE, KEY, TEXT = 'my "schema"', "order; drop 🐘", 'the "key"', "select"
LINES = [f"{number}\tline {number}" for number in range(1, 5002)]


@pytest.fixture
def awkward_database(database: str) -> str:
    with connect(database, writable=True) as connection:
        connection.execute(
            'CREATE SCHEMA "my ""schema""";'
            'CREATE TABLE "my ""schema"""."order; drop 🐘"'
            ' ("the ""key""" bigint GENERATED ALWAYS AS IDENTITY, "select" text)'
        )
    return database


def read(dsn: str) -> list[tuple[int, str | None]]:
    with connect(dsn) as connection:
        return connection.execute('SELECT * FROM "my ""schema"""."order; drop 🐘" ORDER BY 1').fetchall()


def test_names_of_any_kind_are_loaded_and_their_sequence_goes_on(awkward_database: str) -> None:
    with connect(awkward_database, writable=True) as connection:
        with bulk_transaction(connection):
            copy_lines(connection, SCHEMA, TABLE, (KEY, TEXT), [*LINES, "6000\t\\N"])
            advance_sequence(connection, SCHEMA, TABLE, KEY, 6000)
        connection.execute('INSERT INTO "my ""schema"""."order; drop 🐘" ("select") VALUES (\'next\')')
    rows = read(awkward_database)
    assert [f"{key}\t{text}" for key, text in rows[:-2]] == LINES
    assert rows[-2:] == [(6000, None), (6001, "next")]


def test_no_rows_are_no_fault(awkward_database: str) -> None:
    with connect(awkward_database, writable=True) as connection:
        copy_lines(connection, SCHEMA, TABLE, (KEY, TEXT), [])
    assert read(awkward_database) == []


def test_a_refused_row_takes_the_whole_transaction_along_and_is_not_quoted(awkward_database: str) -> None:
    with (
        connect(awkward_database, writable=True) as connection,
        pytest.raises(StatementError) as refused,
        bulk_transaction(connection),
    ):
        copy_lines(connection, SCHEMA, TABLE, (KEY, TEXT), LINES)
        copy_lines(connection, SCHEMA, TABLE, (KEY, TEXT), ["1\tprivate\ttoo many"])
    assert read(awkward_database) == []
    assert "private" not in refused.value.message


def test_a_session_without_leave_to_write_is_refused(awkward_database: str) -> None:
    with connect(awkward_database) as connection, pytest.raises(StatementError, match="read-only"):
        copy_lines(connection, SCHEMA, TABLE, (KEY, TEXT), LINES[:1])


def test_timeouts_are_lifted_inside_only(awkward_database: str) -> None:
    with connect(awkward_database, writable=True) as connection:
        before = connection.execute("SHOW statement_timeout").fetchone()
        with bulk_transaction(connection):
            assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert connection.execute("SHOW statement_timeout").fetchone() == before != ("0",)
