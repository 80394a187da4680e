"""A plan on real servers: each change is done when it says so, and what it undoes is undone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.migrate.plan import plan
from tenfold.migrate.run import State
from tenfold.model.change import Phase
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import SetStatistics, Table
from tenfold.pg.embedded import EmbeddedServer
from tests.db.migrate.bench import Bench
from tests.db.migrate.inherited import Inherited, assert_as_before

pytestmark = pytest.mark.servers(15, 16, 18)


def test_every_change_is_done_when_it_was_carried_out_and_not_when_it_was_undone(
    inherited: Inherited,
) -> None:
    before = inherited.described()
    made = inherited.plan()
    for change in made.changes:
        assert not inherited.is_done(change), change.id
        inherited.carry_out(change)
        assert inherited.is_done(change), change.id
    for change in made.changes:
        assert inherited.is_done(change), f"{change.id} was undone by a later change"
    for change in reversed(made.changes):
        inherited.undo(change)
        if change.undo:
            assert not inherited.is_done(change), change.id
    after = inherited.described()
    assert_as_before(after, before)


def test_the_plan_has_every_kind_of_change(inherited: Inherited) -> None:
    """Else the test above proves little."""
    made = inherited.plan()
    verbs = {change.id.partition(":")[0] for change in made.changes}
    expected = """
        add-column add-foreign-key attach-index backfill check-not-null create-index declare-index drop-index
        drop-constraint grant isolate rebuild-index revoke search-path set-not-null set-options set-role
        validate validate-not-null view-invoker
    """
    assert set(expected.split()) <= verbs
    assert {change.phase for change in made.changes} == set(Phase)
    assert {change.kind for change in made.changes} == {"statement", "build", "scan", "backfill"}


def test_a_second_plan_is_empty_and_the_audit_silent(inherited: Inherited, tmp_path: Path) -> None:
    first = inherited.plan()
    run = Bench(inherited.dsn, tmp_path).apply(first, phases=list(Phase))
    assert not run.of(State.FAILED, State.NOT_ATTEMPTED), [
        (o.change.id, o.why) for o in run.outcomes if o.why
    ]
    inherited.connection.execute("ANALYZE")
    snapshot = inherited.snapshot()
    again = inherited.audit(snapshot)
    assert [change.id for change in plan(snapshot, again, inherited.config).changes] == []
    settled = {key for change in first.changes for key in change.findings}
    assert sorted(settled & {finding.key for finding in again.findings}) == []


def test_undo_reverts_all_that_apply_did(inherited: Inherited, tmp_path: Path) -> None:
    before = inherited.described()
    bench = Bench(inherited.dsn, tmp_path)
    assert bench.apply(inherited.plan(), phases=list(Phase)).complete
    run = bench.undo()
    assert not run.of(State.FAILED, State.NOT_ATTEMPTED), [
        (o.change.id, o.why) for o in run.outcomes if o.why
    ]
    after = inherited.described()
    assert_as_before(after, before)


@pytest.fixture
def twin(server: EmbeddedServer) -> Iterator[Inherited]:
    name = f"test_{secrets.token_hex(6)}"
    made = Inherited(server.create_database(name), f"app_{secrets.token_hex(6)}")
    yield made
    made.close()
    server.drop_database(name)


def test_a_new_plan_goes_on_wherever_the_last_one_stopped(inherited: Inherited, twin: Inherited) -> None:
    """`apply` plans anew each time: after every single change the rest must still be found."""
    steps = 0
    while todo := [change for change in inherited.plan().changes if not inherited.is_done(change)]:
        inherited.carry_out(todo[0])
        assert inherited.is_done(todo[0]), todo[0].id
        steps += 1
        assert steps < 200, f"it comes to no end: {todo[0].id}"
    inherited.connection.execute("ANALYZE")
    assert [change.id for change in inherited.plan().changes] == []
    for change in twin.plan().changes:
        twin.carry_out(change)
    step_by_step, in_one_go = inherited.described(), twin.described()
    for part, expected in in_one_go.items():
        assert step_by_step[part] == expected, part


@pytest.mark.parametrize(("target", "old"), [(500, -1), (-1, 200), (-1, -1)])
def test_statistics_are_done_when_they_were_collected(inherited: Inherited, target: int, old: int) -> None:
    inherited.connection.execute(f"ALTER TABLE leads ALTER team_id SET STATISTICS {old}")
    remedy = SetStatistics(table=Table("public", "leads"), column="team_id", target=target, old_target=old)
    finding = Finding(
        rule="tenant-stats-missing", priority=Priority.P2, object="leads", message="", remedies=(remedy,)
    )
    (change,) = inherited.plan_of(finding).changes
    assert not inherited.is_done(change)
    inherited.carry_out(change)
    assert inherited.is_done(change)
    inherited.undo(change)
    assert inherited.is_done(change) is (target == old)
