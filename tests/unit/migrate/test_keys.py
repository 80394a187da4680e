"""NOT NULL, foreign keys and the tenant column of child tables: what is safe, and what is left out."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.model.change import Lock
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Constraint, Trigger
from tenfold.model.remedy import (
    AddForeignKey,
    AddTenantColumn,
    DropConstraint,
    SetNotNull,
    Table,
    ValidateConstraint,
)
from tests.unit.migrate.schema import Made, by_verb, change_of, found, ids

TEAMS, CAMPAIGNS = Table("public", "teams"), Table("public", "campaigns")


@pytest.fixture
def made() -> Made:
    database = Made()
    teams = database.table("teams", "id bigint not null")
    database.primary_key(teams, "id")
    campaigns = database.table("campaigns", "id bigint not null", "team_id bigint not null", "name text")
    database.primary_key(campaigns, "id")
    return database


def child(
    made: Made, name: str, parent: str, *, nullable: bool = False, tenant: str = "team_id"
) -> AddTenantColumn:
    """A table with a foreign key to its parent, and the remedy that gives it the tenant column."""
    above = next(relation.oid for relation in made.relations if relation.name == parent)
    oid = made.table(name, "id bigint not null", f"parent_id bigint{'' if nullable else ' not null'}")
    made.primary_key(oid, "id")
    made.foreign_key(oid, "parent_id", above, "id")
    return AddTenantColumn(
        table=Table("public", name),
        column="team_id",
        type="bigint",
        foreign_columns=("parent_id",),
        parent=Table("public", parent),
        parent_columns=("id",),
        parent_tenant_column=tenant,
        key_columns=("id",),
        on_delete="CASCADE",
    )


def missing(remedy: AddTenantColumn, **fields: object) -> Finding:
    return found("tenant-column-missing", remedy.table.name, remedy, **fields)


# --- NOT NULL ---


def test_not_null_scans_under_no_lock_that_blocks(made: Made) -> None:
    plan = made.plan(found("a", "campaigns", SetNotNull(table=CAMPAIGNS, column="name")))
    check, validate, final = plan.changes
    assert [check.kind, validate.kind, final.kind] == ["statement", "scan", "statement"]
    assert validate.lock is Lock.SHARE_UPDATE_EXCLUSIVE
    assert check.sql == (
        "ALTER TABLE public.campaigns ADD CONSTRAINT name_is_not_null CHECK (name IS NOT NULL) NOT VALID",
    )
    assert final.sql == (
        "ALTER TABLE public.campaigns ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE public.campaigns DROP CONSTRAINT name_is_not_null",
    )
    assert (validate.requires, final.requires) == ((check.id,), (validate.id,))


def test_a_check_is_declared_after_a_look_and_must_not_outlive_a_refusal(made: Made) -> None:
    plan = made.plan(found("a", "campaigns", SetNotNull(table=CAMPAIGNS, column="name")))
    check, validate, final = plan.changes
    assert check.obstacle is not None
    assert check.obstacle.found == "SELECT EXISTS (SELECT FROM public.campaigns WHERE name IS NULL)"
    assert "SELECT * FROM public.campaigns WHERE name IS NULL" in check.obstacle.message
    assert (check.retracts, validate.retracts, final.retracts) == (None, check.id, None)


def test_not_null_goes_on_with_its_own_check_from_a_run_that_was_broken_off(made: Made) -> None:
    campaigns = made.relations[1].oid
    made.constraints.append(
        Constraint(9, campaigns, "name_is_not_null", "c", (3,), False, "CHECK ((name IS NOT NULL)) NOT VALID")
    )
    plan = made.plan(found("a", "campaigns", SetNotNull(table=CAMPAIGNS, column="name")))
    assert "VALIDATE CONSTRAINT name_is_not_null" in plan.changes[1].sql[0]


def test_another_constraint_of_that_name_is_left_alone(made: Made) -> None:
    made.constraints.append(
        Constraint(9, made.relations[1].oid, "name_is_not_null", "c", (1,), True, "CHECK (true)")
    )
    plan = made.plan(found("a", "campaigns", SetNotNull(table=CAMPAIGNS, column="name")))
    assert "ADD CONSTRAINT name_is_not_null_1 " in plan.changes[0].sql[0]


def test_a_column_that_a_foreign_key_sets_to_null_stays_nullable(made: Made) -> None:
    notes = made.table("notes", "team_id bigint")
    made.foreign_key(notes, "team_id", made.relations[0].oid, "id", on_delete="n", name="notes_team")
    plan = made.plan(found("a", "notes", SetNotNull(table=Table("public", "notes"), column="team_id")))
    assert plan.changes == ()
    assert plan.skipped[0].what == "NOT NULL on notes.team_id"
    assert plan.skipped[0].why.startswith("notes_team sets it to null")


# --- foreign keys ---


def to_campaigns(name: str = "replies_fk") -> AddForeignKey:
    return AddForeignKey(
        table=Table("public", "replies"),
        name=name,
        columns=("team_id", "campaign_id"),
        parent=CAMPAIGNS,
        parent_columns=("team_id", "id"),
    )


def test_a_foreign_key_brings_the_unique_index_that_it_refers_to(made: Made) -> None:
    made.table("replies", "team_id bigint", "campaign_id bigint")
    plan = made.plan(found("tenant-fk-cross", "replies", to_campaigns()))
    assert ids(plan) == [
        "create-index:public.campaigns:idx_campaigns_team_id_id",
        "add-foreign-key:public.replies:replies_fk",
        "validate:public.replies:replies_fk",
    ]
    assert plan.changes[0].sql[0].startswith("CREATE UNIQUE INDEX CONCURRENTLY")
    assert plan.changes[1].requires == (plan.changes[0].id,)
    assert plan.changes[1].sql[0].endswith(" NOT VALID")


def test_no_index_where_there_is_one_in_any_order_of_columns(made: Made) -> None:
    made.table("replies", "team_id bigint", "campaign_id bigint")
    made.index(made.relations[1].oid, "by_id_team", "id", "team_id", unique=True)
    plan = made.plan(found("tenant-fk-cross", "replies", to_campaigns()))
    assert by_verb(plan, "create-index") == []
    assert plan.changes[0].requires == ()


def test_two_foreign_keys_never_share_a_name(made: Made) -> None:
    made.table("replies", "team_id bigint", "campaign_id bigint", "other_id bigint")
    other = msgspec.structs.replace(to_campaigns(), columns=("team_id", "other_id"))
    plan = made.plan(found("a", "replies", to_campaigns()), found("b", "replies", other))
    assert {change.id for change in by_verb(plan, "add-foreign-key")} == {
        "add-foreign-key:public.replies:replies_fk",
        "add-foreign-key:public.replies:replies_fk_1",
    }


def test_each_partition_gets_its_foreign_key_before_the_whole(made: Made) -> None:
    whole = made.table(
        "replies", "team_id bigint", "campaign_id bigint", kind="p", partition_key="LIST (team_id)"
    )
    made.partition(whole, "replies_1")
    made.partition(whole, "replies_2")
    plan = made.plan(found("tenant-fk-cross", "replies", to_campaigns()))
    adopted = change_of(plan, "add-foreign-key:public.replies:replies_fk")
    assert {"validate:public.replies_1:replies_fk", "validate:public.replies_2:replies_fk"} <= set(
        adopted.requires
    )
    assert "NOT VALID" not in adopted.sql[0]


def test_a_foreign_key_without_a_possible_target_is_left_out(made: Made) -> None:
    parent = made.table(
        "logs", "id bigint", "team_id bigint", "at date", kind="p", partition_key="RANGE (at)"
    )
    made.partition(parent, "logs_1")
    made.table("replies", "team_id bigint", "campaign_id bigint")
    wish = msgspec.structs.replace(to_campaigns(), parent=Table("public", "logs"))
    plan = made.plan(found("tenant-fk-cross", "replies", wish))
    assert plan.changes == ()
    assert {skipped.why for skipped in plan.skipped} == {
        "a unique index on a partitioned table must include the partition key",
        "the unique index that it refers to cannot be built",
    }


def test_one_validation_settles_all_who_ask_for_it(made: Made) -> None:
    validate = ValidateConstraint(table=CAMPAIGNS, name="c")
    plan = made.plan(
        found("a", "campaigns", validate, detail="c"), found("b", "campaigns", validate, priority=Priority.P0)
    )
    (change,) = plan.changes
    assert (change.findings, change.priority, change.undo) == (
        ("a:campaigns:c", "b:campaigns"),
        Priority.P0,
        (),
    )


def test_a_dropped_constraint_comes_back_without_a_long_lock(made: Made) -> None:
    key = made.foreign_key(made.relations[1].oid, "team_id", made.relations[0].oid, "id", name="again")
    drop = DropConstraint(table=CAMPAIGNS, name="again", definition=key.definition)
    (change,) = made.plan(found("fk-duplicate", "campaigns", drop)).changes
    assert change.undo == (
        "ALTER TABLE public.campaigns ADD CONSTRAINT again FOREIGN KEY (team_id) REFERENCES public.p(id) "
        "NOT VALID",
        "ALTER TABLE public.campaigns VALIDATE CONSTRAINT again",
    )
    assert not change.transactional


def test_a_constraint_is_dropped_after_what_replaces_it(made: Made) -> None:
    replies = made.table("replies", "team_id bigint", "campaign_id bigint")
    key = made.foreign_key(replies, "campaign_id", made.relations[1].oid, "id", name="old")
    drop = DropConstraint(table=Table("public", "replies"), name="old", definition=key.definition)
    plan = made.plan(found("tenant-fk-cross", "replies", to_campaigns(), drop))
    assert "validate:public.replies:replies_fk" in plan.changes[-1].requires


def test_a_unique_constraint_is_not_dropped(made: Made) -> None:
    drop = DropConstraint(table=CAMPAIGNS, name=f"pk_{made.relations[1].oid}", definition="PRIMARY KEY (id)")
    plan = made.plan(found("a", "campaigns", drop))
    assert plan.changes == ()
    assert "maintenance window" in plan.skipped[0].why


# --- the tenant column ---


def test_the_column_comes_with_all_that_holds_it(made: Made) -> None:
    plan = made.plan(missing(child(made, "executions", "campaigns")))
    assert ids(plan) == [
        "create-index:public.campaigns:idx_campaigns_team_id_id",
        "add-column:public.executions:team_id",
        "backfill:public.executions:team_id",
        "create-index:public.executions:idx_executions_team_id",
        "add-foreign-key:public.executions:executions_team_id_parent_id_fkey",
        "check-not-null:public.executions:team_id",
        "validate-not-null:public.executions:team_id",
        "set-not-null:public.executions:team_id",
        "validate:public.executions:executions_team_id_parent_id_fkey",
        "isolate:public.executions",
    ]
    isolate = plan.changes[-1]
    assert {"backfill:public.executions:team_id", "set-not-null:public.executions:team_id"} <= set(
        isolate.requires
    )
    assert plan.skipped == ()


def test_new_rows_are_filled_from_the_moment_that_the_column_is_there(made: Made) -> None:
    plan = made.plan(missing(child(made, "executions", "campaigns")))
    add = change_of(plan, "add-column:public.executions:team_id")
    assert add.transactional
    assert [text.split(" ", 2)[:2] for text in add.sql] == [
        ["ALTER", "TABLE"],
        ["CREATE", "FUNCTION"],
        ["CREATE", "TRIGGER"],
        ["CREATE", "TRIGGER"],
    ]


def test_a_child_of_a_child_comes_after_its_parent(made: Made) -> None:
    first = child(made, "executions", "campaigns")
    second = child(made, "events", "executions")
    plan = made.plan(missing(second, priority=Priority.P0), missing(first))
    order = ids(plan)
    assert order.index("backfill:public.executions:team_id") < order.index("add-column:public.events:team_id")
    check = change_of(plan, "check-not-null:public.events:team_id")
    assert "set-not-null:public.executions:team_id" in check.requires
    key = change_of(plan, "add-foreign-key:public.events:events_team_id_parent_id_fkey")
    assert "create-index:public.executions:idx_executions_team_id_id" in key.requires
    assert change_of(plan, "backfill:public.executions:team_id").priority is Priority.P0


def test_a_row_that_may_have_no_parent_may_have_no_tenant(made: Made) -> None:
    plan = made.plan(missing(child(made, "notes", "campaigns", nullable=True)))
    assert by_verb(plan, "check-not-null") == []
    assert plan.skipped[0].why == "parent_id may be null, and a row without a parent has no tenant"
    # What the composite key lets through, a plain one to the tenant table holds.
    change_of(plan, "validate:public.notes:notes_team_id_fkey")


def test_a_parent_that_may_have_no_tenant_leaves_the_child_nullable(made: Made) -> None:
    letters = made.table("letters", "id bigint not null", "team_id bigint")
    made.primary_key(letters, "id")
    remedy = child(made, "stamps", "letters")
    plan = made.plan(missing(remedy))
    assert by_verb(plan, "check-not-null") == []
    assert plan.skipped[0].why == "letters.team_id, from which it is filled, may be null"
    # Unless the plan sees to that first.
    mended = made.plan(
        missing(remedy), found("a", "letters", SetNotNull(table=remedy.parent, column="team_id"))
    )
    assert (
        "set-not-null:public.letters:team_id"
        in change_of(mended, "check-not-null:public.stamps:team_id").requires
    )


def test_a_child_of_the_tenant_table_needs_no_composite_key(made: Made) -> None:
    plan = made.plan(missing(child(made, "accounts", "teams", tenant="id")))
    key = change_of(plan, "add-foreign-key:public.accounts:accounts_team_id_fkey")
    assert "FOREIGN KEY (team_id) REFERENCES public.teams (id) ON UPDATE CASCADE" in key.sql[0]


def test_a_row_that_may_come_before_its_parent_may_have_no_tenant_yet(made: Made) -> None:
    deferred = "DEFERRABLE INITIALLY DEFERRED"
    remedy = msgspec.structs.replace(child(made, "notes", "campaigns"), deferral=deferred)
    plan = made.plan(missing(remedy))
    assert by_verb(plan, "check-not-null") == []
    assert plan.skipped[0].what == "NOT NULL on notes.team_id"
    assert "a row that comes before its parent has no tenant" in plan.skipped[0].why
    keys = by_verb(plan, "add-foreign-key")
    assert {key.id.rpartition(":")[2] for key in keys} == {
        "notes_team_id_parent_id_fkey",
        "notes_team_id_fkey",
    }
    for key in keys:
        assert f" {deferred} " in key.sql[0]


def test_the_key_to_the_tenants_waits_for_them_as_the_parents_does(made: Made) -> None:
    made.foreign_key(
        made.relations[1].oid,
        "team_id",
        made.relations[0].oid,
        "id",
        deferrable=True,
        definition="FOREIGN KEY (team_id) REFERENCES public.teams(id) DEFERRABLE INITIALLY DEFERRED",
    )
    plan = made.plan(missing(child(made, "notes", "campaigns", nullable=True)))
    to_teams = change_of(plan, "add-foreign-key:public.notes:notes_team_id_fkey")
    assert "DEFERRABLE INITIALLY DEFERRED" in to_teams.sql[0]


@pytest.mark.parametrize(("number", "full"), [(1599, False), (1600, True)])
def test_a_table_without_room_for_a_column_is_left_out(made: Made, number: int, full: bool) -> None:
    """Numbers of dropped columns are never given again."""
    remedy = child(made, "executions", "campaigns")
    made.columns.append(msgspec.structs.replace(made.columns[-1], number=number, name="last"))
    below = child(made, "events", "executions")
    plan = made.plan(missing(remedy), missing(below))
    assert bool(plan.changes) is not full
    assert [skipped.what for skipped in plan.skipped if skipped.what.startswith("column")] == (
        ["column team_id of executions", "column team_id of events"] if full else []
    )
    if full:
        assert plan.skipped[0].why.startswith("executions has 1,600 columns, dropped ones included")
        assert plan.skipped[1].why == "executions, from which it would be filled, has no team_id"


def test_a_partition_without_room_for_a_column_leaves_the_whole_out(made: Made) -> None:
    remedy = child(made, "executions", "campaigns")
    whole = made.relations[-1].oid
    made.relations[-1] = msgspec.structs.replace(made.relations[-1], kind="p", partition_key="LIST (id)")
    part = made.partition(whole, "executions_1")
    made.columns.append(msgspec.structs.replace(made.columns[-1], relation=part, number=1600, name="last"))
    plan = made.plan(missing(remedy))
    assert plan.changes == ()
    assert plan.skipped[0].why.startswith("executions_1 has 1,600 columns")


def test_set_null_leaves_the_tenant_alone(made: Made) -> None:
    remedy = msgspec.structs.replace(child(made, "notes", "campaigns", nullable=True), on_delete="SET NULL")
    key = change_of(made.plan(missing(remedy)), "add-foreign-key:public.notes:notes_team_id_parent_id_fkey")
    assert "ON DELETE SET NULL (parent_id)" in key.sql[0]


def test_set_null_of_some_columns_needs_version_15() -> None:
    old = Made(version=140_000)
    teams = old.table("teams", "id bigint not null")
    old.primary_key(teams, "id")
    campaigns = old.table("campaigns", "id bigint not null", "team_id bigint not null")
    old.primary_key(campaigns, "id")
    remedy = msgspec.structs.replace(child(old, "notes", "campaigns", nullable=True), on_delete="SET NULL")
    plan = old.plan(missing(remedy))
    assert ids(plan).count("add-foreign-key:public.notes:notes_team_id_fkey") == 1
    assert "needs PostgreSQL 15" in plan.skipped[-1].why


def test_without_a_primary_key_there_is_no_way_to_walk(made: Made) -> None:
    remedy = msgspec.structs.replace(child(made, "executions", "campaigns"), key_columns=())
    plan = made.plan(missing(remedy))
    assert plan.changes == ()
    assert plan.skipped[0].why == "the backfill walks the primary key, and the table has none"


def test_the_fill_triggers_sort_behind_those_of_the_application(made: Made) -> None:
    remedy = child(made, "executions", "campaigns")
    triggers = [
        Trigger(1, made.relations[-1].oid, name, 1, "O", f"CREATE TRIGGER {name} BEFORE UPDATE ON t")
        for name in ("set_parent", "zz_fill_team_id_insert")
    ]
    from tenfold.migrate.plan import plan

    snapshot = msgspec.structs.replace(made.snapshot, triggers=tuple(triggers))
    result = plan(snapshot, made.audit(missing(remedy)), made.config)
    add = change_of(result, "add-column:public.executions:team_id")
    assert "CREATE TRIGGER zz_fill_team_id_insert_1 BEFORE INSERT" in add.sql[2]
    backfill = change_of(result, "backfill:public.executions:team_id")
    assert backfill.note == "each row may fire the table's own triggers: set_parent, zz_fill_team_id_insert"


def test_roles_that_write_the_child_and_cannot_read_the_parent_are_named(made: Made) -> None:
    remedy = child(made, "executions", "campaigns")
    made.relations[-1] = msgspec.structs.replace(
        made.relations[-1], acl=("owner=arwd/owner", "worker=a/owner", "app=arw/owner")
    )
    made.relations[1] = msgspec.structs.replace(made.relations[1], acl=("owner=arwd/owner", "app=r/owner"))
    add = change_of(made.plan(missing(remedy)), "add-column:public.executions:team_id")
    assert add.note is not None
    assert "these may not yet: worker;" in add.note


def test_isolation_is_as_urgent_as_the_finding_that_asks_for_it(made: Made) -> None:
    remedy = child(made, "executions", "campaigns")
    off = found("tenant-rls-off", "executions", relation=made.relations[-1].oid, priority=Priority.P0)
    isolate = change_of(made.plan(missing(remedy), off), "isolate:public.executions")
    assert (isolate.priority, isolate.findings) == (Priority.P0, ("tenant-rls-off:executions",))


def test_the_childs_other_foreign_keys_include_the_tenant_too(made: Made) -> None:
    """Else the next audit would find them."""
    leads = made.table("leads", "id bigint not null", "team_id bigint not null")
    made.primary_key(leads, "id")
    remedy = child(made, "executions", "campaigns")
    executions = made.relations[-1].oid
    made.columns.append(msgspec.structs.replace(made.columns[-1], number=3, name="lead_id"))
    made.foreign_key(executions, "lead_id", leads, "id", name="executions_lead")
    replies = made.table("replies", "team_id bigint not null", "execution_id bigint not null")
    made.foreign_key(replies, "execution_id", executions, "id", name="replies_execution")
    plan = made.plan(missing(remedy))
    keys = {change.id: change for change in by_verb(plan, "add-foreign-key")}
    assert set(keys) == {
        "add-foreign-key:public.executions:executions_team_id_parent_id_fkey",
        "add-foreign-key:public.executions:executions_team_id_lead_id_fkey",
        "add-foreign-key:public.replies:replies_team_id_execution_id_fkey",
    }
    for key in keys.values():
        assert "backfill:public.executions:team_id" in key.requires


def test_keys_that_the_configuration_ignores_are_left_alone(made: Made) -> None:
    leads = made.table("leads", "id bigint not null", "team_id bigint not null")
    made.primary_key(leads, "id")
    remedy = child(made, "executions", "campaigns")
    made.columns.append(msgspec.structs.replace(made.columns[-1], number=3, name="lead_id"))
    made.foreign_key(made.relations[-1].oid, "lead_id", leads, "id", name="executions_lead")
    ignored = {"ignore": [{"rule": "tenant-fk-cross", "object": "executions", "reason": "shared leads"}]}
    made.config = msgspec.convert(ignored, type(made.config))
    assert len(by_verb(made.plan(missing(remedy)), "add-foreign-key")) == 1
