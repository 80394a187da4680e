"""Index wishes: none built twice, none dropped that is needed."""

from __future__ import annotations

import pytest

from tenfold.model.activity import IndexBuild
from tenfold.model.finding import Priority
from tenfold.model.relations import Constraint
from tenfold.model.remedy import CreateIndex, Key, RebuildIndex, Table
from tests.unit.migrate.schema import Made, by_verb, change_of, found, ids, unwish, wish


@pytest.fixture
def made() -> Made:
    database = Made()
    database.table("messages", "id bigint not null", "team_id bigint not null", "status text", "sent date")
    return database


def messages(made: Made) -> int:
    return made.relations[0].oid


def test_a_composite_replaces_the_single_column_that_it_covers(made: Made) -> None:
    plan = made.plan(
        found("tenant-index-missing", "messages", wish("messages", "team_id"), priority=Priority.P0),
        found("query-slow", "messages", wish("messages", "team_id", "status")),
    )
    (change,) = plan.changes
    assert change.id == "create-index:public.messages:idx_messages_team_id_status"
    assert change.priority is Priority.P0
    assert change.findings == ("query-slow:messages", "tenant-index-missing:messages")
    (skipped,) = plan.skipped
    assert skipped.findings == ("tenant-index-missing:messages",)
    assert skipped.what == "index on messages (team_id)"
    assert skipped.why == "the new index on messages (team_id, status) covers it"


def test_the_same_wish_of_two_findings_is_one_change_with_both(made: Made) -> None:
    plan = made.plan(
        found("a", "messages", wish("messages", "team_id"), priority=Priority.P1),
        found("b", "messages", wish("messages", "team_id"), priority=Priority.P0),
    )
    (change,) = plan.changes
    assert (change.priority, change.findings) == (Priority.P0, ("a:messages", "b:messages"))
    assert plan.skipped == ()


def test_an_index_that_is_there_is_not_built_again(made: Made) -> None:
    made.index(messages(made), "by_team", "team_id", "status")
    plan = made.plan(found("tenant-index-missing", "messages", wish("messages", "team_id")))
    assert plan.changes == ()
    assert plan.skipped[0].why == "by_team serves it"


@pytest.mark.parametrize(
    "fields",
    [
        {"valid": False},
        {"predicate": "(status = 'open'::text)"},
        {"opclasses": (2,)},
        {"method": "hash"},
        {"definition": 'CREATE INDEX by_team ON public.messages USING btree (team_id COLLATE "C")'},
    ],
)
def test_an_index_that_does_not_serve_is_no_reason_to_do_without(made: Made, fields: dict) -> None:
    made.index(messages(made), "by_team", "team_id", **fields)
    plan = made.plan(found("tenant-index-missing", "messages", wish("messages", "team_id")))
    assert ids(plan) == ["create-index:public.messages:idx_messages_team_id"]


def test_included_columns_are_no_keys(made: Made) -> None:
    made.index(messages(made), "by_team", "team_id", "status", key_count=1, opclasses=(1,), option_bits=(0,))
    plan = made.plan(found("a", "messages", wish("messages", "team_id", "status")))
    assert "create-index:public.messages:idx_messages_team_id_status" in ids(plan)


def test_an_index_that_is_being_built_is_waited_for(made: Made) -> None:
    index = made.index(messages(made), "by_team", "team_id", valid=False)
    made.index_builds.append(IndexBuild(messages(made), index.oid, "CREATE INDEX CONCURRENTLY", "building"))
    plan = made.plan(found("tenant-index-missing", "messages", wish("messages", "team_id")))
    assert plan.changes == ()
    assert plan.skipped[0].why == "by_team is being built and will serve it"


def test_a_rebuilt_index_serves(made: Made) -> None:
    made.index(messages(made), "by_team", "team_id", valid=False)
    rebuild = RebuildIndex(table=Table("public", "messages"), name="by_team")
    plan = made.plan(
        found("index-invalid", "messages", rebuild, detail="by_team"),
        found("tenant-index-missing", "messages", wish("messages", "team_id")),
    )
    assert ids(plan) == ["rebuild-index:public.messages:by_team"]


