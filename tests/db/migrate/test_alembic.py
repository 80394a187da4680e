"""The revision file, run by Alembic."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

from tenfold.migrate.select import select
from tenfold.migrate.write_alembic import write_alembic
from tenfold.model.change import Phase, Plan
from tenfold.model.ddl import qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import SetNotNull, Table
from tenfold.pg.embedded import EmbeddedServer
from tests.db.migrate.inherited import Inherited, assert_as_before

pytestmark = pytest.mark.servers(15, 16, 18)

ENV = """
import psycopg
import sqlalchemy as sa
from alembic import context

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()
else:
    dsn = context.config.attributes["dsn"]
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sa.pool.NullPool
    )
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


class Migrations:
    """An Alembic project around the revisions that were written."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._versions = folder / "versions"
        self._versions.mkdir()
        (folder / "env.py").write_text(ENV)
        self.output = io.StringIO()
        self.config = Config(output_buffer=self.output)
        self.config.set_main_option("script_location", str(folder))
        self.config.set_main_option("path_separator", "os")
        self.config.attributes["dsn"] = dsn

    def write(self, made: Plan, revision: str | None = None, down_revision: str | None = None) -> None:
        text = write_alembic(made, revision=revision, down_revision=down_revision)
        (self._versions / f"{revision or 'plan'}.py").write_text(text, encoding="utf-8")


@pytest.fixture
def migrations(tmp_path: Path, inherited: Inherited) -> Migrations:
    return Migrations(tmp_path, inherited.dsn)


def without_isolation(made: Plan) -> Plan:
    return select(made, phases=[phase for phase in Phase if phase is not Phase.ISOLATION])


def run_script(
    server: EmbeddedServer, inherited: Inherited, migrations: Migrations
) -> subprocess.CompletedProcess[str]:
    """What Alembic wrote instead of running it, by psql."""
    program = server.binaries.program("psql")
    return subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", inherited.dsn],
        input=migrations.output.getvalue(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_upgrades_and_downgrades(inherited: Inherited, migrations: Migrations) -> None:
    before = inherited.described()
    made = inherited.plan()
    migrations.write(made)
    command.upgrade(migrations.config, "head")
    assert inherited.plan().changes == ()
    command.downgrade(migrations.config, "base")
    inherited.connection.execute("DROP TABLE alembic_version")
    assert_as_before(inherited.described(), before)


def test_isolation_is_a_revision_of_its_own(inherited: Inherited, migrations: Migrations) -> None:
    made = inherited.plan()
    migrations.write(without_isolation(made), "first")
    command.upgrade(migrations.config, "head")
    second = inherited.plan()
    assert {change.phase for change in second.changes} == {Phase.ISOLATION}
    migrations.write(second, "second", "first")
    command.upgrade(migrations.config, "head")
    assert inherited.plan().changes == ()


def test_offline_script_does_the_same(
    server: EmbeddedServer, inherited: Inherited, migrations: Migrations
) -> None:
    migrations.write(without_isolation(inherited.plan()))
    command.upgrade(migrations.config, "head", sql=True)
    run = run_script(server, inherited, migrations)
    assert run.returncode == 0, run.stderr
    assert {change.phase for change in inherited.plan().changes} == {Phase.ISOLATION}


def test_a_lock_is_given_up_and_nothing_is_left_behind(inherited: Inherited, migrations: Migrations) -> None:
    keys = select(inherited.plan(), phases=[Phase.SETTINGS])
    migrations.write(keys)
    with psycopg.connect(inherited.dsn) as other:
        other.execute(sql.SQL("LOCK TABLE {}").format(sql.Identifier("campaigns")))
        with pytest.raises(Exception, match="lock timeout"):
            command.upgrade(migrations.config, "head")
    command.upgrade(migrations.config, "head")
    assert all(inherited.is_done(change) for change in keys.changes)


def test_a_revision_that_failed_is_finished_by_running_it_again(
    inherited: Inherited, migrations: Migrations
) -> None:
    before = inherited.described()
    made = without_isolation(inherited.plan())
    migrations.write(made)
    rename = "ALTER TABLE leads RENAME CONSTRAINT {} TO {}"
    inherited.connection.execute(rename.format("leads_email_check", "away").encode())
    with pytest.raises(Exception, match="leads_email_check"):
        command.upgrade(migrations.config, "head")
    inherited.connection.execute(rename.format("away", "leads_email_check").encode())
    assert {inherited.is_done(change) for change in made.changes if change.backfill is None} == {False, True}
    command.upgrade(migrations.config, "head")
    assert {change.phase for change in inherited.plan().changes} == {Phase.ISOLATION}
    index = next(
        change.index for change in made.changes if change.undo and change.undo[0].startswith("DROP INDEX")
    )
    assert index is not None
    inherited.connection.execute(f"DROP INDEX {qualified(*index)} CASCADE".encode())
    command.downgrade(migrations.config, "base")
    inherited.connection.execute("DROP TABLE alembic_version")
    assert_as_before(inherited.described(), before)


def test_an_index_that_a_broken_off_build_left_invalid_is_built_again(
    inherited: Inherited, migrations: Migrations
) -> None:
    made = select(inherited.plan(), phases=[Phase.INDEXES])
    change = next(each for each in made.changes if each.sql[0].startswith("CREATE INDEX CONCURRENTLY"))
    assert change.index is not None
    inherited.carry_out(change)
    inherited.connection.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)",
        [qualified(*change.index)],
    )
    migrations.write(made)
    command.upgrade(migrations.config, "head")
    assert inherited.is_done(change)


@pytest.mark.parametrize("offline", [False, True])
def test_a_row_without_a_tenant_is_found_before_anything_is_declared(
    server: EmbeddedServer, inherited: Inherited, migrations: Migrations, *, offline: bool
) -> None:
    remedy = SetNotNull(table=Table("public", "leads"), column="team_id")
    finding = Finding(rule="a", priority=Priority.P1, object="leads", message="", remedies=(remedy,))
    made = inherited.plan_of(finding)
    migrations.write(made)
    inherited.connection.execute("UPDATE leads SET team_id = NULL WHERE id = 1")
    if offline:
        command.upgrade(migrations.config, "head", sql=True)
        assert "leads.team_id is null in some rows" in run_script(server, inherited, migrations).stderr
    else:
        with pytest.raises(Exception, match=r"leads\.team_id is null in some rows"):
            command.upgrade(migrations.config, "head")
    assert not any(inherited.is_done(change) for change in made.changes)
    inherited.connection.execute("UPDATE leads SET team_id = 1 WHERE id = 1")
    if not offline:
        command.upgrade(migrations.config, "head")
        assert inherited.is_done(made.changes[-1])
