"""A snapshot is whole whatever others do meanwhile, and waits for nobody; what it cannot read it names."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.catalog.file import load_snapshot, save_snapshot
from tenfold.catalog.reader import LISTS, read_snapshot
from tenfold.errors import CatalogChangedError, ConnectionLostError
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.embedded import EmbeddedServer
from tenfold.rules.audit import audit
from tests.waiting import await_condition

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('a', 'b');
CREATE TABLE app.notes (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id int NOT NULL CHECK (tenant_id > 0),
  mood app.mood DEFAULT 'a', note text
);
CREATE INDEX notes_lower ON app.notes (lower(note)) WHERE tenant_id > 0;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE INSERT ON app.notes FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE STATISTICS app.together ON tenant_id, note FROM app.notes;
CREATE TABLE app.members (tenant_id int, who text);
CREATE TABLE app.other (id int PRIMARY KEY, tenant_id int);
CREATE POLICY p ON app.other USING (tenant_id IN (SELECT tenant_id FROM app.members));
CREATE POLICY p ON app.notes USING (tenant_id = 1);
CREATE VIEW app.over_notes AS SELECT id FROM app.notes;
CREATE VIEW app.over_other AS SELECT id FROM app.other;
CREATE FUNCTION app.names() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM app.members; END;
INSERT INTO app.notes (tenant_id, note) VALUES (1, 'x'), (2, 'y');
ANALYZE app.notes;
"""

#: The last list before those whose reading takes locks; somebody's DDL gets through until there.
CALM = [name for name in LISTS if name not in ("functions", "views", "sequences")]


@pytest.fixture
def writer(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, SCHEMA)
        yield connection


@pytest.fixture
def reader(database: str, writer: Connection) -> Iterator[Connection]:
    with contextlib.closing(connect(database)) as connection:
        yield connection


def assert_whole(snapshot: Snapshot, folder: Path) -> None:
    """It is what a file can hold and rules can judge."""
    save_snapshot(snapshot, folder / "snapshot.gz")
    assert load_snapshot(folder / "snapshot.gz") == snapshot
    audit(snapshot)


# --- DDL while it is read ---


@pytest.mark.servers(15, 16, 18)
@pytest.mark.parametrize(
    "ddl",
    [
        "DROP SCHEMA app CASCADE",
        "DROP INDEX app.notes_lower",
        "DROP TRIGGER touch ON app.notes",
        "DROP STATISTICS app.together",
        "ALTER TABLE app.notes DROP CONSTRAINT notes_tenant_id_check",
        "DROP FUNCTION app.touch() CASCADE",
    ],
)
def test_what_is_dropped_meanwhile_does_not_tear_the_picture(
    reader: Connection, writer: Connection, ddl: str, tmp_path: Path
) -> None:
    for step in ("database", "relations", "columns", "indexes", "constraints", "policies"):
        left = [step]

        def drop_once(name: str, left: list[str] = left) -> None:
            if name in left:
                left.remove(name)
                writer.execute(ddl.encode())

        assert_whole(read_snapshot(reader, drop_once), tmp_path)
        assert left == []
        execute_script(writer, "DROP SCHEMA IF EXISTS app CASCADE")
        execute_script(writer, SCHEMA)


def test_a_reader_holds_up_no_ddl_before_its_last_lists(reader: Connection, writer: Connection) -> None:
    started = []

    def change(name: str) -> None:
        started.append(name)
        if name in CALM:
            execute_script(
                writer, "ALTER TABLE app.notes ADD COLUMN x int; ALTER TABLE app.notes DROP COLUMN x"
            )

    read_snapshot(reader, change)
    assert started[-4:] == ["policies", "functions", "views", "sequences"]


def test_a_catalog_that_never_rests_is_one_clear_error(reader: Connection, writer: Connection) -> None:
    pictures = []

    def churn(name: str) -> None:
        if name == "server":
            pictures.append(name)
        if name == "indexes":
            execute_script(writer, "DROP INDEX app.notes_lower")
        if name == "constraints":
            execute_script(writer, "CREATE INDEX notes_lower ON app.notes (lower(note))")

    with pytest.raises(CatalogChangedError, match="the same command again when nobody changes the schema"):
        read_snapshot(reader, churn)
    assert len(pictures) == 3


def test_a_database_that_is_dropped_meanwhile_is_one_clear_error(
    server: EmbeddedServer, database: str, reader: Connection
) -> None:
    def drop(name: str) -> None:
        if name == "columns":
            server.drop_database(reader.info.dbname)

    try:
        with pytest.raises(ConnectionLostError, match="run the command again"):
            read_snapshot(reader, drop)
    finally:
        server.create_database(reader.info.dbname)


