"""Named queries inside a read transaction: whose they are is seen, and a refusal does not end the reading."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.errors import StatementError
from tenfold.pg.connect import Connection, connect, execute_script, read_transaction
from tenfold.pg.session import CatalogSession


@pytest.fixture
def reader(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database)) as connection:
        yield connection


def test_rows_of_a_named_query_are_told_before_they_are_read(reader: Connection) -> None:
    told: list[str] = []
    with read_transaction(reader):
        session = CatalogSession(reader, "tenfold.catalog", told.append)
        ((number, *_),) = session.rows("server")
    assert number == reader.info.server_version
    assert told == ["server"]


def test_parameters_reach_only_queries_that_take_them(reader: Connection) -> None:
    with read_transaction(reader):
        session = CatalogSession(reader, "tenfold.catalog")
        assert session.rows("relations", {"locked": []}) == []
        assert session.rows("extensions", {"locked": []}) != []


def test_statements_are_marked_as_ours(database: str, reader: Connection) -> None:
    with contextlib.closing(connect(database, writable=True)) as watcher, read_transaction(reader):
        CatalogSession(reader, "tenfold.catalog").rows("extensions")
        text = watcher.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", [reader.info.backend_pid]
        ).fetchone()
    assert text is not None
    assert text[0].startswith("SELECT e.oid")
    assert text[0].endswith(" /* tenfold */")


def test_a_refusal_is_a_reason_and_the_transaction_goes_on(database: str) -> None:
    with contextlib.closing(connect(database, writable=True)) as writer:
        role = f"poor_{writer.info.dbname}"
        execute_script(
            writer, f"CREATE ROLE {role} LOGIN; REVOKE ALL ON FUNCTION pg_control_system() FROM PUBLIC"
        )
        try:
            with contextlib.closing(connect(f"{database} user={role}")) as poor, read_transaction(poor):
                session = CatalogSession(poor, "tenfold.catalog")
                assert session.optional_rows("system_identifier") == (
                    "permission denied for function pg_control_system"
                )
                assert len(session.rows("server")) == 1
        finally:
            execute_script(writer, f"DROP ROLE {role}")


def test_another_fault_is_an_error(reader: Connection) -> None:
    with (
        pytest.raises(StatementError, match=r'relation "no" such\.view" does not exist'),
        read_transaction(reader),
    ):
        session = CatalogSession(reader, "tenfold.catalog")
        session.optional_rows("statements", {"pg_stat_statements": ('no" such', "view")})
