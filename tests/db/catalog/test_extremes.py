"""Large, empty, oddly named and half-closed databases: each is read, kept in a file and audited."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from tenfold.catalog.file import load_snapshot, save_snapshot
from tenfold.catalog.reader import read_snapshot
from tenfold.catalog.redact import redact_snapshot
from tenfold.model.audit import Audit
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.embedded import EmbeddedServer
from tenfold.rules.audit import audit
from tenfold.rules.rule import all_rules

pytestmark = pytest.mark.servers(15, 16, 18)

NAMES = [
    "select",
    "Größe 🙂",
    'say "hi"',
    "it's; DROP TABLE x --",
    "back\\slash",
    "100% $1 {locked}",
    "a.b",
    "x" * 63,
    "🙂" * 15 + "abc",
    "two\nlines",
]


@pytest.fixture
def writer(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        yield connection


def seen(dsn: str, folder: Path) -> tuple[Snapshot, Audit]:
    """What was read, after a stay in a file, and what is said of it; the redacted one is judged as well."""
    with contextlib.closing(connect(dsn)) as reader:
        snapshot = read_snapshot(reader)
    save_snapshot(snapshot, folder / "snapshot.json.gz")
    loaded = load_snapshot(folder / "snapshot.json.gz")
    assert loaded == snapshot
    audit(redact_snapshot(loaded))
    return loaded, audit(loaded)


def test_an_empty_database_has_only_the_servers_own_faults(database: str, tmp_path: Path) -> None:
    snapshot, judged = seen(database, tmp_path)
    assert snapshot.relations == ()
    assert judged.tenancy.column is None
    assert judged.tenancy.tables == ()
    assert judged.undecided == ()
    assert {finding.rule for finding in judged.findings} <= {
        "pgss-missing",
        "timeouts-missing",
        "memory-settings",
        "connections-saturated",
        "idle-in-transaction",
    }


@pytest.mark.parametrize("name", NAMES)
def test_any_name_goes_through(database: str, writer: Connection, tmp_path: Path, name: str) -> None:
    parts = {key: sql.Identifier(name) for key in ("schema", "table", "column", "index")}
    for statement in (
        "CREATE SCHEMA {schema}",
        "CREATE TABLE {schema}.teams (id int PRIMARY KEY)",
        "CREATE TABLE {schema}.{table} ({column} int CHECK ({column} > 0), team_id int)",
        "ALTER TABLE {schema}.{table} ADD FOREIGN KEY (team_id) REFERENCES {schema}.teams",
        "CREATE TABLE {schema}.more (team_id int NOT NULL REFERENCES {schema}.teams, {column} int)",
        "CREATE INDEX ON {schema}.{table} ({column}) WHERE {column} IS NOT NULL",
        "CREATE VIEW {schema}.seen AS SELECT {column} FROM {schema}.{table}",
        "ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY {index} ON {schema}.{table} USING ({column} = 1)",
        "COMMENT ON TABLE {schema}.{table} IS {text}",
    ):
        writer.execute(sql.SQL(statement).format(**parts, text=sql.Literal(name)))
    snapshot, judged = seen(database, tmp_path)
    table = snapshot.relation_by_name[name, name]
    assert snapshot.column(table.oid, name) is not None
    assert [policy.name for policy in snapshot.policies_of(table.oid)] == [name]
    assert table.comment == name
    assert judged.tenancy.column == "team_id"
    assert table.display in {finding.object for finding in judged.findings}


def test_a_table_may_have_as_many_columns_as_a_table_can(
    database: str, writer: Connection, tmp_path: Path
) -> None:
    columns = ", ".join(f"c{number} int" for number in range(1, 1600))
    writer.execute(f"CREATE TABLE wide (team_id int, {columns})".encode())
    writer.execute("CREATE TABLE narrow (team_id int)")
    writer.execute("INSERT INTO wide (c1599) VALUES (7), (7)")
    writer.execute("ANALYZE wide")
    snapshot, judged = seen(database, tmp_path)
    wide = snapshot.relation_by_name["public", "wide"]
    assert len(snapshot.columns_of(wide.oid)) == 1600
    last = snapshot.statistics_of(wide.oid, 1600)
    assert last is not None
    assert last.common_values == ("7",)
    assert judged.tenancy.column == "team_id"


def test_dropped_columns_leave_gaps_and_no_names(database: str, writer: Connection, tmp_path: Path) -> None:
    execute_script(
        writer, "CREATE TABLE t (a int, b int, c int); ALTER TABLE t DROP COLUMN b; CREATE INDEX ON t (c)"
    )
    snapshot, _ = seen(database, tmp_path)
    table = snapshot.relation_by_name["public", "t"]
    assert [(column.number, column.name) for column in snapshot.columns_of(table.oid)] == [(1, "a"), (3, "c")]
    (index,) = snapshot.indexes_of(table.oid)
    assert snapshot.column_names(table.oid, index.columns) == ("c",)


def test_a_database_without_an_encoding_is_read(
    server: EmbeddedServer, database: str, tmp_path: Path
) -> None:
    """SQL_ASCII takes any bytes, and gives them back as they are."""
    with contextlib.closing(connect(server.dsn("postgres"), writable=True)) as administrator:
        name = f"ascii_{database.partition('dbname=')[2].split()[0]}"
        administrator.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'".encode()
        )
    try:
        with contextlib.closing(connect(server.dsn(name), writable=True)) as writer:
            writer.execute('CREATE TABLE "größe" (note text)'.encode())
            writer.execute(
                "INSERT INTO \"größe\" SELECT 'caf' || chr(233) FROM generate_series(1, 9)".encode()
            )
            writer.execute("ANALYZE")
        snapshot, _ = seen(server.dsn(name), tmp_path)
    finally:
        server.drop_database(name)
    (table,) = snapshot.relations
    assert table.name == "größe"
    statistics = snapshot.statistics_of(table.oid, 1)
    assert statistics is not None
    assert statistics.common_values == ("caf\ufffd",)


# --- a role without rights ---


def undecided(judged: Audit) -> set[str]:
    """Rules that were not decided at all; of others, parts of what they rest on may be hidden."""
    return {failure.rule for failure in judged.undecided} & {rule.id for rule in all_rules()}


CLOSED = """
CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE notes (id serial PRIMARY KEY, team_id int NOT NULL REFERENCES teams, body json);
CREATE SCHEMA closed;
REVOKE ALL ON SCHEMA closed FROM PUBLIC;
CREATE TABLE closed.invoices (id serial PRIMARY KEY, team_id int REFERENCES public.teams, body json);
CREATE VIEW closed.all_invoices AS SELECT * FROM closed.invoices;
CREATE MATERIALIZED VIEW closed.copied AS SELECT * FROM closed.invoices;
CREATE FUNCTION closed.total() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE POLICY everyone ON closed.invoices USING (true);
INSERT INTO teams SELECT generate_series(1, 200);
INSERT INTO notes (team_id)
SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n % 200 + 1 END FROM generate_series(1, 20000) n;
SELECT setval('notes_id_seq', 2100000000);
SELECT setval('closed.invoices_id_seq', 2100000000);
ANALYZE;
"""

#: What a role without rights cannot know: values that the planner keeps, and how far a sequence is.
UNSEEN = {
    "tenant-skew",
    "pk-int-exhaustion",
    "sequence-exhaustion",
    "index-low-cardinality",
    "tenant-stats-missing",
}


@pytest.fixture
def role(writer: Connection) -> Iterator[str]:
    name = f"poor_{writer.info.dbname}"
    execute_script(writer, CLOSED)
    execute_script(writer, f"CREATE ROLE {name} LOGIN")
    yield name
    execute_script(writer, f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_role_without_rights_finds_all_but_what_statistics_and_sequences_tell(
    database: str, role: str, tmp_path: Path
) -> None:
    snapshot, judged = seen(f"{database} user={role}", tmp_path)
    _, whole = seen(database, tmp_path)
    keys = {finding.key for finding in judged.findings}
    assert keys <= {finding.key for finding in whole.findings}
    lacking = {finding.rule for finding in whole.findings if finding.key not in keys}
    assert {"tenant-skew", "pk-int-exhaustion"} <= lacking <= UNSEEN
    assert undecided(judged) == {"connections-saturated", "idle-in-transaction"}
    assert not snapshot.sees("settings")


def test_a_closed_schema_is_judged_and_its_hidden_parts_are_named(
    database: str, role: str, tmp_path: Path
) -> None:
    snapshot, judged = seen(f"{database} user={role}", tmp_path)
    invoices = snapshot.relation_by_name["closed", "invoices"]
    assert len(snapshot.columns_of(invoices.oid)) == 3
    assert not snapshot.sees("statistics", invoices.oid)
    (closed,) = [sequence for sequence in snapshot.sequences if sequence.schema == "closed"]
    assert not snapshot.sees("sequences", closed.oid)
    part = judged.tenancy.of(invoices.oid)
    assert part is not None
    assert part.table_class == "tenant"
    found = {finding.rule for finding in judged.findings if finding.object.startswith("closed.invoices")}
    assert {"tenant-index-missing", "json-not-jsonb"} <= found


def test_a_monitoring_role_knows_all_but_values(
    database: str, role: str, writer: Connection, tmp_path: Path
) -> None:
    execute_script(writer, f"GRANT pg_monitor TO {role}")
    snapshot, judged = seen(f"{database} user={role}", tmp_path)
    assert undecided(judged) == set()
    assert {hidden.what for hidden in snapshot.hidden} == {"statistics", "sequences"}


def keys(judged: Audit) -> set[str]:
    """Without what is said of roles: they are the server's, and other tests make some meanwhile."""
    return {finding.key for finding in judged.findings if finding.rule != "bypassrls-role"}


def test_a_role_that_may_read_the_tables_finds_what_a_superuser_finds(
    database: str, role: str, writer: Connection, tmp_path: Path
) -> None:
    execute_script(writer, f"GRANT pg_monitor, pg_read_all_data TO {role}")
    execute_script(writer, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, closed TO {role}")
    snapshot, judged = seen(f"{database} user={role}", tmp_path)
    _, whole = seen(database, tmp_path)
    assert snapshot.hidden == ()
    assert keys(judged) == keys(whole)
