"""What is said before row-level security is switched on."""

from __future__ import annotations

import ast

import msgspec
import pytest

from tenfold.migrate.preflight import preflight
from tenfold.migrate.snippets import snippets
from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Ignored
from tenfold.model.preflight import Connecting, MayBeNull, Preflight
from tenfold.model.relations import ColumnStatistics
from tenfold.model.remedy import AlterPolicy, CreatePolicy, DropPolicy, Table
from tenfold.model.roles import Membership
from tenfold.model.snapshot import Hidden, Snapshot
from tests.unit.migrate.schema import APPLICATION, Made, found
from tests.unit.rules.build import PG_STAT_STATEMENTS, connections, role, statement


@pytest.fixture
def made() -> Made:
    database = Made()
    database.table("messages", "team_id bigint")
    return database


def look(made: Made, audit: Audit | None = None, **fields: object) -> Preflight:
    snapshot: Snapshot = msgspec.structs.replace(made.snapshot, **fields)
    return preflight(snapshot, audit or made.audit())


def only(result: Preflight) -> Connecting:
    (connecting,) = result.roles
    return connecting


# --- roles ---


def test_a_role_that_owns_nothing_is_bound(made: Made) -> None:
    result = look(made, connections=(connections(3), connections(2, application="worker")))
    assert only(result) == Connecting(
        role="app",
        connections=5,
        applications=("web", "worker"),
        exists=True,
        bound=True,
        owns=(),
        meaning="bound",
    )
    assert result.warnings == ()


def test_a_superuser_is_told_that_it_does_nothing(made: Made) -> None:
    result = look(made, connections=(connections(1, role="owner"),))
    assert not only(result).bound
    assert result.warnings == ("owner: row-level security would do nothing for it: it is a superuser",)


def test_so_is_who_may_become_one_that_bypasses_it(made: Made) -> None:
    made.roles.append(role(30, "maintenance", bypass_rls=True))
    made.memberships.append(Membership(role=30, member=APPLICATION, admin=False, inherits=False))
    assert only(look(made, connections=(connections(1),))).meaning.endswith(
        "it may SET ROLE to maintenance, which has BYPASSRLS"
    )


def test_an_owner_is_bound_and_advised(made: Made) -> None:
    made.relations[0] = msgspec.structs.replace(made.relations[0], owner=APPLICATION)
    connecting = only(look(made, connections=(connections(1),)))
    assert (connecting.bound, connecting.owns) == (True, ("messages",))
    assert "it owns 1 of the tables; connect as a role that owns none" in connecting.meaning


def test_the_configured_role_is_looked_at_though_nobody_is_connected(made: Made) -> None:
    made.application_role = "app"
    result = look(made)
    assert (only(result).connections, only(result).bound) == (0, True)
    made.application_role = "nobody"
    assert "there is no such role" in look(made).warnings[0]


def test_people_and_other_databases_are_left_out(made: Made) -> None:
    others = (
        connections(1, application="psql"),
        connections(1, application="pg_dump"),
        connections(1, database="elsewhere"),
        connections(1, role=None),
    )
    result = look(made, connections=others)
    assert result.roles == ()
    assert "nobody can be checked" in result.warnings[0]


# --- statements ---


def test_statements_without_a_tenant_are_listed_also_where_they_are_ignored(made: Made) -> None:
    one = found("query-missing-tenant-filter", "messages", detail="inbox")
    two = found("query-missing-tenant-filter", "messages", detail="export")
    audit = msgspec.structs.replace(made.audit(one, found("other", "x")), ignored=(Ignored(two, "known"),))
    result = look(made, audit)
    assert [each.statement for each in result.unbound] == ["inbox", "export"]
    assert "2 statements name no tenant" in result.warnings


@pytest.mark.parametrize(
    ("texts", "sets"),
    [
        ((), None),
        (("SELECT * FROM messages",), False),
        (("SELECT * FROM messages", "SELECT set_config($1, $2, $3)"), True),
        (("SET LOCAL app.team_id = $1",), True),
    ],
)
def test_whether_a_statement_sets_the_tenant(made: Made, texts: tuple[str, ...], sets: bool | None) -> None:
    result = look(made, statements=tuple(statement(text) for text in texts), **PG_STAT_STATEMENTS)
    assert result.sets_tenant is sets
    assert any("every table would look empty" in warning for warning in result.warnings) is (sets is False)


# --- what was not seen ---


def test_what_was_hidden_is_said(made: Made) -> None:
    hidden = (
        Hidden("connections", "pg_read_all_stats is not granted"),
        Hidden("sizes", "locked", relation=1),
    )
    assert look(made, hidden=hidden, **PG_STAT_STATEMENTS).unknown == (
        "other roles may connect: pg_read_all_stats is not granted",
    )
    assert look(made).unknown == (
        "statements that name no tenant may run: pg_stat_statements is not installed",
    )


# --- snippets ---


@pytest.mark.parametrize("setting", ["app.team_id", "odd\"\\'name"])
def test_snippets_are_python_and_name_the_setting(setting: str) -> None:
    told = snippets(setting)
    assert set(told) == {"SQLAlchemy", "Django", "psycopg"}
    for code in told.values():
        assert setting in {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}


def test_it_says_what_the_application_must_set(made: Made) -> None:
    result = look(made)
    assert (result.setting, result.column) == ("app.team_id", "team_id")
    assert result.snippets == snippets("app.team_id")


# --- rows of nobody ---


