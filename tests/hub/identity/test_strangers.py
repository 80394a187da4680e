"""What whoever holds the application's connection learns of users: as little as a login needs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tenfold_hub.identity.passwords import FORM, Passwords
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.identity.test_access import PASSWORD, joined

#: Tables that the application has no right to, and the functions that it asks instead.
CLOSED = ("passwords", "failed_logins", "login_secret", "slugs")
OPENED = {"organization_named", "login_asked", "login_proved", "user_joined", "password_changed"}

# The default of a new function is that everybody may call it, and a view's that it reads as its owner.
_RIGHTS = """
SELECT format('%%I.%%I', n.nspname, c.relname), right_
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) right_
 WHERE n.nspname = 'identity' AND c.relname = ANY(%s) AND c.relkind <> 'i'
   AND has_any_column_privilege(%s, c.oid, right_)
UNION ALL
SELECT format('%%I.%%I', n.nspname, c.relname), right_
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
       unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) right_
 WHERE n.nspname = 'identity' AND c.relname = ANY(%s) AND c.relkind <> 'i'
   AND has_table_privilege(%s, c.oid, right_)
"""
_FUNCTIONS = """
SELECT p.proname, p.prosecdef, p.proowner::regrole::text, p.proconfig
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'identity' AND p.prorettype <> 'trigger'::regtype
   AND has_function_privilege(%s, p.oid, 'EXECUTE')
"""
_READABLE = """
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""

_WITHOUT_POLICIES = """
SELECT format('%%I.%%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND has_any_column_privilege(%s, c.oid, 'SELECT') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
   AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)
"""


@pytest.fixture
def leaked(settings: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session of the application's, in somebody else's hands."""
    with psycopg.connect(settings.database, autocommit=True, connect_timeout=30) as connection:
        yield connection


def set_to(connection: psycopg.Connection[tuple[object, ...]], organization: object) -> None:
    connection.execute("SELECT set_config('app.organization_id', %s, false)", [str(organization or "")])


def test_no_role_of_the_hub_but_its_owner_has_a_right_to_what_logins_are_proved_by(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        for role in set(ROLES.names) - {ROLES.owner}:
            tables = list(CLOSED)
            assert connection.execute(_RIGHTS, [tables, role, tables, role]).fetchall() == []
            found = connection.execute(_FUNCTIONS, [role]).fetchall()
            assert {name for name, *_ in found} == (OPENED if role == ROLES.application else set())
            for _, definer, by, settings in found:
                assert (definer, by) == (True, ROLES.owner)
                assert settings == ["search_path=pg_catalog, pg_temp"]
        assert connection.execute(_RIGHTS, [["users"], ROLES.application] * 2).fetchall() == [
            ("identity.users", "SELECT")
        ]


def test_what_is_of_no_organization_is_nobodys_to_read(owner: str) -> None:
    """A table without policies, which the audit takes for one of constants, is on this list or is a leak."""
    with psycopg.connect(owner) as connection:
        found = {
            (role, name)
            for role in set(ROLES.names) - {ROLES.owner}
            for (name,) in connection.execute(_WITHOUT_POLICIES, [role]).fetchall()
        }
    assert found == {
        (ROLES.application, "hub_migrations.migrations"),
        (ROLES.commerce, "hub_migrations.migrations"),
        # Who dispatches what: nothing of what is dispatched.
        (ROLES.dispatcher, "outbox.lanes"),
        (ROLES.dispatcher, "outbox.dispatchers"),
    }


async def test_users_are_shown_to_organizations_that_they_are_members_of(
    client: httpx.AsyncClient,
    other: httpx.AsyncClient,
    acme: Organization,
    globex: Organization,
    owner: str,
    leaked: psycopg.Connection[tuple[object, ...]],
) -> None:
    await joined(client, "ada@x.example")
    await joined(other, "eve@x.example")
    await joined(other, "mallory@x.example")
    await client.post("/invites", json={"email": "eve@x.example"})
    with psycopg.connect(owner) as connection:
        kept = connection.execute("SELECT verifier, email_normal FROM identity.passwords").fetchall()
    assert len(kept) == 3
    seen = {}
    for organization in (None, acme.id, globex.id):
        set_to(leaked, organization)
        row = leaked.execute("SELECT count(*) FROM identity.users").fetchone()
        seen[organization] = row and row[0]
        for (table,) in leaked.execute(_READABLE).fetchall():
            shown = leaked.execute(f"SELECT string_agg(t::text, '') FROM {table} AS t").fetchone() or ("",)  # type: ignore[arg-type]
            text = str(shown[0])
            assert not [each for each, _ in kept if each.hex() in text], table
            strange = {None: "x.example", acme.id: "mallory", globex.id: "ada@"}[organization]
            assert strange not in text, table
    assert seen == {None: 0, acme.id: 1, globex.id: 2}
    set_to(leaked, acme.id)
    for statement in (
        *(f"SELECT FROM identity.{table}" for table in CLOSED),
        *(f"DELETE FROM identity.{table}" for table in CLOSED),
        "INSERT INTO identity.users DEFAULT VALUES",
        "UPDATE identity.users SET password_changed_at = now()",
        "DELETE FROM identity.users",
        "DELETE FROM identity.memberships",
        "UPDATE identity.organizations SET slug = 'globex'",
        "UPDATE identity.organizations SET plan = 'gold'",
        "SELECT identity.keyed('account', 'ada@x.example')",
        "SELECT identity.login_failed('', '')",
        "SELECT identity.login_tried('', '', '', '', true)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            leaked.execute(statement)  # type: ignore[arg-type]


async def test_functions_answer_for_the_organization_that_is_set_and_tell_strangers_nothing(
    client: httpx.AsyncClient,
    other: httpx.AsyncClient,
    acme: Organization,
    globex: Organization,
    leaked: psycopg.Connection[tuple[object, ...]],
) -> None:
    user = (await joined(client, "ada@x.example"))["membership"]["user_id"]

    def asked(email: str) -> bytes:
        salt, wait = leaked.execute("SELECT * FROM identity.login_asked(%s, '')", [email]).fetchone() or ()
        assert isinstance(salt, bytes)
        assert (len(salt), wait) == (16, 0)
        return salt

    async def proved(organization: Organization, email: str, password: str = PASSWORD) -> object:
        set_to(leaked, organization.id)
        proof = await Passwords().proof(password, asked(email))
        statement = "SELECT member FROM identity.login_proved(%s, '', %s, %s)"
        return (leaked.execute(statement, [email, FORM, proof]).fetchone() or ("",))[0]

    before = asked("eve@x.example")
    assert before != asked("ada@x.example")
    await joined(other, "eve@x.example", password="another password")
    assert asked("eve@x.example") == before
    assert str(await proved(acme, "ada@x.example")) != "None"
    assert await proved(acme, "ada@x.example", "a wrong password") is None
    assert await proved(globex, "ada@x.example") is None
    assert await proved(acme, "eve@x.example", "another password") is None

    def named(slug: str) -> object:
        return (leaked.execute("SELECT identity.organization_named(%s)", [slug]).fetchone() or ("",))[0]

    assert [named(slug) for slug in ("acme", "globex", "%", "")] == [acme.id, globex.id, None, None]
    # An archived member proves nothing, and a guess of their password looks like any other.
    member = (await client.get("/memberships", params={"filter[user_id]": user})).json()["items"][0]["id"]
    await client.delete(f"/memberships/{member}")
    assert await proved(acme, "ada@x.example") is None
