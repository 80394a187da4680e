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
    program = server.binaries.program("psql")
    run = subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", inherited.dsn],
        input=migrations.output.getvalue(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
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
