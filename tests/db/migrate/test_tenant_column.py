"""A tenant column under an application that does not know of it, before and after row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tenfold.migrate.select import select
from tenfold.model.change import Phase
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import AddTenantColumn, Table
from tests.db.migrate.bench import Bench
from tests.db.migrate.inherited import Inherited

pytestmark = pytest.mark.servers(15, 16, 18)
KEYS = [Phase.INDEXES, Phase.KEYS]


@pytest.fixture
def settled(inherited: Inherited, tmp_path: Path) -> Inherited:
    """With its tenant columns, and no row-level security."""
    assert Bench(inherited.dsn, tmp_path).apply(inherited.plan(), phases=KEYS).complete
    return inherited


def value(inherited: Inherited, query: str, parameters: Sequence[Any] | None = None) -> Any:
    row = inherited.connection.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None


def team_of(inherited: Inherited, table: str, id: int) -> int | None:
    return value(inherited, f"SELECT team_id FROM {table} WHERE id = %s", [id])


def test_rows_are_filled_from_the_moment_that_the_column_is_there(inherited: Inherited) -> None:
    made = select(inherited.plan(), phases=[Phase.KEYS])
    for change in made.changes:
        inherited.carry_out(change)
        if change.id == "add-column:public.executions:team_id":
            break
    new = value(inherited, "INSERT INTO executions (campaign_id) VALUES (7) RETURNING id")
    assert team_of(inherited, "executions", new) == team_of(inherited, "campaigns", 7)
    inherited.connection.execute("UPDATE executions SET state = 'done' WHERE id = 1")
    assert team_of(inherited, "executions", 1) is not None
    assert value(inherited, "SELECT count(*) FROM executions WHERE team_id IS NULL") == 399


def test_an_application_that_does_not_name_the_column_goes_on(settled: Inherited) -> None:
    connection = settled.connection
    assert (
        value(
            settled,
            "SELECT count(*) FROM executions e JOIN campaigns c ON c.id = e.campaign_id"
            " WHERE e.team_id IS DISTINCT FROM c.team_id",
        )
        == 0
    )
    with connection.cursor() as cursor:
        with cursor.copy("COPY executions (id, campaign_id) FROM STDIN") as copy:
            copy.write_row((1001, 8))
        cursor.execute("UPDATE executions SET campaign_id = 9 WHERE id = 1001")
        assert team_of(settled, "executions", 1001) == team_of(settled, "campaigns", 9)
        cursor.execute("INSERT INTO events (execution_id) VALUES (1001)")
        cursor.execute("DELETE FROM leads WHERE campaign_id = 9")
        cursor.execute("DELETE FROM campaigns WHERE id = 9")
    assert team_of(settled, "executions", 1001) is None
    assert value(settled, "SELECT count(*) FROM events WHERE execution_id = 1001") == 0


def test_a_parent_that_moves_to_another_tenant_takes_its_rows_along(settled: Inherited) -> None:
    execution = value(settled, "SELECT id FROM executions WHERE campaign_id = 7")
    event = value(settled, "INSERT INTO events (execution_id) VALUES (%s) RETURNING id", [execution])
    settled.connection.execute("DELETE FROM leads WHERE campaign_id = 7")
    settled.connection.execute("UPDATE campaigns SET team_id = 5 WHERE id = 7")
    assert team_of(settled, "executions", execution) == 5
    assert team_of(settled, "events", event) == 5


def test_a_row_cannot_be_of_another_tenant_than_its_parent(settled: Inherited) -> None:
    other = team_of(settled, "campaigns", 7) % 5 + 1
    with pytest.raises(errors.ForeignKeyViolation):
        settled.connection.execute("INSERT INTO executions (campaign_id, team_id) VALUES (7, %s)", [other])
    with pytest.raises(errors.ForeignKeyViolation):
        settled.connection.execute("UPDATE executions SET team_id = %s WHERE campaign_id = 7", [other])


def test_a_row_that_loses_its_parent_keeps_its_tenant(settled: Inherited) -> None:
    remedy = AddTenantColumn(
        table=Table("public", "notes"),
        column="team_id",
        type="bigint",
        foreign_columns=("campaign_id",),
        parent=Table("public", "campaigns"),
        parent_columns=("id",),
        parent_tenant_column="team_id",
        key_columns=("id",),
        on_delete="SET NULL",
    )
    finding = Finding(
        rule="tenant-column-missing", priority=Priority.P2, object="notes", message="", remedies=(remedy,)
    )
    made = settled.plan_of(finding)
    assert [skipped.what for skipped in made.skipped][:1] == ["NOT NULL on notes.team_id"]
    for change in select(made, phases=KEYS).changes:
        settled.carry_out(change)
    note = value(settled, "SELECT id FROM notes WHERE campaign_id = 7")
    team = team_of(settled, "campaigns", 7)
    settled.connection.execute("DELETE FROM leads WHERE campaign_id = 7")
    settled.connection.execute("DELETE FROM campaigns WHERE id = 7")
    assert value(settled, "SELECT campaign_id FROM notes WHERE id = %s", [note]) is None
    assert team_of(settled, "notes", note) == team
    new = value(settled, "INSERT INTO notes DEFAULT VALUES RETURNING id")
    assert team_of(settled, "notes", new) is None


def test_a_row_may_come_before_its_parent_where_it_could(inherited: Inherited, tmp_path: Path) -> None:
    inherited.connection.execute(
        "CREATE TABLE visits (id bigint PRIMARY KEY, campaign_id bigint NOT NULL"
        " REFERENCES campaigns ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO visits SELECT n, n FROM generate_series(1, 9) AS n; ANALYZE visits"
    )
    bench = Bench(inherited.dsn, tmp_path)
    assert bench.apply(inherited.plan(), phases=KEYS).complete
    inherited.connection.execute("ANALYZE visits")
    made = inherited.plan()
    assert not [change.id for change in made.changes if change.object == "visits" and change.phase in KEYS]
    with inherited.connection.transaction():
        inherited.connection.execute("INSERT INTO visits VALUES (10, 1000), (11, 8)")
        inherited.connection.execute("INSERT INTO campaigns (id, team_id) VALUES (1000, 3)")
    assert team_of(inherited, "visits", 11) == team_of(inherited, "campaigns", 8)
    inherited.connection.execute("UPDATE visits SET id = id")
    assert team_of(inherited, "visits", 10) == 3


def test_under_row_level_security_each_tenant_writes_and_sees_its_own(
    inherited: Inherited, tmp_path: Path
) -> None:
    assert Bench(inherited.dsn, tmp_path).apply(inherited.plan(), phases=list(Phase)).complete
    application = psycopg.connect(inherited.dsn, autocommit=True)
    application.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(inherited.role)))
    assert application.execute("SELECT count(*) FROM executions").fetchone() == (0,)
    with application.transaction():
        application.execute("SELECT set_config('app.team_id', '2', true)")
        assert application.execute("SELECT DISTINCT team_id FROM executions").fetchall() == [(2,)]
        (own,) = application.execute("SELECT min(id) FROM campaigns").fetchone() or (None,)
        application.execute("INSERT INTO executions (campaign_id) VALUES (%s)", [own])
    for statement in (
        "INSERT INTO executions (campaign_id) VALUES (%s)",
        "UPDATE executions SET campaign_id = %s",
    ):
        with pytest.raises(psycopg.Error) as refused, application.transaction():
            application.execute("SELECT set_config('app.team_id', '3', true)")
            application.execute(statement.encode(), [own])
        assert refused.value.sqlstate in ("23502", "23503", "42501")
    application.close()
