"""Migrating says in one line what is wrong, waits for nobody, and ends where the schema from scratch is."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.errors import ConnectError, LockTimeoutError, PrivilegeError, UsageError
from tenfold.pg.embedded import EmbeddedServer
from tenfold_hub.migrate import MigrationError, head, migrate, require_head, revisions
from tenfold_hub.roles import ROLES, Roles, create_roles

# Everything that could differ, of all but the server's own schemas.
_SCHEMA = """
SELECT 'column', format('%s.%s.%s', table_schema, table_name, column_name),
       concat_ws(' ', data_type, is_nullable, column_default, ordinal_position, collation_name)
  FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT 'constraint', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE conrelid <> 0
   AND connamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
UNION ALL
SELECT 'index', schemaname || '.' || indexname, indexdef FROM pg_indexes WHERE schemaname <> 'pg_catalog'
UNION ALL
SELECT 'policy', format('%s.%s.%s', schemaname, tablename, policyname),
       concat_ws(' ', permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL
SELECT 'table', oid::regclass::text,
       concat_ws(' ', relkind, relrowsecurity, relforcerowsecurity, relowner::regrole, relacl)
  FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
   AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                            'pg_toast'::regnamespace)
UNION ALL
SELECT 'function', oid::regprocedure::text, md5(concat_ws(' ', prosrc, prosecdef, proconfig, proacl))
  FROM pg_proc WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
ORDER BY 1, 2, 3
"""
_OF_ORGANIZATIONS = """
SELECT c.relnamespace::regnamespace::text, c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid
           AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.organization_id%')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
 WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped
 ORDER BY 1, 2
"""


def schema_of(dsn: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(_SCHEMA).fetchall()


def as_owner(dsn: str) -> str:
    return make_conninfo(dsn, user=ROLES.owner)


def test_step_by_step_ends_where_all_at_once_does(database: str, server: EmbeddedServer) -> None:
    create_roles(database)
    for revision in revisions():
        assert migrate(as_owner(database), to=revision) == revision
    at_once = server.create_database("all_at_once")
    try:
        create_roles(at_once)
        assert migrate(as_owner(at_once)) == head() == revisions()[-1]
        assert schema_of(database) == schema_of(at_once)
    finally:
        server.drop_database("all_at_once")


def test_a_second_time_changes_nothing_and_a_superuser_makes_what_the_owner_does(
    owner: str, database: str
) -> None:
    before = schema_of(owner)
    assert migrate(owner) == head()
    assert schema_of(owner) == before
    create_roles(database)
    migrate(database)
    assert schema_of(database) == before


def test_every_table_of_organizations_has_one_forced_policy(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        tables = connection.execute(_OF_ORGANIZATIONS).fetchall()
    assert len(tables) > 20
    assert [table for _, table, forced, _ in tables if not forced] == []
    # The application adds events, and reads none.
    assert [table for schema, table, _, policies in tables if policies != 1 and schema != "outbox"] == []


def test_the_number_of_statements_does_not_depend_on_the_number_of_organizations(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute(
            "INSERT INTO identity.organizations (id, slug, name)"
            " SELECT gen_random_uuid(), 'made-up-' || n, 'Made up' FROM generate_series(1, 5000) n"
        )
        per_organization = connection.execute(
            "SELECT count(*) FROM pg_namespace n JOIN identity.organizations o ON n.nspname = o.slug"
        ).fetchone()
    before = schema_of(owner)
    assert migrate(as_owner(owner)) == head()
    assert per_organization == (0,)
    assert schema_of(owner) == before


def test_no_roles(database: str) -> None:
    with pytest.raises(UsageError, match=r"there is no role nobody_owns; .*--create-roles"):
        migrate(database, Roles(owner="nobody_owns"))


def test_no_rights(database: str) -> None:
    create_roles(database)
    with pytest.raises(PrivilegeError, match="hub_app does not own the hub; migrate as hub_owner"):
        migrate(make_conninfo(database, user=ROLES.application))


def test_an_owner_that_may_create_no_schema(database: str) -> None:
    create_roles(database)
    with psycopg.connect(database) as connection:
        connection.execute(f'REVOKE CREATE ON DATABASE "{connection.info.dbname}" FROM {ROLES.owner}')
    with pytest.raises(PrivilegeError, match="permission denied for database"):
        migrate(as_owner(database))


def test_a_database_that_is_ahead_of_this_version(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("UPDATE hub_migrations.migrations SET version_num = '9999'")
    with pytest.raises(MigrationError, match="at 9999, which this version of the hub does not know"):
        migrate(as_owner(owner))
    application = make_conninfo(owner, user=ROLES.application)
    with psycopg.connect(application) as connection, pytest.raises(MigrationError, match="9999"):
        require_head(connection)


def test_a_database_without_a_hub(database: str) -> None:
    with psycopg.connect(database) as connection, pytest.raises(MigrationError, match="holds no hub"):
        require_head(connection)


def test_a_database_that_is_behind(database: str) -> None:
    create_roles(database)
    migrate(as_owner(database), to=revisions()[0])
    with (
        psycopg.connect(make_conninfo(database, user=ROLES.application)) as connection,
        pytest.raises(
            MigrationError, match=f"at {revisions()[0]}, and this version of the hub needs {head()}"
        ),
    ):
        require_head(connection)


def test_nobody_waits_behind_a_migration(database: str) -> None:
    create_roles(database)
    migrate(as_owner(database), to="0001")
    with psycopg.connect(database) as holding:
        holding.execute("LOCK TABLE identity.organizations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockTimeoutError):
            migrate(as_owner(database), lock_timeout=0.05)
    assert migrate(as_owner(database)) == head()


def test_two_at_once(database: str) -> None:
    create_roles(database)
    outcomes: list[object] = []

    def one() -> None:
        try:
            outcomes.append(migrate(as_owner(database)))
        except LockTimeoutError as error:
            outcomes.append(error.message)

    both = [threading.Thread(target=one) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert head() in outcomes
    assert all(outcome == head() or "another `tenfold hub migrate`" in str(outcome) for outcome in outcomes)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ConnectError, match=r"cannot connect: .*refused"):
        migrate("postgresql://127.0.0.1:1/none")


def test_what_is_no_dsn() -> None:
    with pytest.raises(UsageError, match="this is no DSN"):
        migrate("postgresql://[::")
