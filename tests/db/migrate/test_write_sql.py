"""The psql script, run by psql."""

from __future__ import annotations

import subprocess

import pytest

from tenfold.migrate.select import select
from tenfold.migrate.write_sql import write_sql
from tenfold.model.change import Phase
from tenfold.model.ddl import qualified
from tenfold.pg.embedded import EmbeddedServer
from tests.db.migrate.inherited import Inherited

pytestmark = pytest.mark.servers(15, 16, 18)


def psql(server: EmbeddedServer, dsn: str, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [server.binaries.program("psql"), "-X", "-q", "-d", dsn, *options]
    return subprocess.run(
        command, input=script, capture_output=True, text=True, encoding="utf-8", timeout=120
    )


def test_carries_out_everything_but_isolation(server: EmbeddedServer, inherited: Inherited) -> None:
    run = psql(server, inherited.dsn, write_sql(inherited.plan()))
    assert run.returncode == 0, run.stderr
    assert {change.phase for change in inherited.plan().changes} == {Phase.ISOLATION}


def test_isolation_runs_when_it_is_named(server: EmbeddedServer, inherited: Inherited) -> None:
    run = psql(server, inherited.dsn, write_sql(inherited.plan()), "-v", "isolation=on")
    assert run.returncode == 0, run.stderr
    assert inherited.plan().changes == ()


def test_isolation_that_is_off_is_passed_over(server: EmbeddedServer, inherited: Inherited) -> None:
    run = psql(server, inherited.dsn, write_sql(inherited.plan()), "-v", "isolation=off")
    assert run.returncode == 0, run.stderr
    assert {change.phase for change in inherited.plan().changes} == {Phase.ISOLATION}


def test_replaces_an_index_that_a_broken_off_build_left_invalid(
    server: EmbeddedServer, inherited: Inherited
) -> None:
    made = select(inherited.plan(), phases=[Phase.INDEXES])
    change = next(each for each in made.changes if each.sql[0].startswith("CREATE INDEX CONCURRENTLY"))
    assert change.index is not None
    inherited.carry_out(change)
    inherited.connection.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)",
        [qualified(*change.index)],
    )
    assert not inherited.is_done(change)
    run = psql(server, inherited.dsn, write_sql(made))
    assert run.returncode == 0, run.stderr
    assert inherited.is_done(change)


def test_goes_on_after_a_fault(server: EmbeddedServer, inherited: Inherited) -> None:
    made = select(inherited.plan(), phases=[Phase.KEYS])
    script = write_sql(made)
    inherited.connection.execute("ALTER TABLE leads DROP CONSTRAINT leads_email_check")
    stopped = psql(server, inherited.dsn, script)
    assert stopped.returncode == 3
    assert 'constraint "leads_email_check" of relation "leads" does not exist' in stopped.stderr
    inherited.connection.execute("ALTER TABLE leads ADD CONSTRAINT leads_email_check CHECK (true) NOT VALID")
    assert psql(server, inherited.dsn, script).returncode == 0
    assert all(inherited.is_done(change) for change in made.changes)


def test_refuses_another_database(server: EmbeddedServer, inherited: Inherited) -> None:
    made = inherited.plan()
    run = psql(server, server.dsn(), write_sql(made))
    assert run.returncode == 3
    assert f"ERROR:  this plan was made for database {made.database}; nothing was changed" in run.stderr
