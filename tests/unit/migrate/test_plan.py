"""The plan as a whole: loud where it cannot, the same from the same findings, in an order that works."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest

from tenfold.errors import UsageError
from tenfold.migrate.plan import plan
from tenfold.migrate.select import select
from tenfold.model.change import Phase, Plan
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import (
    AddForeignKey,
    AddTenantColumn,
    DropIndex,
    EnableRls,
    RebuildIndex,
    Remedy,
    SetNotNull,
    SetRoleSetting,
    SetStatistics,
    SetTableOptions,
    Table,
    ValidateConstraint,
)
from tests.unit.migrate.schema import Made, found, ids, wish
from tests.unit.rules.build import NOW

MESSAGES = Table("public", "messages")


@pytest.fixture
def made() -> Made:
    database = Made()
    teams = database.table("teams", "id bigint not null")
    database.primary_key(teams, "id")
    messages = database.table("messages", "id bigint not null", "team_id bigint", "status text")
    database.primary_key(messages, "id")
    return database


def test_no_findings_no_changes(made: Made) -> None:
    empty = made.plan()
    assert (empty.changes, empty.skipped) == ((), ())
    assert (empty.database, empty.made_from, empty.server_version) == ("outreach", NOW, "18.0")
    assert empty.fingerprint == made.snapshot.fingerprint


@pytest.mark.parametrize(
    "remedy",
    [
        wish("gone", "team_id"),
        wish("messages", "gone"),
        SetNotNull(table=Table("public", "gone"), column="team_id"),
        SetNotNull(table=Table("gone", "messages"), column="team_id"),
        DropIndex(table=MESSAGES, name="gone", definition="CREATE INDEX gone ON public.messages (id)"),
        RebuildIndex(table=MESSAGES, name="gone"),
        EnableRls(table=Table("public", "gone")),
        ValidateConstraint(table=Table("public", "gone"), name="c"),
        AddForeignKey(
            table=MESSAGES,
            name="f",
            columns=("gone",),
            parent=Table("public", "teams"),
            parent_columns=("id",),
        ),
        SetRoleSetting(role="gone", database="outreach", setting="lock_timeout", value="5s"),
    ],
)
def test_what_the_snapshot_does_not_have_is_an_error(made: Made, remedy: Remedy) -> None:
    with pytest.raises(UsageError, match=r"gone.*which the snapshot does not have"):
        made.plan(found("rule", "messages", remedy))


def test_a_remedy_of_no_known_kind_is_an_error(made: Made) -> None:
    class Unheard(msgspec.Struct, frozen=True):
        table: Table

    with pytest.raises(TypeError, match="no change is known for Unheard"):
        made.plan(found("rule", "messages", Unheard(MESSAGES)))  # type: ignore[arg-type]


# --- stability ---


def a_bit_of_everything(made: Made) -> list[Finding]:
    executions = made.table("executions", "id bigint not null", "message_id bigint not null")
    made.primary_key(executions, "id")
    made.foreign_key(executions, "message_id", made.relations[1].oid, "id")
    column = AddTenantColumn(
        table=Table("public", "executions"),
        column="team_id",
        type="bigint",
        foreign_columns=("message_id",),
        parent=MESSAGES,
        parent_columns=("id",),
        parent_tenant_column="team_id",
        key_columns=("id",),
    )
    return [
        found("a", "messages", wish("messages", "team_id"), priority=Priority.P0),
        found("b", "messages", wish("messages", "team_id", "status desc")),
        found("c", "messages", wish("messages", "team_id", "status")),
        found("d", "messages", SetNotNull(table=MESSAGES, column="team_id"), priority=Priority.P1),
        found("e", "messages", SetStatistics(table=MESSAGES, column="team_id", target=500)),
        found("f", "messages", SetTableOptions(table=MESSAGES, options=(("fillfactor", "90"),))),
        found("g", "executions", column, priority=Priority.P0),
        found("h", "messages", EnableRls(table=MESSAGES), priority=Priority.P1),
    ]


def test_the_order_of_findings_does_not_matter(made: Made) -> None:
    findings = a_bit_of_everything(made)
    expected = made.plan(*findings).changes
    assert len(expected) > 10
    for seed in range(20):
        random.Random(seed).shuffle(findings)
        assert made.plan(*findings).changes == expected


def test_ids_are_unique_and_requirements_come_first(made: Made) -> None:
    known: set[str] = set()
    for change in made.plan(*a_bit_of_everything(made)).changes:
        assert change.id not in known
        assert set(change.requires) <= known, change.id
        known.add(change.id)


def test_a_required_change_is_as_urgent_as_what_needs_it(made: Made) -> None:
    result = made.plan(*a_bit_of_everything(made))
    by_id = {change.id: change for change in result.changes}
    for change in result.changes:
        for needed in change.requires:
            assert by_id[needed].priority <= change.priority
    # The P1 finding's change is urgent, because the P0 child table is filled from a column without nulls.
    assert by_id["set-not-null:public.messages:team_id"].priority is Priority.P0


def test_urgent_changes_come_first_and_isolation_last(made: Made) -> None:
    changes = made.plan(*a_bit_of_everything(made)).changes
    ordinary = [change for change in changes if change.phase is not Phase.ISOLATION]
    assert [change.priority for change in ordinary] == sorted(change.priority for change in ordinary)
    assert {change.phase for change in changes[len(ordinary) :]} == {Phase.ISOLATION}


def test_the_coldest_table_is_isolated_first(made: Made) -> None:
    made.config = msgspec.convert(
        {"operations_per_day": {"messages": 50_000, "calls": 100}}, type(made.config)
    )
    for name in ("calls", "archive"):
        made.table(name, "team_id bigint not null")
    findings = [
        found("tenant-rls-off", name, EnableRls(table=Table("public", name)), priority=priority)
        for name, priority in (("messages", Priority.P0), ("archive", Priority.P2), ("calls", Priority.P1))
    ]
    assert ids(made.plan(*findings)) == [
        "isolate:public.archive",
        "isolate:public.calls",
        "isolate:public.messages",
    ]


# --- choosing ---


def test_what_requires_a_change_that_was_not_asked_for_is_left_out_and_said(made: Made) -> None:
    whole = made.plan(*a_bit_of_everything(made))
    chosen = select(whole, phases=[Phase.ISOLATION])
    assert ids(chosen) == ["isolate:public.messages"]
    left_out = chosen.skipped[len(whole.skipped) :]
    assert [skipped.what for skipped in left_out] == ["Isolate executions by team_id"]
    assert left_out[0].why == "it requires 'Fill executions.team_id from messages' (phase keys, P0)"


def test_a_choice_by_priority_takes_the_more_urgent_too(made: Made) -> None:
    whole = made.plan(*a_bit_of_everything(made))
    for priority in Priority:
        chosen = select(whole, priority=priority)
        assert [change for change in whole.changes if change.priority <= priority] == list(chosen.changes)
    assert select(whole) == whole


def test_every_selection_can_be_carried_out(made: Made) -> None:
    whole = made.plan(*a_bit_of_everything(made))
    for phases in itertools.chain.from_iterable(itertools.combinations(Phase, n) for n in range(5)):
        for priority in (*Priority, None):
            assert closed(select(whole, priority=priority, phases=phases))


def closed(chosen: Plan) -> bool:
    return {needed for change in chosen.changes for needed in change.requires} <= set(ids(chosen))


def test_no_change_looks_through_all_relations(made: Made) -> None:
    """Else a plan for 10,000 tables would take their square."""
    looked = itertools.count()

    class Counting(tuple):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            next(looked)
            return super().__iter__()

    for number in range(200):
        made.table(f"t{number}", "team_id bigint")
    findings = [
        found("tenant-index-missing", f"t{number}", wish(f"t{number}", "team_id")) for number in range(200)
    ]
    snapshot = made.snapshot
    counted = msgspec.structs.replace(snapshot, relations=Counting(snapshot.relations))
    plan(counted, made.audit(*findings), made.config)
    assert next(looked) < 30