def test_a_tenant_column_that_may_be_null_is_named_with_the_share_and_the_query(made: Made) -> None:
    messages = made.relations[0].oid
    audit = made.audit(found("tenant-column-nullable", "messages", relation=messages))
    (unknown,) = look(made, audit).may_be_null
    assert unknown == MayBeNull(
        table="messages",
        column="team_id",
        share=None,
        has_policies=False,
        count="SELECT count(*) FROM public.messages WHERE team_id IS NULL",
    )
    made.statistics.append(
        ColumnStatistics(
            relation=messages, number=1, inherited=False, null_frac=0.125, avg_width=8, n_distinct=3
        )
    )
    made.policy(messages, "own", using="(team_id IS NULL)")
    result = look(made, audit)
    assert [(each.share, each.has_policies) for each in result.may_be_null] == [(0.125, True)]
    assert "1 tenant column may be null: no tenant would see a row where it is" in result.warnings


def test_rows_of_nobody_are_told_of_also_where_the_finding_is_ignored(made: Made) -> None:
    finding = found("tenant-column-nullable", "messages", relation=made.relations[0].oid)
    audit = msgspec.structs.replace(made.audit(), ignored=(Ignored(finding, "known"),))
    assert [each.table for each in look(made, audit).may_be_null] == ["messages"]


# --- policies that go by something else ---

OURS = "(team_id = (NULLIF(current_setting('app.team_id'::text, true), ''::text))::bigint)"


def outcomes(made: Made, *findings: Finding) -> dict[str, str]:
    return {each.policy: each.outcome for each in look(made, made.audit(*findings)).other_mechanisms}


def test_a_policy_on_our_setting_is_not_told_of(made: Made) -> None:
    made.policy(made.relations[0].oid, "ours", using=OURS)
    assert outcomes(made) == {}


def test_a_policy_on_something_else_is_left_alone_and_that_is_said(made: Made) -> None:
    made.policy(made.relations[0].oid, "theirs", using="(owner = CURRENT_USER)")
    result = look(made)
    (other,) = result.other_mechanisms
    assert (other.table, other.policy, other.permissive) == ("messages", "theirs", True)
    assert other.mechanism == "current_user"
    assert other.outcome.startswith("the plan leaves it alone, so that app.team_id does not isolate")
    assert "1 policy goes by something else than app.team_id" in result.warnings


def test_permissive_policies_widen_one_another(made: Made) -> None:
    made.policy(made.relations[0].oid, "theirs", using="(owner = CURRENT_USER)")
    made.policy(made.relations[0].oid, "ours", using=OURS)
    expected = {
        "theirs": "permissive policies are ORed: it and ours on app.team_id each widen what the other lets in"
    }
    assert outcomes(made) == expected


def test_a_policy_that_the_plan_adds_counts_as_standing(made: Made) -> None:
    made.policy(made.relations[0].oid, "theirs", using="(owner = CURRENT_USER)")
    table = Table("public", "messages")
    beside = CreatePolicy(table=table, name="tenant_isolation", using=OURS)
    assert (
        "it and tenant_isolation on app.team_id" in outcomes(made, found("a", "messages", beside))["theirs"]
    )
    wall = CreatePolicy(table=table, name="tenant_isolation_only", permissive=False, using=OURS)
    said = outcomes(made, found("a", "messages", beside, wall))["theirs"]
    assert said.startswith("ANDed with the restrictive policy tenant_isolation_only on app.team_id")
    elsewhere = msgspec.structs.replace(wall, table=Table("public", "leads"))
    assert outcomes(made, found("a", "leads", elsewhere))["theirs"].startswith("the plan leaves it alone")


def test_a_restrictive_policy_must_be_passed_as_well(made: Made) -> None:
    made.policy(made.relations[0].oid, "theirs", permissive=False, using="(owner = CURRENT_USER)")
    assert outcomes(made)["theirs"].startswith("restrictive policies are ANDed")


def test_the_same_for_everybody_behind_a_wall_is_a_form_that_isolates(made: Made) -> None:
    made.policy(made.relations[0].oid, "everything", using="true")
    assert set(outcomes(made)) == {"everything"}
    made.policy(made.relations[0].oid, "wall", permissive=False, using=OURS)
    made.policy(made.relations[0].oid, "alive", permissive=False, using="(deleted_at IS NULL)")
    assert outcomes(made) == {}


def test_a_policy_that_goes_by_our_setting_in_part(made: Made) -> None:
    made.policy(made.relations[0].oid, "half", using=OURS, check="true")
    made.policy(made.relations[0].oid, "also_theirs", using=OURS, check="(owner = CURRENT_USER)")
    rewrite = AlterPolicy(table=Table("public", "messages"), name="half", check=OURS, old_check="true")
    told = look(made, made.audit(found("a", "messages", rewrite))).other_mechanisms
    assert [(each.policy, each.mechanism) for each in told] == [
        ("also_theirs", "current_user besides app.team_id"),
        ("half", "app.team_id in one expression only"),
    ]


def test_a_policy_without_an_expression_lets_nothing_in(made: Made) -> None:
    made.policy(made.relations[0].oid, "nothing")
    assert outcomes(made) == {}


def test_what_the_plan_rewrites_or_drops_is_said(made: Made) -> None:
    made.policy(made.relations[0].oid, "everything", using="true")
    table = Table("public", "messages")
    rewrite = AlterPolicy(table=table, name="everything", using=OURS, old_using="true")
    assert outcomes(made, found("a", "messages", rewrite))["everything"].startswith(
        "the plan rewrites its USING to compare with app.team_id"
    )
    made.policy(made.relations[0].oid, "wall", permissive=False, using=OURS)
    assert "the plan rewrites" in outcomes(made, found("a", "messages", rewrite))["everything"]
    drop = DropPolicy(table=table, was=CreatePolicy(table=table, name="everything", using="true"))
    assert outcomes(made, found("a", "messages", drop))["everything"].startswith("the plan drops it")
