"""Policies of a table as one change, the rights of the application's role, and what is undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tenfold.model.change import Lock, Phase
from tenfold.model.finding import Priority
from tenfold.model.relations import Column, Relation, Sequence
from tenfold.model.remedy import (
    AlterPolicy,
    CreatePolicy,
    DropPolicy,
    EnableRls,
    ForceRls,
    RevokeTable,
    Table,
)
from tenfold.model.roles import Membership
from tests.unit.migrate.schema import APPLICATION, OWNER, Made, by_verb, change_of, found, ids
from tests.unit.rules.build import role

MESSAGES = Table("public", "messages")
TENANT = CreatePolicy(table=MESSAGES, name="tenant_isolation", using="team_id = 1", check="team_id = 1")
ENABLE, FORCE = EnableRls(table=MESSAGES), ForceRls(table=MESSAGES)


@pytest.fixture
def made() -> Made:
    database = Made()
    database.table("messages", "id bigint not null", "team_id bigint not null")
    return database


def test_all_findings_of_a_table_are_one_transaction(made: Made) -> None:
    plan = made.plan(
        found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE, priority=Priority.P1),
        found("rls-not-forced", "messages", FORCE, priority=Priority.P0),
    )
    (change,) = plan.changes
    assert change.sql == (
        "CREATE POLICY tenant_isolation ON public.messages USING (team_id = 1) WITH CHECK (team_id = 1)",
        "ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.messages FORCE ROW LEVEL SECURITY",
    )
    assert change.undo == (
        "ALTER TABLE public.messages NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE public.messages DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation ON public.messages",
    )
    assert (change.transactional, change.lock, change.phase) == (True, Lock.ACCESS_EXCLUSIVE, Phase.ISOLATION)
    assert (change.priority, change.title) == (Priority.P0, "Isolate messages by team_id")
    assert change.note == "a session that has not set app.team_id sees none of its rows, and writes none"


def test_what_is_on_already_is_neither_done_nor_undone(made: Made) -> None:
    made.relations[0] = relation_with(made, rls_enabled=True)
    (change,) = made.plan(found("a", "messages", ENABLE, FORCE)).changes
    assert change.sql == ("ALTER TABLE public.messages FORCE ROW LEVEL SECURITY",)
    assert change.undo == ("ALTER TABLE public.messages NO FORCE ROW LEVEL SECURITY",)


def test_partitions_are_closed_with_their_root() -> None:
    made = Made()
    root = made.table("messages", "team_id bigint", kind="p")
    middle = made.partition(root, "messages_1", kind="p")
    made.partition(middle, "messages_1_a")
    made.partition(root, "elsewhere", kind="f")
    (change,) = made.plan(found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE)).changes
    enabled = [text.split()[2] for text in change.sql if "ENABLE" in text]
    assert enabled == ["public.messages", "public.messages_1", "public.messages_1_a"]
    assert len([text for text in change.sql if "FORCE" in text]) == 3


# --- changed policies ---


def alter(**fields: str) -> AlterPolicy:
    return AlterPolicy(table=MESSAGES, name="own", **fields)


def test_a_changed_policy_is_done_when_its_text_differs_and_undone_to_what_it_was(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="true", check="(team_id = 2)")
    (change,) = made.plan(found("a", "messages", alter(using="team_id = 1", old_using="true"))).changes
    assert change.title == "Mend the policies of messages"
    assert change.undo == ("ALTER POLICY own ON public.messages USING (true)",)
    assert "IS DISTINCT FROM 'true'" in change.done
    assert "set_config('search_path'" in change.done


def test_a_rewrite_to_our_setting_is_announced(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="(owner = CURRENT_USER)", check="true")
    ours = "team_id = (SELECT NULLIF(current_setting('app.team_id', true), '')::bigint)"
    (change,) = made.plan(found("a", "messages", alter(using=ours, check=ours))).changes
    assert change.title == (
        "Mend the policies of messages; USING of policy own goes by app.team_id, so far by current_user; "
        "WITH CHECK of policy own goes by app.team_id, so far by nothing of the session"
    )


def test_a_rewrite_that_goes_by_our_setting_as_before_is_not_announced(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="(team_id = (current_setting('app.team_id'))::bigint)")
    ours = "team_id = (SELECT NULLIF(current_setting('app.team_id', true), '')::bigint)"
    (change,) = made.plan(found("a", "messages", alter(using=ours))).changes
    assert change.title == "Mend the policies of messages"


def test_an_expression_that_was_gained_is_taken_away_by_making_the_policy_anew(made: Made) -> None:
    made.policy(
        made.relations[0].oid, "own", command="w", permissive=False, roles=(APPLICATION,), using="true"
    )
    (change,) = made.plan(found("a", "messages", alter(check="team_id = 1"))).changes
    assert change.undo == (
        "DROP POLICY own ON public.messages",
        "CREATE POLICY own ON public.messages AS RESTRICTIVE FOR UPDATE TO app USING (true)",
    )


def test_two_findings_change_different_parts_of_one_policy(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="true", check="true")
    (change,) = made.plan(
        found("a", "messages", alter(using="team_id = 1")), found("b", "messages", alter(check="team_id = 2"))
    ).changes
    assert change.sql == ("ALTER POLICY own ON public.messages USING (team_id = 1) WITH CHECK (team_id = 2)",)


def test_of_two_rewrites_the_whole_one_is_carried_out(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="true", check="true")
    plan = made.plan(
        found("part", "messages", alter(check="team_id = 3"), priority=Priority.P0),
        found("whole", "messages", alter(using="team_id = 1", check="team_id = 1")),
    )
    assert plan.changes[0].sql == (
        "ALTER POLICY own ON public.messages USING (team_id = 1) WITH CHECK (team_id = 1)",
    )
    assert [(skipped.findings, skipped.why) for skipped in plan.skipped] == [
        (("part:messages",), "another finding rewrites the same expression; audit again afterwards")
    ]


def test_a_policy_that_goes_is_not_changed_before(made: Made) -> None:
    made.policy(made.relations[0].oid, "own", using="true")
    was = CreatePolicy(table=MESSAGES, name="own", using="true")
    (change,) = made.plan(
        found("a", "messages", DropPolicy(table=MESSAGES, was=was)),
        found("b", "messages", alter(using="team_id = 1")),
    ).changes
    assert change.title == "Mend the policies of messages; policy own is dropped"
    assert change.sql == ("DROP POLICY own ON public.messages",)
    assert change.undo == ("CREATE POLICY own ON public.messages USING (true)",)


# --- rights ---


def granted(made: Made) -> tuple[str, ...]:
    made.application_role = "app"
    grants = by_verb(made.plan(found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE)), "grant")
    return grants[0].sql if grants else ()


def test_a_role_without_any_right_gets_those_on_rows(made: Made) -> None:
    assert granted(made) == ("GRANT SELECT, INSERT, UPDATE, DELETE ON public.messages TO app",)
    plan = made.plan(found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE))
    grant = change_of(plan, "grant:public:app")
    assert change_of(plan, "isolate:public.messages").requires == (grant.id,)
    assert grant.undo == ("REVOKE SELECT, INSERT, UPDATE, DELETE ON public.messages FROM app",)


@pytest.mark.parametrize("acl", ["app=r/owner", "=w/owner"])
def test_a_role_with_some_of_the_rights_keeps_just_those(made: Made, acl: str) -> None:
    made.relations[0] = relation_with(made, acl=("owner=arwdDxt/owner", acl))
    assert granted(made) == ()


def test_rights_that_come_by_membership_count(made: Made) -> None:
    made.roles.append(role(30, "writers", can_login=False))
    made.relations[0] = relation_with(made, acl=("writers=arwd/owner",))
    assert granted(made) != ()
    made.memberships.append(Membership(role=30, member=APPLICATION, admin=False))
    assert granted(made) == ()


@pytest.mark.parametrize("name", ["owner", "nobody"])
def test_no_grants_for_a_superuser_or_a_role_that_is_not_there(made: Made, name: str) -> None:
    made.application_role = name
    plan = made.plan(found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE))
    assert ids(plan) == ["isolate:public.messages"]


def test_one_table_is_one_table(made: Made) -> None:
    made.application_role = "app"
    (grant,) = by_verb(made.plan(found("tenant-rls-off", "messages", TENANT, ENABLE, FORCE)), "grant")
    assert grant.title == "Let app use 1 table of schema public"


def test_an_owner_needs_no_grant(made: Made) -> None:
    made.relations[0] = relation_with(made, owner=APPLICATION)
    assert granted(made) == ()


def test_a_closed_schema_and_a_serial_columns_sequence_are_opened(made: Made) -> None:
    made.schemas[0] = type(made.schemas[0])(oid=2200, name="public", owner=OWNER, acl=("owner=UC/owner",))
    oid = made.relations[0].oid
    made.columns.append(Column(oid, 3, "number", "integer", 23, "b", "N", True, default="nextval(...)"))
    made.columns.append(Column(oid, 4, "other", "integer", 23, "b", "N", True, identity="a"))
    made.sequences += [
        Sequence(7, "public", "numbers", OWNER, "integer", 1, 10, 1, False, relation=oid, column=3),
        Sequence(8, "public", "others", OWNER, "integer", 1, 10, 1, False, relation=oid, column=4),
    ]
    assert granted(made) == (
        "GRANT USAGE ON SCHEMA public TO app",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON public.messages TO app",
        "GRANT USAGE ON SEQUENCE public.numbers TO app",
    )


def test_a_revoke_gives_back_what_there_was(made: Made) -> None:
    made.relations[0] = relation_with(made, acl=("owner=arwd/owner", "=r/owner"))
    (change,) = made.plan(
        found("a", "messages", RevokeTable(table=MESSAGES, role="public", privileges=("SELECT", "TRUNCATE")))
    ).changes
    assert change.sql == ("REVOKE SELECT ON public.messages FROM PUBLIC",)
    assert change.undo == ("GRANT SELECT ON public.messages TO PUBLIC",)
    assert "a.grantee = 0" in change.done


def relation_with(made: Made, **fields: Any) -> Relation:
    return msgspec.structs.replace(made.relations[0], **fields)
