"""What a snapshot holds, on each server: names as they are, dependencies as the catalog knows them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.errors import ConnectionLostError
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.embedded import EmbeddedServer

pytestmark = pytest.mark.servers(15, 16, 18)

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE TABLE app.tenants (id bigint PRIMARY KEY);
CREATE TABLE app.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES app.tenants ON DELETE CASCADE,
  "Sum Total" numeric(12,2) DEFAULT 0,
  mood app.mood,
  note text COLLATE "C",
  tags text[],
  doubled numeric GENERATED ALWAYS AS ("Sum Total" * 2) STORED,
  CHECK ("Sum Total" >= 0)
);
CREATE INDEX orders_mixed ON app.orders (tenant_id, id DESC NULLS LAST) INCLUDE (note) WHERE note IS NOT NULL;
CREATE INDEX orders_lower ON app.orders (lower(note));
CREATE FUNCTION app.current_tenant() RETURNS bigint LANGUAGE sql STABLE
  AS $$ SELECT current_setting('app.tenant_id')::bigint $$;
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.orders FOR SELECT USING (tenant_id = app.current_tenant());
CREATE VIEW app.open_orders WITH (security_barrier) AS SELECT id FROM app.orders;
CREATE TABLE app.log (at timestamptz NOT NULL, tenant_id bigint) PARTITION BY RANGE (at);
CREATE TABLE app.log_2026 PARTITION OF app.log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Größe 🙂 ""x"" y" ("select" int PRIMARY KEY);
INSERT INTO app.tenants SELECT generate_series(1, 3);
INSERT INTO app.orders (tenant_id, note) SELECT n % 3 + 1, 'x' FROM generate_series(1, 100) n;
ANALYZE;
"""


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, SCHEMA)
        yield connection


@pytest.fixture
def snapshot(connection: Connection) -> Snapshot:
    return read_snapshot(connection)


def test_a_name_is_read_as_it_is_and_quoted_when_written(snapshot: Snapshot) -> None:
    (odd,) = snapshot.relations_named['Größe 🙂 "x" y']
    assert odd.qualified == 'public."Größe 🙂 ""x"" y"'
    assert snapshot.columns_of(odd.oid)[0].name == "select"


def test_columns_carry_type_default_collation_and_generation(snapshot: Snapshot) -> None:
    orders = snapshot.relation_by_name["app", "orders"]
    columns = {column.name: column for column in snapshot.columns_of(orders.oid)}
    assert columns["id"].identity == "a"
    assert columns["Sum Total"].type == "numeric(12,2)"
    assert columns["Sum Total"].default == "0"
    assert columns["mood"].type == "app.mood"
    assert columns["mood"].type_kind == "e"
    assert columns["note"].collation == "C"
    assert columns["tags"].type_category == "A"
    assert columns["doubled"].generated == "s"


def test_index_keys_are_told_from_included_columns(snapshot: Snapshot) -> None:
    orders = snapshot.relation_by_name["app", "orders"]
    index = next(index for index in snapshot.indexes_of(orders.oid) if index.name == "orders_mixed")
    assert snapshot.column_names(orders.oid, index.key_columns) == ("tenant_id", "id")
    assert snapshot.column_names(orders.oid, index.included_columns) == ("note",)
    assert (index.descending(0), index.descending(1), index.nulls_first(1)) == (False, True, False)
    assert index.predicate == "(note IS NOT NULL)"
    assert index.depends is not None
    assert set(snapshot.column_names(orders.oid, index.depends)) >= {"note"}


def test_an_expression_key_is_zero_and_its_text_is_kept(snapshot: Snapshot) -> None:
    index = next(index for index in snapshot.indexes if index.name == "orders_lower")
    assert index.columns == (0,)
    assert index.expressions == ("lower(note)",)


def test_an_index_knows_its_constraint(snapshot: Snapshot) -> None:
    orders = snapshot.relation_by_name["app", "orders"]
    primary = next(index for index in snapshot.indexes_of(orders.oid) if index.primary)
    keys = {constraint.oid: constraint for constraint in snapshot.constraints_of(orders.oid)}
    assert primary.constraint is not None
    assert keys[primary.constraint].kind == "p"