# --- locks of others ---


def test_who_waits_for_a_lock_does_not_hold_the_reader_up(
    database: str, reader: Connection, writer: Connection, tmp_path: Path
) -> None:
    """A slow SELECT, an ALTER TABLE behind it: everybody else queues behind that."""
    with contextlib.closing(connect(database, writable=True, lock_timeout=0)) as waiting:
        writer.execute("BEGIN")
        writer.execute("SELECT FROM app.notes")
        alter = threading.Thread(target=waiting.execute, args=["ALTER TABLE app.notes ADD COLUMN more int"])
        alter.start()
        try:
            until(database, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", waiting)
            snapshot = read_snapshot(reader)
        finally:
            writer.execute("ROLLBACK")
            alter.join()
    notes = snapshot.relation_by_name["app", "notes"]
    assert not snapshot.sees("definitions", notes.oid)
    assert_whole(snapshot, tmp_path)


def test_only_text_that_names_a_locked_table_is_hidden(
    reader: Connection, writer: Connection, tmp_path: Path
) -> None:
    with writer.transaction():
        writer.execute("LOCK TABLE app.notes, app.members IN ACCESS EXCLUSIVE MODE")
        snapshot = read_snapshot(reader)
    definitions = {snapshot.relation_by_oid[view.relation].name: view.definition for view in snapshot.views}
    assert definitions["over_notes"] is None
    assert definitions["over_other"] is not None
    assert not snapshot.sees("definitions", snapshot.relation_by_name["app", "over_notes"].oid)
    assert snapshot.sees("definitions", snapshot.relation_by_name["app", "over_other"].oid)
    # Its policy reads app.members, so nothing can be said of app.other.
    assert not snapshot.sees("definitions", snapshot.relation_by_name["app", "other"].oid)
    assert snapshot.sees("sizes", snapshot.relation_by_name["app", "other"].oid)
    assert {function.name: function.definition is None for function in snapshot.functions} == {
        "names": True,
        "touch": False,
    }
    assert_whole(snapshot, tmp_path)


def test_a_table_that_somebody_is_making_hides_no_view(
    database: str, reader: Connection, writer: Connection
) -> None:
    with contextlib.closing(connect(database, writable=True)) as other:
        other.execute("BEGIN")
        other.execute("CREATE TEMPORARY TABLE scratch ()")
        snapshot = read_snapshot(reader)
        other.execute("ROLLBACK")
    assert [view for view in snapshot.views if view.definition is None] == []


# --- what others do, and the role may not see ---


@pytest.mark.servers(15, 16, 18)
def test_an_index_build_that_the_role_may_not_see_is_hidden_and_not_an_invalid_index(
    database: str, writer: Connection, tmp_path: Path
) -> None:
    role = f"poor_{writer.info.dbname}"
    execute_script(writer, f"CREATE ROLE {role} LOGIN")
    try:
        with contextlib.closing(connect(database, writable=True, lock_timeout=0)) as builder:
            writer.execute("BEGIN")
            writer.execute("INSERT INTO app.other VALUES (1, 1)")
            build = threading.Thread(
                target=builder.execute, args=["CREATE INDEX CONCURRENTLY building ON app.other (tenant_id)"]
            )
            build.start()
            try:
                until(database, "SELECT count(*) FROM pg_stat_progress_create_index WHERE pid = %s", builder)
                with contextlib.closing(connect(f"{database} user={role}")) as poor:
                    seen = read_snapshot(poor)
                with contextlib.closing(connect(database)) as rich:
                    seen_by_all = read_snapshot(rich)
            finally:
                writer.execute("ROLLBACK")
                build.join()
    finally:
        execute_script(writer, f"DROP ROLE {role}")
    assert [index.name for index in seen.indexes if not index.valid] == ["building"]
    assert seen.index_builds == ()
    assert not seen.sees("index_builds")
    assert_whole(seen, tmp_path)
    judged = audit(seen)
    assert "index-invalid" not in {finding.rule for finding in judged.findings}
    assert "index-invalid" in {failure.rule for failure in judged.undecided}
    assert len(seen_by_all.index_builds) == 1
    assert seen_by_all.sees("index_builds")


def until(dsn: str, query: str, other: Connection) -> None:
    """Asks in a session of its own: inside a transaction, activity stays as it was first seen."""
    pid = other.info.backend_pid
    with contextlib.closing(connect(dsn, writable=True)) as watcher:
        await_condition(lambda: watcher.execute(query.encode(), [pid]).fetchone() != (0,), query)
