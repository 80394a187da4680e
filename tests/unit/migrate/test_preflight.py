"""What is said before row-level security is switched on."""

from __future__ import annotations

import ast

import msgspec
import pytest

from tenfold.migrate.preflight import Connecting, Preflight, preflight
from tenfold.migrate.snippets import snippets
from tenfold.model.audit import Audit
from tenfold.model.finding import Ignored
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