def test_the_leftover_of_a_killed_build_gives_its_name(made: Made) -> None:
    made.index(messages(made), "idx_messages_team_id", "team_id", valid=False)
    plan = made.plan(found("tenant-index-missing", "messages", wish("messages", "team_id")))
    assert plan.changes[0].index == ("public", "idx_messages_team_id")


def test_another_index_of_the_wished_name_keeps_it(made: Made) -> None:
    made.index(messages(made), "idx_messages_team_id", "status")
    plan = made.plan(found("tenant-index-missing", "messages", wish("messages", "team_id")))
    assert plan.changes[0].index == ("public", "idx_messages_team_id_1")


# --- dropping ---


def test_a_redundant_index_waits_for_the_one_that_makes_it_so(made: Made) -> None:
    old = made.index(messages(made), "by_team", "team_id")
    plan = made.plan(
        found("index-prefix-redundant", "messages", unwish("messages", old), detail="by_team"),
        found("query-slow", "messages", wish("messages", "team_id", "status")),
    )
    drop = change_of(plan, "drop-index:public.messages:by_team")
    assert drop.requires == ("create-index:public.messages:idx_messages_team_id_status",)
    assert drop.undo == ("CREATE INDEX CONCURRENTLY by_team ON public.t USING btree (team_id)",)
    assert drop.estimate.bytes == -80_000


def test_a_redundant_index_stays_where_nothing_covers_it(made: Made) -> None:
    old = made.index(messages(made), "by_team", "team_id")
    made.index(messages(made), "by_team_status", "team_id", "status", valid=False)
    plan = made.plan(found("index-prefix-redundant", "messages", unwish("messages", old)))
    assert plan.changes == ()
    assert (plan.skipped[0].what, plan.skipped[0].why) == ("drop of by_team", "no other index does its work")


def test_of_two_duplicates_one_stays(made: Made) -> None:
    one = made.index(messages(made), "one", "status")
    two = made.index(messages(made), "two", "status")
    plan = made.plan(
        found("index-duplicate", "messages", unwish("messages", one), detail="one"),
        found("index-duplicate", "messages", unwish("messages", two), detail="two"),
    )
    assert len(by_verb(plan, "drop-index")) == 1


def test_what_a_new_index_makes_redundant_goes_after_it(made: Made) -> None:
    made.index(messages(made), "by_team", "team_id")
    plan = made.plan(found("query-slow", "messages", wish("messages", "team_id", "status")))
    drop = change_of(plan, "drop-index:public.messages:by_team")
    assert drop.requires == ("create-index:public.messages:idx_messages_team_id_status",)
    assert (drop.priority, drop.findings) == (Priority.P2, ())
    assert drop.note == "the new index makes it redundant"


@pytest.mark.parametrize(
    "fields",
    [
        {"unique": True},
        {"predicate": "(sent IS NULL)"},
        {"replica_identity": True},
        {"clustered": True},
        {"constraint": 77},
    ],
)
def test_an_index_with_another_purpose_is_not_dropped_unasked(made: Made, fields: dict) -> None:
    made.index(messages(made), "by_team", "team_id", **fields)
    plan = made.plan(found("query-slow", "messages", wish("messages", "team_id", "status")))
    assert by_verb(plan, "drop-index") == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"constraint": 77}, "it belongs to a constraint; drop that"),
        ({"parent": 78}, "it is a part of a partitioned index; drop that"),
        ({"replica_identity": True}, "logical replication tells rows apart by it"),
    ],
)
def test_what_the_server_holds_on_to_is_not_dropped(made: Made, fields: dict, why: str) -> None:
    index = made.index(messages(made), "by_status", "status", **fields)
    plan = made.plan(found("index-unused", "messages", unwish("messages", index)))
    assert plan.changes == ()
    assert plan.skipped[0].why == why


