"""A statement is measured as its role runs it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.errors import PrivilegeError, StatementError, StatementTimeoutError
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.embedded import EmbeddedServer
from tenfold.pg.explain import explain_analyze, explain_reading

pytestmark = pytest.mark.servers(15, 16, 18)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(
            connection,
            "CREATE TABLE notes (tenant_id int, body text);"
            "INSERT INTO notes SELECT n % 4, 'x' FROM generate_series(1, 1000) n;"
            "CREATE INDEX ON notes (tenant_id); ANALYZE notes",
        )
        yield connection


@pytest.fixture
def role(connection: Connection) -> Iterator[str]:
    """May read notes of the tenant that is set, and nothing else."""
    name = f'the "app" {connection.info.dbname}'
    quoted = '"' + name.replace('"', '""') + '"'
    execute_script(
        connection,
        f"CREATE ROLE {quoted}; GRANT SELECT ON notes TO {quoted};"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON notes USING (tenant_id = current_setting('app.tenant_id')::int)",
    )
    yield name
    execute_script(connection, f"DROP OWNED BY {quoted}; DROP ROLE {quoted}")


def test_the_plan_is_measured_for_these_parameters(connection: Connection) -> None:
    top = explain_analyze(connection, "SELECT body FROM notes WHERE tenant_id = $1 AND body = $2", ("1", "x"))
    assert top["Plan"]["Actual Rows"] == 250
    assert top["Execution Time"] > 0
    assert "tenant_id = 1" in str(top["Plan"])


def test_a_null_parameter_and_none_at_all(connection: Connection) -> None:
    none = explain_analyze(connection, "SELECT FROM notes WHERE body = $1", (None,))
    assert none["Plan"]["Actual Rows"] == 0
    assert explain_analyze(connection, "SELECT FROM notes", ())["Plan"]["Actual Rows"] == 1000


def test_what_it_writes_is_taken_back(connection: Connection) -> None:
    top = explain_analyze(connection, "DELETE FROM notes WHERE tenant_id = $1", ("1",))
    assert top["Plan"]["Operation"] == "Delete"
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1000,)


def test_a_second_statement_is_refused_and_not_run(connection: Connection) -> None:
    with pytest.raises(StatementError, match="cannot insert multiple commands"):
        explain_analyze(connection, "SELECT 1; DELETE FROM notes; COMMIT", ())
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1000,)


def test_it_runs_as_the_role_under_its_policies(connection: Connection, role: str) -> None:
    top = explain_analyze(connection, "SELECT FROM notes", (), role=role, settings={"app.tenant_id": "2"})
    assert top["Plan"]["Actual Rows"] == 250
    with pytest.raises(PrivilegeError, match="permission denied for table notes"):
        explain_analyze(connection, "DELETE FROM notes", (), role=role, settings={"app.tenant_id": "2"})


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT FROM no_such_table", ()),
        ("SELECT FROM notes WHERE tenant_id = $1", ("no number",)),
        ("SELECT FROM notes WHERE tenant_id = $1", ()),
        ("VACUUM", ()),
    ],
)
def test_the_session_is_as_before_after_a_failure(
    connection: Connection, statement: str, parameters: tuple[str, ...]
) -> None:
    with pytest.raises(StatementError):
        explain_analyze(connection, statement, parameters, settings={"app.tenant_id": "2"})
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert connection.execute("SELECT current_setting('app.tenant_id', true)").fetchone()[0] in (None, "")
    assert explain_analyze(connection, "SELECT 1", ())["Plan"]["Actual Rows"] == 1


def test_a_statement_may_run_out_of_time(connection: Connection) -> None:
    connection.execute("SET statement_timeout = '20ms'")
    with pytest.raises(StatementTimeoutError):
        explain_analyze(connection, "SELECT pg_sleep(60)", ())


def test_a_statement_holds_a_per_cent_sign_as_it_is(connection: Connection, server: EmbeddedServer) -> None:
    top = explain_analyze(connection, "SELECT FROM notes WHERE body LIKE 'x%' AND tenant_id % 2 = $1", ("0",))
    assert top["Plan"]["Actual Rows"] == 500


# --- where nothing may be written ---


@pytest.fixture
def reader(connection: Connection, database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database)) as reader:
        yield reader


def test_a_reading_explain_counts_rows_and_times(reader: Connection) -> None:
    plan = explain_reading(
        reader, "SELECT body FROM notes WHERE tenant_id = $1 AND body = $2", ("1", "x"), statement_timeout=60
    )
    assert plan.root.actual_rows == 250
    assert plan.root.actual_ms is not None
    assert plan.execution_ms is not None
    assert plan.root.blocks_hit is not None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM notes",
        "WITH gone AS (DELETE FROM notes RETURNING 1) SELECT * FROM gone",
        "SELECT * FROM notes FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ],
)
def test_a_reading_explain_refuses_what_writes(
    reader: Connection, connection: Connection, statement: str
) -> None:
    with pytest.raises(StatementError, match=r"read-only transaction|read-write mode"):
        explain_reading(reader, statement, (), statement_timeout=60)
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1000,)


def test_a_reading_explain_takes_one_statement(reader: Connection, connection: Connection) -> None:
    with pytest.raises(StatementError, match="cannot insert multiple commands"):
        explain_reading(reader, "SELECT 1; COMMIT; DELETE FROM notes", (), statement_timeout=60)
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1000,)


def test_a_reading_explain_runs_as_the_role_and_leaves_nothing(reader: Connection, role: str) -> None:
    asked = {"role": role, "settings": {"app.tenant_id": "2", "work_mem": "1234"}, "statement_timeout": 60}
    plan = explain_reading(reader, "SELECT FROM notes", (), **asked)
    assert plan.root.actual_rows == 250
    left = reader.execute("SELECT current_user, current_setting('work_mem')").fetchone()
    assert left == ("postgres", "4MB")


def test_a_reading_explain_has_the_sessions_search_path(reader: Connection, connection: Connection) -> None:
    execute_script(connection, "CREATE SCHEMA other; CREATE TABLE other.things (id int)")
    path = "other, public"
    explain_reading(reader, "SELECT FROM things", (), search_path=path, statement_timeout=60)
    with pytest.raises(StatementError, match="things"):
        explain_reading(reader, "SELECT FROM things", (), statement_timeout=60)


def test_a_reading_explain_may_run_out_of_time(reader: Connection) -> None:
    with pytest.raises(StatementTimeoutError):
        explain_reading(reader, "SELECT pg_sleep(60)", (), statement_timeout=0.02)