def test_a_policy_names_the_columns_and_functions_it_depends_on(snapshot: Snapshot) -> None:
    (policy,) = snapshot.policies
    assert snapshot.column_names(policy.relation, policy.columns) == ("tenant_id",)
    assert [snapshot.function_by_oid[oid].name for oid in policy.functions] == ["current_tenant"]
    assert policy.check is None


def test_a_foreign_key_keeps_its_action_and_target(snapshot: Snapshot) -> None:
    (key,) = [constraint for constraint in snapshot.constraints if constraint.kind == "f"]
    assert key.on_delete == "c"
    assert snapshot.relation_by_oid[key.foreign_relation or 0].name == "tenants"


def test_a_view_knows_what_it_reads(snapshot: Snapshot) -> None:
    (view,) = snapshot.views
    assert view.reads == (snapshot.relation_by_name["app", "orders"].oid,)
    assert snapshot.relation_by_oid[view.relation].option("security_barrier") == "true"


def test_partitions_know_their_parent(snapshot: Snapshot) -> None:
    log = snapshot.relation_by_name["app", "log"]
    (part,) = snapshot.children_of(log.oid)
    assert log.partition_key == "RANGE (at)"
    assert snapshot.relation_by_oid[part].is_partition
    assert snapshot.parents_of(part) == (log.oid,)


def test_statistics_are_read(snapshot: Snapshot) -> None:
    orders = snapshot.relation_by_name["app", "orders"]
    tenant = snapshot.column(orders.oid, "tenant_id")
    assert tenant is not None
    row = snapshot.statistics_of(orders.oid, tenant.number)
    assert row is not None
    assert sorted(row.common_values or ()) == ["1", "2", "3"]
    assert sum(row.common_frequencies or ()) == pytest.approx(1.0)


def test_a_sequence_knows_its_column(snapshot: Snapshot) -> None:
    (sequence,) = snapshot.sequences
    assert sequence.last_value == 100
    assert sequence.relation == snapshot.relation_by_name["app", "orders"].oid


def test_the_system_is_left_out(snapshot: Snapshot) -> None:
    assert {relation.schema for relation in snapshot.relations} == {"app", "public"}


def test_what_a_poor_role_may_not_see_is_hidden_and_not_absent(
    server: EmbeddedServer, database: str, connection: Connection
) -> None:
    role = f"poor_{database.partition('dbname=')[2].split()[0]}"
    execute_script(connection, f"CREATE ROLE {role} LOGIN")
    try:
        with contextlib.closing(connect(f"{database} user={role}")) as poor:
            seen = read_snapshot(poor)
    finally:
        execute_script(connection, f"DROP ROLE {role}")
    orders = seen.relation_by_name["app", "orders"]
    assert seen.columns_of(orders.oid)
    assert not seen.sees("statistics", orders.oid)
    assert not seen.sees("connections")
    assert not seen.sees("sequences", seen.sequences[0].oid)
    assert seen.sequences[0].last_value is None


def test_a_locked_table_does_not_hold_the_reader_up(database: str, connection: Connection) -> None:
    with contextlib.closing(connect(database, writable=True)) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE")
        seen = read_snapshot(connection)
        other.execute("ROLLBACK")
    orders = seen.relation_by_name["app", "orders"]
    assert orders.size_bytes is None
    assert not seen.sees("sizes", orders.oid)
    assert not seen.sees("definitions", orders.oid)
    assert len(seen.columns_of(orders.oid)) == 7


def test_the_number_of_queries_does_not_grow_with_the_tables(connection: Connection) -> None:
    few: list[str] = []
    read_snapshot(connection, few.append)
    for number in range(20):
        execute_script(connection, f"CREATE TABLE app.more_{number} (id int)")
    many: list[str] = []
    read_snapshot(connection, many.append)
    assert many == few


def test_the_session_can_not_write(database: str) -> None:
    with (
        contextlib.closing(connect(database)) as reader,
        pytest.raises(Exception, match="read-only transaction"),
    ):
        execute_script(reader, "CREATE TABLE x (id int)")


def test_a_dropped_database_is_one_clear_error(server: EmbeddedServer, connection: Connection) -> None:
    name = connection.info.dbname
    with contextlib.closing(connect(server.dsn("postgres"), writable=True)) as administrator:
        execute_script(administrator, f'DROP DATABASE "{name}" WITH (FORCE)')
        with pytest.raises(ConnectionLostError):
            read_snapshot(connection)
        execute_script(administrator, f'CREATE DATABASE "{name}"')
