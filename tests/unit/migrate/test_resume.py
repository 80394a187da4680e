"""A new plan after a run that was broken off: it goes on from what is there, under the same names."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.migrate.mark import MARK, mark
from tenfold.migrate.plan import plan
from tenfold.model.change import Plan
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import ColumnStatistics, Constraint
from tenfold.model.remedy import (
    AddForeignKey,
    AddTenantColumn,
    RebuildIndex,
    SetNotNull,
    Table,
    ValidateConstraint,
)
from tenfold.model.roles import Function
from tests.unit.migrate.schema import OWNER, Made, by_verb, found, ids, wish

REMEDY = AddTenantColumn(
    table=Table("public", "executions"),
    column="team_id",
    type="bigint",
    foreign_columns=("campaign_id",),
    parent=Table("public", "campaigns"),
    parent_columns=("id",),
    parent_tenant_column="team_id",
    key_columns=("id",),
    on_delete="CASCADE",
)
BACKFILL = "backfill:public.executions:team_id"
KEY = "add-foreign-key:public.executions:executions_team_id_campaign_id_fkey"


class Stopped(Made):
    """executions has its tenant column and the function that fills it; campaigns can be referred to."""

    def __init__(self, *, nullable_key: bool = False, tenant: str = "team_id bigint") -> None:
        super().__init__()
        self.campaigns = self.table("campaigns", "id bigint not null", "team_id bigint not null")
        self.primary_key(self.campaigns, "id")
        self.index(self.campaigns, "by_team", "team_id", "id", unique=True)
        key = "campaign_id bigint" if nullable_key else "campaign_id bigint not null"
        self.executions = self.table("executions", "id bigint not null", key, tenant)
        self.primary_key(self.executions, "id")
        self.foreign_key(self.executions, "campaign_id", self.campaigns, "id")
        self.source = f"\n{mark(REMEDY)}\nDECLARE\n"

    def hold(self) -> None:
        """With its composite foreign key."""
        self.foreign_key(self.executions, "team_id,campaign_id", self.campaigns, "team_id,id")

    def count(self, column: int, nulls: float) -> None:
        self.statistics.append(ColumnStatistics(self.executions, column, False, nulls, 8, 5.0))

    def plan(self, *findings: Finding) -> Plan:
        function = Function(
            1, "public", "fill", "", "trigger", OWNER, "plpgsql", "f", "v", False, False, source=self.source
        )
        snapshot = msgspec.structs.replace(self.snapshot, functions=(function,))
        return plan(snapshot, self.audit(*findings), self.config)


# --- the tenant column ---


def test_a_column_that_is_filled_too_late_at_times_stays_nullable() -> None:
    made = Stopped()
    made.source = f"{mark(msgspec.structs.replace(REMEDY, deferral='DEFERRABLE'))}\n"
    made.hold()
    made.count(2, 0.0)
    made.count(3, 0.0)
    plan = made.plan(
        found("tenant-column-nullable", "executions", SetNotNull(table=REMEDY.table, column="team_id"))
    )
    assert plan.changes == ()
    assert [skipped.what for skipped in plan.skipped] == ["NOT NULL on executions.team_id"]
    assert "drop what fills it" in plan.skipped[0].why


def test_an_unfilled_column_is_filled_and_not_added_again() -> None:
    made = Stopped()
    made.hold()
    assert ids(made.plan()) == [
        BACKFILL,
        "check-not-null:public.executions:team_id",
        "validate-not-null:public.executions:team_id",
        "set-not-null:public.executions:team_id",
    ]


def test_a_finding_that_wishes_the_same_not_null_shares_its_check() -> None:
    made = Stopped()
    made.hold()
    remedy = SetNotNull(table=REMEDY.table, column="team_id")
    plan = made.plan(found("tenant-column-nullable", "executions", remedy))
    assert [change.id for change in plan.changes].count("check-not-null:public.executions:team_id") == 1


def test_it_is_as_urgent_as_the_finding_that_it_settles() -> None:
    made = Stopped()
    finding = found("tenant-column-nullable", "executions", relation=made.executions, priority=Priority.P1)
    backfill = made.plan(finding).changes[0]
    assert (backfill.id, backfill.priority, backfill.findings) == (BACKFILL, Priority.P1, (finding.key,))


def test_a_filled_column_still_gets_its_key_and_the_key_lets_the_parent_move() -> None:
    made = Stopped(tenant="team_id bigint not null")
    result = made.plan()
    assert ids(result) == [KEY, KEY.replace("add-foreign-key", "validate")]
    assert "ON UPDATE CASCADE" in result.changes[0].sql[0]


def test_the_finding_that_asks_for_the_same_key_is_settled_by_it() -> None:
    made = Stopped(tenant="team_id bigint not null")
    plain = AddForeignKey(
        table=REMEDY.table,
        name="executions_team_id_campaign_id_fkey",
        columns=("team_id", "campaign_id"),
        parent=REMEDY.parent,
        parent_columns=("team_id", "id"),
    )
    result = made.plan(found("tenant-fk-cross", "executions", plain))
    (key,) = by_verb(result, "add-foreign-key")
    assert "ON UPDATE CASCADE" in key.sql[0]
    assert "tenant-fk-cross:executions" in by_verb(result, "validate")[0].findings


def test_what_is_complete_is_left_alone() -> None:
    made = Stopped(tenant="team_id bigint not null")
    made.hold()
    assert made.plan().changes == ()


@pytest.mark.parametrize(
    ("tenant", "key", "planned"),
    [(None, None, True), (0.3, 0.3, False), (0.0, 0.0, False), (0.5, 0.3, True)],
)
def test_where_the_key_may_be_null_the_statistics_tell(
    tenant: float | None, key: float | None, planned: bool
) -> None:
    made = Stopped(nullable_key=True)
    made.hold()
    if tenant is not None and key is not None:
        made.count(2, key)
        made.count(3, tenant)
    assert (BACKFILL in ids(made.plan())) is planned


@pytest.mark.parametrize(
    "source",
    [
        "BEGIN RETURN NEW; END",
        f"{MARK}what is this",
        f"{MARK}{{}}",
        mark(msgspec.structs.replace(REMEDY, table=Table("public", "renamed"))),
        mark(msgspec.structs.replace(REMEDY, column="renamed")),
        mark(msgspec.structs.replace(REMEDY, parent=Table("public", "renamed"))),
        mark(msgspec.structs.replace(REMEDY, foreign_columns=("renamed",))),
    ],
)
def test_traces_that_lead_nowhere_are_passed_over(source: str) -> None:
    made = Stopped()
    made.source = source
    assert made.plan().changes == ()


# --- NOT NULL ---


def with_check(*, validated: bool, name: str = "status_is_not_null") -> Made:
    made = Made()
    oid = made.table("messages", "team_id bigint not null", "status text")
    definition = "CHECK ((status IS NOT NULL))" + ("" if validated else " NOT VALID")
    made.constraints.append(Constraint(9, oid, name, "c", (2,), validated, definition))
    return made


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("name", ["status_is_not_null", "status_is_not_null_1"])
def test_a_check_on_the_way_to_not_null_goes_on(validated: bool, name: str) -> None:
    result = with_check(validated=validated, name=name).plan()
    assert [change.id.partition(":")[0] for change in result.changes] == [
        "check-not-null",
        "validate-not-null",
        "set-not-null",
    ]
    assert f"DROP CONSTRAINT {name}" in result.changes[-1].sql[-1]


def test_nobody_validates_it_twice() -> None:
    validate = ValidateConstraint(table=Table("public", "messages"), name="status_is_not_null")
    result = with_check(validated=False).plan(
        found("constraint-not-valid", "messages", validate, priority=Priority.P1)
    )
    assert by_verb(result, "validate") == []
    (validation,) = by_verb(result, "validate-not-null")
    assert validation.findings == ("constraint-not-valid:messages",)
    assert validation.priority is Priority.P1


def test_other_checks_and_columns_that_are_not_null_already_are_left_alone() -> None:
    assert with_check(validated=True, name="users_own_name").plan().changes == ()
    made = with_check(validated=True)
    made.columns[1] = msgspec.structs.replace(made.columns[1], not_null=True)
    assert made.plan().changes == ()


def test_a_wish_for_the_same_not_null_is_the_same_change() -> None:
    wish = SetNotNull(table=Table("public", "messages"), column="status")
    result = with_check(validated=False).plan(found("tenant-column-nullable", "messages", wish))
    assert len(result.changes) == 3
    assert all(change.findings == ("tenant-column-nullable:messages",) for change in result.changes)


# --- indexes ---


def partitioned(*, name: str = "idx_messages_team_id", part: str | None = None) -> Made:
    made = Made()
    root = made.table("messages", "id bigint", "team_id bigint", kind="p")
    made.index(root, name, "team_id", valid=False)
    one, two = made.partition(root, "messages_1"), made.partition(root, "messages_2")
    if part is not None:
        made.index(one, part, "team_id")
        made.index(two, "idx_messages_2_team_id", "team_id", valid=False)
    return made


def test_an_index_that_is_not_attached_yet_is_finished_without_a_finding() -> None:
    result = partitioned(part="idx_messages_1_team_id").plan()
    assert ids(result) == [
        "declare-index:public.messages:idx_messages_team_id",
        "create-index:public.messages_1:idx_messages_1_team_id",
        "create-index:public.messages_2:idx_messages_2_team_id",
        "attach-index:public.messages:idx_messages_team_id",
    ]


def test_a_finding_that_asks_for_it_finishes_the_same_index() -> None:
    result = partitioned(name="idx_messages_team_id_1").plan(
        found("tenant-index-missing", "messages", wish("messages", "team_id"))
    )
    assert result.changes[0].id == "declare-index:public.messages:idx_messages_team_id_1"
    assert len(by_verb(result, "declare-index")) == 1


def test_somebody_elses_unfinished_index_is_left_alone() -> None:
    assert partitioned(name="by_team").plan().changes == ()


def test_a_numbered_leftover_gives_its_name() -> None:
    made = Made()
    oid = made.table("m" * 62, "team_id bigint")
    long = f"idx_{'m' * 57}_2"
    made.index(oid, long, "team_id", valid=False)
    result = made.plan(found("tenant-index-missing", "m" * 62, wish("m" * 62, "team_id")))
    assert result.changes[0].index == ("public", long)


def test_an_invalid_index_that_another_makes_redundant_is_dropped_and_not_rebuilt() -> None:
    made = Made()
    oid = made.table("messages", "team_id bigint", "status text")
    made.index(oid, "half_dropped", "team_id", valid=False)
    made.index(oid, "whole", "team_id", "status")
    rebuild = RebuildIndex(table=Table("public", "messages"), name="half_dropped")
    assert ids(made.plan(found("index-invalid", "messages", rebuild))) == [
        "drop-index:public.messages:half_dropped"
    ]


def test_the_mark_is_the_whole_remedy_on_one_line() -> None:
    assert msgspec.json.decode(mark(REMEDY).removeprefix(MARK), type=AddTenantColumn) == REMEDY
    assert "\n" not in mark(msgspec.structs.replace(REMEDY, column="line\nbreak"))
