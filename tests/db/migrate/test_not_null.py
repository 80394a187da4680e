"""NOT NULL on a table where a row has none: nothing stays behind that refuses updates of that row."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from tenfold.migrate.journal import Journal
from tenfold.migrate.run import Run, State
from tenfold.migrate.write_sql import write_sql
from tenfold.model.change import Plan
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import SetNotNull, Table
from tenfold.pg.embedded import EmbeddedServer
from tests.db.migrate.bench import Bench, holder
from tests.db.migrate.changes import LIMITS
from tests.db.migrate.inherited import Inherited

pytestmark = pytest.mark.servers(15, 16, 18)

LOSE = "UPDATE leads SET team_id = NULL WHERE id = 1"
DECLARED = "SELECT count(*) FROM pg_constraint WHERE conname = 'team_id_is_not_null'"
ROWS = "SELECT * FROM public.leads WHERE team_id IS NULL"


@pytest.fixture
def leads(inherited: Inherited, tmp_path: Path) -> Bench:
    return Bench(inherited.dsn, tmp_path)


@pytest.fixture
def plan(inherited: Inherited) -> Plan:
    """CHECK, VALIDATE, SET NOT NULL."""
    remedy = SetNotNull(table=Table("public", "leads"), column="team_id")
    return inherited.plan_of(
        Finding(rule="a", priority=Priority.P1, object="leads", message="", remedies=(remedy,))
    )


@pytest.fixture(autouse=True)
def old_rows_can_be_updated(leads: Bench) -> Iterator[None]:
    """Whatever happened in the test."""
    yield
    with leads.connect() as connection:
        connection.execute("UPDATE leads SET email = 'new@example.org' WHERE id = 1")


def declare_too_late(leads: Bench, plan: Plan) -> None:
    """Declares the check, by apply, while a row without a tenant comes in that the look does not see."""
    apply_too_late(leads, replace(plan, changes=plan.changes[:1]))
    assert leads.value(DECLARED) == 1


def apply_too_late(leads: Bench, plan: Plan) -> Run:
    """The other transaction keeps the check from its lock, and then commits."""
    with holder(leads, LOSE) as other:

        def react(event: str) -> None:
            if event in ("blocked", "retrying"):
                other.execute("COMMIT")

        leads.events.react = react
        run = leads.apply(plan)
    leads.events.react = lambda event: None
    return run


def test_a_row_without_is_found_before_anything_is_declared(leads: Bench, plan: Plan) -> None:
    leads.value(LOSE + " RETURNING id")
    run = leads.apply(plan)
    assert [outcome.state for outcome in run.outcomes] == [
        State.FAILED,
        State.NOT_ATTEMPTED,
        State.NOT_ATTEMPTED,
    ]
    why = run.outcomes[0].why
    assert why.startswith("leads.team_id is null in some rows")
    assert why.endswith(ROWS)
    assert leads.value(DECLARED) == 0


def test_the_look_may_take_longer_than_a_brief_change(leads: Bench, plan: Plan) -> None:
    (check, *_) = plan.changes
    assert check.obstacle is not None
    long = f"SELECT pg_sleep({2 * LIMITS.lock_timeout}) IS NOT NULL"
    slow = replace(check, obstacle=replace(check.obstacle, found=long))
    run = leads.apply(replace(plan, changes=(slow,)))
    assert run.outcomes[0].why == check.obstacle.message


def test_a_row_that_came_in_between_has_the_check_taken_back(leads: Bench, plan: Plan) -> None:
    run = apply_too_late(leads, plan)
    assert [outcome.state for outcome in run.outcomes] == [
        State.TAKEN_BACK,
        State.FAILED,
        State.NOT_ATTEMPTED,
    ]
    assert "'Refuse new rows without leads.team_id' was taken back" in run.outcomes[1].why
    assert leads.events.of("failed") == [run.outcomes[1].why]
    assert leads.value(DECLARED) == 0
    leads.value("UPDATE leads SET team_id = 1 WHERE id = 1 RETURNING id")
    assert leads.apply(plan).complete


def test_a_check_of_an_earlier_run_is_taken_back_and_the_journal_says_so(leads: Bench, plan: Plan) -> None:
    declare_too_late(leads, plan)
    run = leads.apply(plan)
    assert run.of(State.TAKEN_BACK)[0].change == plan.changes[0]
    assert leads.value(DECLARED) == 0
    assert Journal.of(plan.fingerprint, leads.folder).carried_out() == ()


def test_a_check_that_somebody_else_declared_is_left_alone(leads: Bench, plan: Plan, tmp_path: Path) -> None:
    declare_too_late(leads, plan)
    run = leads.apply(plan, journal_folder=tmp_path / "other")
    assert [outcome.state for outcome in run.outcomes][:2] == [State.ALREADY, State.FAILED]
    undo = "ALTER TABLE public.leads DROP CONSTRAINT IF EXISTS team_id_is_not_null"
    assert run.outcomes[1].why.endswith(f"take it back with: {undo}")
    assert leads.value(DECLARED) == 1
    with leads.connect() as connection:
        connection.execute(undo)


def test_a_check_whose_validation_only_waits_for_a_lock_stays(leads: Bench, plan: Plan) -> None:
    leads.apply(replace(plan, changes=plan.changes[:1]))
    with holder(leads, "LOCK TABLE leads IN SHARE UPDATE EXCLUSIVE MODE"):
        run = leads.apply(plan, limits=replace(LIMITS, attempts=2))
    assert [outcome.state for outcome in run.outcomes][:2] == [State.ALREADY, State.FAILED]
    assert "taken back" not in run.outcomes[1].why
    assert leads.value(DECLARED) == 1


def test_psql_stops_before_anything_is_declared(server: EmbeddedServer, leads: Bench, plan: Plan) -> None:
    with psycopg.connect(leads.dsn) as connection:
        connection.execute(LOSE)
    run = subprocess.run(
        [server.binaries.program("psql"), "-X", "-q", "-d", leads.dsn],
        input=write_sql(plan),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert run.returncode == 3
    assert "leads.team_id is null in some rows" in run.stderr
    assert ROWS in run.stderr
    assert leads.value(DECLARED) == 0