def test_the_target_of_a_foreign_key_is_not_dropped(made: Made) -> None:
    index = made.index(messages(made), "by_id", "id", unique=True)
    replies = made.table("replies", "message_id bigint")
    made.foreign_key(replies, "message_id", messages(made), "id")
    plan = made.plan(found("index-unused", "messages", unwish("messages", index)))
    assert plan.changes == ()
    assert plan.skipped[0].why == "a foreign key refers to its columns"


def test_the_last_index_of_the_tenant_column_stays_however_unused(made: Made) -> None:
    index = made.index(messages(made), "by_team", "team_id")
    plan = made.plan(found("index-unused", "messages", unwish("messages", index)))
    assert plan.changes == ()
    assert plan.skipped[0].why == "it is the only index for the tenant column"


def test_the_last_index_of_a_foreign_key_stays_until_another_serves_it(made: Made) -> None:
    statuses = made.table("statuses", "name text")
    made.foreign_key(messages(made), "status", statuses, "name", name="status_fk")
    index = made.index(messages(made), "by_status", "status")
    unused = found("index-unused", "messages", unwish("messages", index))
    assert made.plan(unused).skipped[0].why == "it is the only index for the foreign key status_fk"
    drop = made.plan(unused, found("a", "messages", wish("messages", "status", "sent"))).changes[-1]
    assert drop.requires == ("create-index:public.messages:idx_messages_status_sent",)


def test_what_is_replaced_goes_after_what_replaces_it(made: Made) -> None:
    old = made.index(messages(made), "by_sent", "sent")
    partial = wish("messages", "sent", where="sent IS NOT NULL")
    plan = made.plan(found("index-null-heavy", "messages", partial, unwish("messages", old)))
    assert ids(plan) == [
        "create-index:public.messages:idx_messages_sent",
        "drop-index:public.messages:by_sent",
    ]
    assert plan.changes[1].requires == (plan.changes[0].id,)


def test_an_index_that_one_finding_drops_and_another_wants_stays(made: Made) -> None:
    old = made.index(messages(made), "by_sent", "sent")
    plan = made.plan(
        found("index-unused", "messages", unwish("messages", old)),
        found("query-slow", "messages", wish("messages", "sent")),
    )
    assert plan.changes == ()
    assert {skipped.why for skipped in plan.skipped} == {
        "another finding asks for an index on messages (sent)",
        "by_sent serves it",
    }


def test_an_invalid_index_is_dropped_without_more_ado(made: Made) -> None:
    broken = made.index(messages(made), "broken", "status", valid=False)
    plan = made.plan(found("index-invalid", "messages", unwish("messages", broken)))
    assert ids(plan) == ["drop-index:public.messages:broken"]


def test_an_exclusion_constraints_index_is_not_rebuilt_concurrently(made: Made) -> None:
    index = made.index(messages(made), "no_overlap", "sent", exclusion=True)
    made.constraints.append(Constraint(9, messages(made), "no_overlap", "x", (4,), True, "", index=index.oid))
    rebuild = RebuildIndex(table=Table("public", "messages"), name="no_overlap")
    plan = made.plan(found("index-bloat", "messages", rebuild))
    assert plan.changes == ()
    assert "exclusion" in plan.skipped[0].why


def test_a_rebuild_is_done_when_the_name_has_another_oid(made: Made) -> None:
    index = made.index(messages(made), "by_status", "status")
    rebuild = RebuildIndex(table=Table("public", "messages"), name="by_status")
    (change,) = made.plan(found("index-bloat", "messages", rebuild)).changes
    assert f"indexrelid <> {index.oid}" in change.done


def test_an_expression_is_told_from_a_column(made: Made) -> None:
    made.index(
        messages(made), "lower_status", "status", columns=(0,), expressions=("lower(status)",), depends=(3,)
    )
    lower = CreateIndex(table=Table("public", "messages"), keys=(Key(expression="lower(status)"),))
    plan = made.plan(found("a", "messages", lower), found("b", "messages", wish("messages", "status")))
    assert ids(plan) == ["create-index:public.messages:idx_messages_status"]
    assert plan.skipped[0].why == "lower_status serves it"
