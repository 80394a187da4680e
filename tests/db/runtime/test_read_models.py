"""Read models on real servers: what a tenant, an attacker, two processes and a dying server make of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import create_engine

from tenfold.errors import DatabaseUnavailableError, ReadModelError, UsageError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.read_models import Limits, ReadModel, Refresher
from tests.conftest import patient
from tests.db.runtime.pages import names_of
from tests.waiting import until

ORDERS = """
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id bigint NOT NULL, person_id bigint NOT NULL, total integer NOT NULL);
INSERT INTO orders (organization_id, person_id, total)
  SELECT 7 + n % 2, n / 4, 10 FROM generate_series(0, 4000) n;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (organization_id = current_setting('app.tenant_id')::bigint);
GRANT CREATE ON SCHEMA public TO public;
"""
CUSTOMERS = ReadModel(
    name="customer_summary",
    query="""
      SELECT organization_id, person_id, count(*) AS orders, sum(total) AS spent
        FROM public.orders GROUP BY 1, 2; -- one row a customer""",
    tenant_column="organization_id",
    key=("organization_id", "person_id"),
    indexes=(("spent",),),
)
STORED = CUSTOMERS.names.stored
RECORD = "tenfold_read_models.model"
#: Locks of other databases are other tests'.
LOCKS = "FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"

on_old_and_new = pytest.mark.servers(15, 18)


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, to change and see what is so."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ORDERS)
        yield connection


@pytest.fixture
def owner(database: str, admin: psycopg.Connection[Any]) -> Iterator[str]:
    """The role that owns read models, and that no policy binds; its connection string."""
    name = f"owner_{secrets.token_hex(6)}"
    admin.execute(f"CREATE ROLE {name} LOGIN BYPASSRLS; GRANT SELECT ON orders TO {name}")
    admin.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
            sql.Identifier(admin.info.dbname), sql.Identifier(name)
        )
    )
    yield make_conninfo(database, user=name)
    admin.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


@pytest.fixture
def app(database: str, admin: psycopg.Connection[Any], role: str) -> str:
    """The application's connection string."""
    admin.execute(f"GRANT ALL ON orders TO {role}")
    return make_conninfo(database, user=role)


@pytest.fixture
def installed(owner: str, app: str, role: str) -> ReadModel:
    install(owner, CUSTOMERS, role)
    return CUSTOMERS


@pytest.fixture
async def keeper(owner: str, driver: Any) -> AsyncIterator[Database]:
    async with Database(owner, driver=driver, accept_unsafe_role=True) as db:
        yield db


@pytest.fixture
async def reader(app: str, driver: Any) -> AsyncIterator[Database]:
    async with Database(app, driver=driver) as db:
        yield db


@pytest.fixture
async def refresher(installed: ReadModel, keeper: Database) -> AsyncIterator[Refresher]:
    """Without a schedule of its own."""
    async with Refresher(keeper, [installed], scheduled=False) as refresher:
        yield refresher


def install(dsn: str, model: ReadModel, role: str, **how: Any) -> None:
    """As psql does: each statement by itself."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in model.install_sql(readers=[role], **how):
            connection.execute(statement.encode())


def changed(model: ReadModel, **fields: Any) -> ReadModel:
    return msgspec.structs.replace(model, **fields)


def recorded(admin: psycopg.Connection[Any], field: str) -> Any:
    (value,) = admin.execute(f"SELECT {field} FROM {RECORD}".encode()).fetchone() or ("nothing",)
    return value


def make_due(admin: psycopg.Connection[Any]) -> None:
    admin.execute(f"UPDATE {RECORD} SET refreshed_at = now() - interval '1 day'".encode())


@contextlib.contextmanager
def held(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Refreshes wait for the table meanwhile."""
    with psycopg.connect(admin.info.dsn) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield


def waits_for_table(admin: psycopg.Connection[Any], count: int = 1) -> Callable[[], bool]:
    query = f"SELECT count(*) = %s {LOCKS} WHERE NOT granted AND relation = 'orders'::regclass"
    return lambda: bool((admin.execute(query.encode(), [count]).fetchone() or [0])[0])


def waits_for_turn(admin: psycopg.Connection[Any], count: int) -> Callable[[], bool]:
    query = f"SELECT count(*) = %s {LOCKS} WHERE NOT granted AND locktype = 'advisory'"
    return lambda: bool((admin.execute(query.encode(), [count]).fetchone() or [0])[0])


# --- what a tenant sees -------------------------------------------------------------------------------


@on_old_and_new
async def test_a_tenant_sees_its_own_rows_alone(installed: ReadModel, reader: Database) -> None:
    async with reader.tenant(7) as session:
        rows = await session.fetch("SELECT organization_id, person_id, orders, spent FROM customer_summary")
    assert {row["organization_id"] for row in rows} == {7}
    assert len(rows) == 1001
    async with reader.tenant(9) as session:
        assert await session.fetch("SELECT * FROM customer_summary") == []


@on_old_and_new
async def test_who_is_no_tenant_sees_nothing(installed: ReadModel, app: str) -> None:
    with psycopg.connect(app, autocommit=True) as connection:
        assert connection.execute("SELECT FROM customer_summary").fetchall() == []
        connection.execute("SET app.tenant_id = ''")
        assert connection.execute("SELECT FROM customer_summary").fetchall() == []
        connection.execute("SET app.tenant_id = 'garbage'")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT FROM customer_summary")


@on_old_and_new
async def test_the_application_reads_nothing_but_the_view(installed: ReadModel, app: str) -> None:
    with psycopg.connect(app, autocommit=True) as connection:
        for forbidden in (f"SELECT FROM {STORED}", f"SELECT FROM {RECORD}", f"TABLE {STORED}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())
        seen = connection.execute(
            "SELECT FROM pg_stats WHERE schemaname = 'tenfold_read_models' OR tablename LIKE 'customer%'"
        )
        assert seen.fetchall() == []


async def test_statistics_that_the_application_does_not_see_are_there(
    installed: ReadModel, admin: psycopg.Connection[Any]
) -> None:
    seen = admin.execute("SELECT FROM pg_stats WHERE tablename = %s", [installed.names.storage])
    assert len(seen.fetchall()) == 4


@on_old_and_new
async def test_rights_that_every_new_relation_has_are_taken_back(
    owner: str, app: str, role: str, admin: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role}".encode())
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
        connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {role}".encode())
    install(owner, CUSTOMERS, role)
    granted = admin.execute(
        """SELECT a.grantee::regrole::text, c.relname, a.privilege_type
             FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.relname LIKE 'customer%' OR c.oid = 'tenfold_read_models.model'::regclass"""
    ).fetchall()
    name = conninfo_to_dict(owner)["user"]
    assert {entry for entry in granted if entry[0] != name} == {
        (role, "customer_summary", "SELECT"),
        (role, "customer_summary_freshness", "SELECT"),
    }
    query = "SELECT has_schema_privilege(%s, 'tenfold_read_models', 'USAGE')"
    assert admin.execute(query, [role]).fetchone() == (False,)


async def test_a_function_of_the_readers_is_shown_its_own_rows_alone(installed: ReadModel, app: str) -> None:
    with psycopg.connect(app, autocommit=True) as connection:
        connection.execute(
            """CREATE FUNCTION tells(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
               $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"""
        )
        told: list[str | None] = []
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
        connection.execute("SET app.tenant_id = 7")
        # Without an index all rows are read, and the barrier alone decides which condition is asked first.
        connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
        connection.execute("SELECT FROM customer_summary WHERE tells(organization_id)")
        assert set(told) == {"7"}


@on_old_and_new
async def test_a_query_by_key_uses_the_index_as_the_application(installed: ReadModel, app: str) -> None:
    def plan(condition: str) -> str:
        rows = connection.execute(f"EXPLAIN SELECT * FROM customer_summary WHERE {condition}".encode())
        return "\n".join(row[0] for row in rows)

    with psycopg.connect(app, autocommit=True) as connection:
        connection.execute("SET app.tenant_id = 7")
        by_key = plan("person_id = 12")
        assert f"using {installed.names.storage}_key" in by_key
        assert "Index Cond: ((organization_id = (NULLIF(" in by_key
        assert "AND (person_id = 12))" in by_key


async def test_tenants_may_be_uuids(owner: str, app: str, role: str, admin: Any, driver: Any) -> None:
    admin.execute("CREATE TABLE notes (team uuid, id int)")
    admin.execute("INSERT INTO notes SELECT uuid_in(md5(n::text)::cstring), n FROM generate_series(1, 3) n")
    admin.execute("GRANT SELECT ON notes TO public")
    model = ReadModel(name="notes_kept", query="TABLE public.notes", tenant_column="team", key=("team", "id"))
    install(owner, model, role, tenant_type=UUID, setting="my.team")
    async with Database(app, driver=driver, tenant_type=UUID, setting="my.team") as db:
        async with db.tenant("c4ca4238-a0b9-2382-0dcc-509a6f75849b") as session:
            assert [row["id"] for row in await session.fetch("SELECT id FROM notes_kept")] == [1]
        async with db.system("sees nothing") as session:
            assert await session.fetch("SELECT id FROM notes_kept") == []


async def test_a_reader_knows_how_fresh_it_is_and_no_more(
    refresher: Refresher, installed: ReadModel, reader: Database, admin: psycopg.Connection[Any]
) -> None:
    async with reader.tenant(7, read_only=True) as session:
        before = await installed.freshness(session)
    await refresher.refresh("customer_summary")
    async with reader.tenant(7, read_only=True) as session:
        after = await installed.freshness(session)
        (row,) = await session.fetch("SELECT * FROM customer_summary_freshness")
    assert before is not None and after is not None and before < after
    assert after == recorded(admin, "refreshed_at")
    assert len(row) == 1


# --- refreshing ----------------------------------------------------------------------------------------


@on_old_and_new
async def test_a_refresh_shows_what_was_written_and_hinders_no_reader(
    refresher: Refresher, app: str, admin: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(app) as connection:
        connection.execute("SET app.tenant_id = 7")
        connection.execute("SELECT FROM customer_summary")
        admin.execute("INSERT INTO orders (organization_id, person_id, total) VALUES (7, 9000, 5)")
        # The reader's transaction holds its lock on the rows: only a concurrent refresh passes it.
        done = await refresher.refresh("customer_summary")
        assert (done.outcome, done.rows) == ("refreshed", 2002)
        query = "SELECT spent FROM customer_summary WHERE person_id = 9000"
        assert connection.execute(query).fetchall() == [(5,)]
    assert recorded(admin, "refreshes") == 1


@on_old_and_new
async def test_what_was_installed_without_data_is_filled_at_once(
    owner: str, app: str, role: str, keeper: Database, reader: Database
) -> None:
    install(owner, CUSTOMERS, role, with_data=False)
    async with Refresher(keeper, [CUSTOMERS], scheduled=False) as refresher:
        async with reader.tenant(7) as session:
            assert await CUSTOMERS.freshness(session) is None
        assert [done.rows for done in await refresher.refresh_due()] == [2001]
        assert await refresher.refresh_due() == []
    async with reader.tenant(7) as session:
        assert await CUSTOMERS.freshness(session) is not None
        assert await session.fetch_value("SELECT count(*) FROM customer_summary") == 1001


async def test_processes_share_one_schedule(
    refresher: Refresher, installed: ReadModel, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    async with Refresher(keeper, [installed], scheduled=False) as other:
        assert await refresher.refresh_due() == []
        make_due(admin)
        found = await asyncio.gather(refresher.refresh_due(), other.refresh_due())
        assert [done.outcome for each in found for done in each].count("refreshed") == 1
        assert await other.refresh_due() == []
    assert recorded(admin, "refreshes") == 1


async def test_the_schedule_goes_on_by_itself(
    installed: ReadModel, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    async with Refresher(keeper, [changed(installed, every=0.05)]):
        await until(lambda: recorded(admin, "refreshes") >= 8)


async def test_one_that_is_refreshed_elsewhere_is_left_at_that_or_waited_for(
    refresher: Refresher, installed: ReadModel, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    async with Refresher(keeper, [installed], scheduled=False) as other:
        with held(admin):
            first = asyncio.create_task(other.refresh("customer_summary"))
            await until(waits_for_table(admin))
            assert (await refresher.refresh("customer_summary", wait=False)).outcome == "busy"
            make_due(admin)
            assert [done.outcome for done in await refresher.refresh_due()] == ["busy"]
            second = asyncio.create_task(refresher.refresh("customer_summary"))
            await until(waits_for_turn(admin, 1))
        assert [(await task).outcome for task in (first, second)] == ["refreshed", "refreshed"]


async def test_a_hundred_calls_during_a_refresh_are_one_more(
    refresher: Refresher, admin: psycopg.Connection[Any]
) -> None:
    with held(admin):
        first = asyncio.create_task(refresher.refresh("customer_summary"))
        await until(waits_for_table(admin))
        calls = [asyncio.create_task(refresher.refresh("customer_summary")) for _ in range(100)]
    outcomes = [(await call).outcome for call in (first, *calls)]
    assert outcomes == ["refreshed"] * 101
    assert recorded(admin, "refreshes") == 2


async def test_processes_that_wait_share_one_more(
    refresher: Refresher, installed: ReadModel, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    async with contextlib.AsyncExitStack() as others:
        waiting = [
            await others.enter_async_context(Refresher(keeper, [installed], scheduled=False))
            for _ in range(3)
        ]
        with held(admin):
            first = asyncio.create_task(refresher.refresh("customer_summary"))
            await until(waits_for_table(admin))
            calls = [
                asyncio.create_task(each.refresh("customer_summary")) for each in waiting for _ in range(30)
            ]
            await until(waits_for_turn(admin, 3))
        outcomes = [(await call).outcome for call in (first, *calls)]
    assert outcomes.count("refreshed") == 31
    assert outcomes.count("elsewhere") == 60
    assert recorded(admin, "refreshes") == 2


async def test_what_was_committed_before_the_call_is_in_the_answer(
    refresher: Refresher, reader: Database, admin: psycopg.Connection[Any]
) -> None:
    with held(admin):
        calls = [asyncio.create_task(refresher.refresh("customer_summary"))]
        await until(waits_for_table(admin))
    query = "SELECT spent FROM customer_summary WHERE person_id = $1"
    for person in range(9000, 9020):
        admin.execute("INSERT INTO orders (organization_id, person_id, total) VALUES (7, %s, 5)", [person])
        await refresher.refresh("customer_summary")
        async with reader.tenant(7) as session:
            assert await session.fetch_value(query, person) == 5
    await calls[0]


async def test_a_level_of_isolation_of_the_role_does_not_make_it_older(
    installed: ReadModel, owner: str, driver: Any, reader: Database, admin: psycopg.Connection[Any]
) -> None:
    name = conninfo_to_dict(owner)["user"]
    admin.execute(f"ALTER ROLE {name} SET default_transaction_isolation = 'serializable'".encode())
    db = Database(owner, driver=driver, accept_unsafe_role=True)
    async with db, Refresher(db, [installed], scheduled=False) as refresher:
        admin.execute("SELECT pg_advisory_lock(%s)", [installed.names.lock])
        task = asyncio.create_task(refresher.refresh("customer_summary"))
        await until(waits_for_turn(admin, 1))
        admin.execute("INSERT INTO orders (organization_id, person_id, total) VALUES (7, 9000, 5)")
        admin.execute("SELECT pg_advisory_unlock(%s)", [installed.names.lock])
        assert (await task).rows == 2002


# --- policies ------------------------------------------------------------------------------------------


@on_old_and_new
async def test_an_owner_whom_policies_bind_is_refused(
    installed: ReadModel, keeper: Database, owner: str, role: str, admin: psycopg.Connection[Any]
) -> None:
    name = conninfo_to_dict(owner)["user"]
    async with Refresher(keeper, [installed], scheduled=False) as refresher:
        admin.execute(f"ALTER ROLE {name} NOBYPASSRLS".encode())
        with pytest.raises(ReadModelError, match=r"row-level security policy for table .*42501"):
            await refresher.refresh("customer_summary")
    assert recorded(admin, "failures") == 1
    with pytest.raises(ReadModelError, match=rf"binds {name} in orders; give .* BYPASSRLS"):
        await Refresher(keeper, [installed]).open()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        install(owner, changed(installed, name="another"), role)


async def test_an_owner_of_the_table_is_bound_where_policies_are_forced(
    installed: ReadModel, keeper: Database, owner: str, admin: psycopg.Connection[Any]
) -> None:
    name = conninfo_to_dict(owner)["user"]
    admin.execute(f"ALTER ROLE {name} NOBYPASSRLS; ALTER TABLE orders OWNER TO {name}".encode())
    async with Refresher(keeper, [installed], scheduled=False) as refresher:
        assert (await refresher.refresh("customer_summary")).rows == 2001
    admin.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")
    with pytest.raises(ReadModelError, match=f"binds {name} in orders"):
        await Refresher(keeper, [installed]).open()
    admin.execute("ALTER TABLE orders OWNER TO CURRENT_USER")


@on_old_and_new
async def test_an_owner_whom_a_policy_shows_all_rows_may_fill_it(
    installed: ReadModel, keeper: Database, owner: str, admin: psycopg.Connection[Any]
) -> None:
    name = conninfo_to_dict(owner)["user"]
    admin.execute(f"ALTER ROLE {name} NOBYPASSRLS; ALTER TABLE orders FORCE ROW LEVEL SECURITY".encode())
    admin.execute(f"CREATE POLICY all_rows ON orders FOR SELECT TO {name} USING (true)".encode())
    async with Refresher(keeper, [installed], scheduled=False) as refresher:
        assert (await refresher.refresh("customer_summary")).rows == 2001
        # A restrictive one takes rows away again.
        admin.execute("CREATE POLICY less ON orders AS RESTRICTIVE USING (organization_id = 7)")
        with pytest.raises(ReadModelError, match="42501"):
            await refresher.refresh("customer_summary")
    with pytest.raises(ReadModelError, match=f"binds {name} in orders"):
        await Refresher(keeper, [installed]).open()
    admin.execute("DROP POLICY less ON orders; ALTER POLICY all_rows ON orders USING (organization_id > 7)")
    with pytest.raises(ReadModelError, match=f"binds {name} in orders"):
        await Refresher(keeper, [installed]).open()


@on_old_and_new
async def test_a_view_in_the_query_reads_as_its_own_owner(
    owner: str, app: str, role: str, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(f"CREATE VIEW sales AS SELECT * FROM orders; GRANT SELECT ON sales TO {role}, PUBLIC")
    model = changed(CUSTOMERS, query=CUSTOMERS.query.replace("orders GROUP", "sales GROUP"))
    install(owner, model, role)
    name = conninfo_to_dict(owner)["user"]
    admin.execute(f"ALTER ROLE {name} NOBYPASSRLS".encode())
    async with Refresher(keeper, [model], scheduled=False) as refresher:
        assert (await refresher.refresh("customer_summary")).rows == 2001
    admin.execute("ALTER VIEW sales SET (security_invoker)")
    with pytest.raises(ReadModelError, match=f"binds {name} in orders"):
        await Refresher(keeper, [model]).open()


async def test_a_read_model_of_what_a_tenant_sees_is_refused(
    installed: ReadModel, owner: str, role: str, keeper: Database
) -> None:
    model = changed(installed, name="again", query="TABLE public.customer_summary", indexes=())
    install(owner, model, role)
    with pytest.raises(ReadModelError, match="reads customer_summary, where a setting picks the rows"):
        await Refresher(keeper, [installed, model]).open()


@on_old_and_new
async def test_a_way_past_the_view_is_refused(
    installed: ReadModel, keeper: Database, owner: str, role: str, admin: psycopg.Connection[Any]
) -> None:
    name = conninfo_to_dict(owner)["user"]
    admin.execute(f"GRANT SELECT ON {STORED} TO PUBLIC".encode())
    with pytest.raises(ReadModelError, match=r"PUBLIC, app_\w+ may read the rows of all tenants"):
        await Refresher(keeper, [installed]).open()
    install(owner, installed, role)
    async with Refresher(keeper, [installed]):
        pass
    admin.execute(f"GRANT {name} TO {role}".encode())
    with pytest.raises(ReadModelError, match=rf"^{role} may read the rows of all tenants"):
        await Refresher(keeper, [installed]).open()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="would read the rows of all tenants"):
        install(owner, installed, role)


async def test_a_role_that_may_not_refresh_is_refused(installed: ReadModel, app: str, driver: Any) -> None:
    async with Database(app, driver=driver) as db:
        with pytest.raises(ReadModelError, match="connect as the owner"):
            await Refresher(db, [installed]).open()


# --- failures ------------------------------------------------------------------------------------------


@on_old_and_new
async def test_a_failure_is_recorded_without_values_and_stops_no_other(
    owner: str, app: str, role: str, keeper: Database, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    admin.execute("CREATE TABLE words (team bigint, word text); GRANT SELECT ON words TO public")
    number = ReadModel(
        name="a_number",
        query="SELECT team, word::int AS number FROM public.words",
        tenant_column="team",
        key=("team",),
    )
    install(owner, number, role)
    install(owner, CUSTOMERS, role)
    admin.execute("INSERT INTO words VALUES (7, 'secret')")
    make_due(admin)
    async with Refresher(keeper, [number, CUSTOMERS], scheduled=False) as refresher:
        assert [done.model for done in await refresher.refresh_due()] == ["public.customer_summary"]
        assert await refresher.refresh_due() == []
        assert recorded(admin, "failures") == 1
        with pytest.raises(ReadModelError) as raised:
            await refresher.refresh("a_number")
        for twice, code in (("(7, '1'), (7, '1')", 21000), ("(7, '1'), (7, '2')", 23505)):
            admin.execute(f"TRUNCATE words; INSERT INTO words VALUES {twice}")
            with pytest.raises(ReadModelError, match=rf"two rows have the same key \(SQLSTATE {code}\)"):
                await refresher.refresh("a_number")
        admin.execute("DELETE FROM words WHERE word = '1'")
        assert (await refresher.refresh("a_number")).rows == 1
    assert str(raised.value).endswith("the log of the server says why (SQLSTATE 22P02)")
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
    assert "secret" not in caplog.text and "not refreshed" in caplog.text
    assert admin.execute(f"SELECT failures, error FROM {RECORD}").fetchall() == [(0, None)] * 2


async def test_a_schedule_goes_on_where_another_fails(
    installed: ReadModel, owner: str, role: str, keeper: Database, admin: Any
) -> None:
    admin.execute("CREATE TABLE tags (team bigint); GRANT SELECT ON tags TO public")
    tags = ReadModel(name="a_tag", query="TABLE public.tags", tenant_column="team", key=("team",), every=0.05)
    install(owner, tags, role)
    admin.execute("REVOKE ALL ON orders FROM " + str(conninfo_to_dict(owner)["user"]))
    seen = f"SELECT refreshes, failures FROM {RECORD} ORDER BY name"
    async with Refresher(keeper, [changed(installed, every=0.05), tags]):
        await until(lambda: admin.execute(seen).fetchall()[1][1] == 1)
        before = admin.execute(seen).fetchall()[0][0]
        await until(lambda: admin.execute(seen).fetchall()[0][0] >= before + 2)
        assert admin.execute(seen).fetchall()[1] == (0, 1)


async def test_limits_hold(installed: ReadModel, keeper: Database, admin: Any) -> None:
    quick = Limits(lock_timeout=0.05, work_mem="8MB")
    with held(admin):
        async with Refresher(keeper, [installed], limits=quick, scheduled=False) as refresher:
            with pytest.raises(ReadModelError, match=r"within lock_timeout \(SQLSTATE 55P03\)"):
                await refresher.refresh("customer_summary")
        short = Limits(statement_timeout=0.05, lock_timeout=0)
        async with Refresher(keeper, [installed], limits=short, scheduled=False) as refresher:
            with pytest.raises(ReadModelError, match=r"statement_timeout.*57014"):
                await refresher.refresh("customer_summary")
    assert recorded(admin, "failures") == 2


async def test_who_waits_for_a_turn_is_not_bound_by_the_limits_of_the_role(
    installed: ReadModel, owner: str, driver: Any, admin: Any
) -> None:
    admin.execute(f"ALTER ROLE {conninfo_to_dict(owner)['user']} SET statement_timeout = 1000")
    lock = installed.names.lock
    longer = """SELECT now() - query_start > interval '1.2 s'
                  FROM pg_stat_activity
                 WHERE wait_event = 'advisory' AND datname = current_database()"""
    db = Database(owner, driver=driver, accept_unsafe_role=True)
    async with db, Refresher(db, [installed], scheduled=False) as refresher:
        admin.execute("SELECT pg_advisory_lock(%s)", [lock])
        task = asyncio.create_task(refresher.refresh("customer_summary"))
        await until(waits_for_turn(admin, 1))
        await until(lambda: admin.execute(longer).fetchone()[0])
        admin.execute("SELECT pg_advisory_unlock(%s)", [lock])
        assert (await task).outcome == "refreshed"


async def test_a_caller_that_gives_up_takes_nothing_from_the_others(
    refresher: Refresher, admin: psycopg.Connection[Any]
) -> None:
    with held(admin):
        first, second = (asyncio.create_task(refresher.refresh("customer_summary")) for _ in range(2))
        await until(waits_for_table(admin))
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
    assert (await second).outcome == "refreshed"


async def test_closing_leaves_nothing_under_way(
    installed: ReadModel, keeper: Database, admin: psycopg.Connection[Any]
) -> None:
    before = recorded(admin, "refreshed_at")
    with held(admin):
        async with Refresher(keeper, [installed], scheduled=False) as refresher:
            running = asyncio.create_task(refresher.refresh("customer_summary"))
            await until(waits_for_table(admin))
            waiting = asyncio.create_task(refresher.refresh("customer_summary"))
            await asyncio.sleep(0)
        for task in (running, waiting):
            with pytest.raises(ReadModelError, match="not open"):
                await task
        await until(waits_for_table(admin, 0))
    assert admin.execute(f"SELECT {LOCKS} WHERE locktype = 'advisory'").fetchall() == []
    assert recorded(admin, "refreshed_at") == before
    assert recorded(admin, "failures") == 0
    with pytest.raises(ReadModelError, match="not open"):
        await refresher.refresh("customer_summary")
    assert keeper.statistics().primary.held == 0


async def test_a_connection_that_breaks_is_no_failure_of_the_model(
    refresher: Refresher, admin: psycopg.Connection[Any]
) -> None:
    before = recorded(admin, "refreshed_at")
    with held(admin):
        task = asyncio.create_task(refresher.refresh("customer_summary"))
        await until(waits_for_table(admin))
        admin.execute(f"SELECT pg_terminate_backend(pid) {LOCKS} WHERE NOT granted".encode())
        with pytest.raises(DatabaseUnavailableError, match="the connection was lost"):
            await task
    assert (recorded(admin, "refreshed_at"), recorded(admin, "failures")) == (before, 0)
    assert (await refresher.refresh("customer_summary")).outcome == "refreshed"


async def test_a_server_that_was_restarted_is_gone_on_with(primary: EmbeddedServer, driver: Any) -> None:
    dsn = patient(primary.dsn())
    model = ReadModel(
        name="notes_kept",
        query="SELECT team_id, id, body FROM public.notes",
        tenant_column="team_id",
        key=("team_id", "id"),
        every=0.05,
    )
    install(dsn, model, "app")

    def count() -> int:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn) as connection:
            (found,) = connection.execute(f"SELECT refreshes FROM {RECORD}".encode()).fetchone() or (0,)
            return int(found)
        return 0

    async with (
        Database(dsn, driver=driver, accept_unsafe_role=True) as db,
        Refresher(db, [model]) as refresher,
    ):
        await until(lambda: count() > 1)
        primary.stop()
        with pytest.raises(DatabaseUnavailableError):
            await refresher.refresh("notes_kept")
        primary.start()
        before = count()
        await until(lambda: count() > before + 1)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in model.drop_sql():
            connection.execute(statement.encode())


# --- definitions that change ----------------------------------------------------------------------------


@on_old_and_new
async def test_one_that_is_declared_otherwise_is_named_and_not_refreshed(
    installed: ReadModel,
    keeper: Database,
    owner: str,
    role: str,
    admin: Any,
    reader: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    newer = changed(
        installed,
        query="SELECT organization_id, person_id, max(total) AS most FROM public.orders GROUP BY 1, 2",
        indexes=(),
    )
    make_due(admin)
    async with Refresher(keeper, [newer], scheduled=False) as refresher:
        assert "public.customer_summary is declared otherwise here" in caplog.text
        with pytest.raises(ReadModelError, match="declared otherwise"):
            await refresher.refresh("customer_summary")
        assert await refresher.refresh_due() == []
        assert recorded(admin, "(refreshes, failures)") == ("0", "0")
        install(owner, newer, role)
        assert (await refresher.refresh("customer_summary")).outcome == "refreshed"
    async with reader.tenant(7) as session:
        (row, *_) = await session.fetch("SELECT * FROM customer_summary")
        assert list(row.keys()) == ["organization_id", "person_id", "most"]
    kept = admin.execute("SELECT relname FROM pg_class WHERE relkind = 'm'").fetchall()
    assert kept == [(newer.names.storage,)]


async def test_what_reads_the_view_stays_where_columns_are_added(
    installed: ReadModel, owner: str, role: str, admin: Any
) -> None:
    admin.execute("CREATE VIEW of_mine AS SELECT spent FROM customer_summary")
    added = changed(installed, query=installed.query.replace("AS spent", "AS spent, max(total) AS most"))
    install(owner, added, role)
    removed = changed(installed, query=installed.query.replace("sum(total) AS spent", "1::bigint AS spend"))
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        install(owner, changed(removed, indexes=()), role)
    assert recorded(admin, "storage") == added.names.storage
    assert admin.execute("SELECT count(*) FROM of_mine").fetchone() == (0,)


async def test_an_exchange_waits_for_a_refresh_before_it_locks_out_readers(
    installed: ReadModel, owner: str, role: str, app: str, admin: Any
) -> None:
    newer = changed(installed, indexes=())
    admin.execute("SELECT pg_advisory_lock(%s)", [installed.names.lock])
    exchange = asyncio.create_task(asyncio.to_thread(install, owner, newer, role))
    await until(waits_for_turn(admin, 1))
    with psycopg.connect(app, autocommit=True, options="-c lock_timeout=5s") as connection:
        connection.execute("SELECT FROM customer_summary")
    assert recorded(admin, "storage") == installed.names.storage
    admin.execute("SELECT pg_advisory_unlock(%s)", [installed.names.lock])
    await exchange
    assert recorded(admin, "storage") == newer.names.storage


async def test_installing_again_changes_nothing(
    installed: ReadModel, owner: str, role: str, admin: Any
) -> None:
    before = admin.execute(f"TABLE {RECORD}").fetchall()
    install(owner, installed, role)
    assert admin.execute(f"TABLE {RECORD}").fetchall() == before


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW", "TABLE"])
async def test_what_is_there_under_the_name_and_no_read_model_stays(
    owner: str, app: str, role: str, admin: Any, kind: str
) -> None:
    admin.execute(f"CREATE {kind} customer_summary AS SELECT 1 AS one")
    with pytest.raises(psycopg.errors.DuplicateTable, match="is no read model"):
        install(owner, CUSTOMERS, role)
    assert admin.execute("SELECT one FROM customer_summary").fetchall() == [(1,)]


async def test_dropping_leaves_the_others(installed: ReadModel, owner: str, role: str, admin: Any) -> None:
    other = changed(installed, name="customer_summary_2", schema="public")
    install(owner, other, role)
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement in [*installed.drop_sql(), *installed.drop_sql()]:
            connection.execute(statement.encode())
    left = admin.execute(
        "SELECT relname FROM pg_class WHERE relname LIKE 'customer%' AND relkind IN ('m', 'v')"
    )
    assert {name for (name,) in left} == {other.names.storage, other.name, f"{other.name}_freshness"}
    assert recorded(admin, "name") == "public.customer_summary_2"


async def test_a_name_that_is_misspelt_is_said(refresher: Refresher) -> None:
    with pytest.raises(UsageError, match="did you mean customer_summary"):
        await refresher.refresh("custmer_summary")


async def test_what_is_not_installed_is_said(owner: str, app: str, role: str, keeper: Database) -> None:
    with pytest.raises(ReadModelError, match="not in this database; run its install_sql"):
        await Refresher(keeper, [CUSTOMERS]).open()
    install(owner, changed(CUSTOMERS, name="another"), role)
    with pytest.raises(ReadModelError, match=r"public\.customer_summary is not in this database"):
        await Refresher(keeper, [CUSTOMERS]).open()


# --- the page about it ---------------------------------------------------------------------------------


async def test_the_page_does_what_it_says(
    owner: str, app: str, role: str, keeper: Database, reader: Database, admin: Any
) -> None:
    page = names_of("read-models.md", app=role)
    admin.execute("DROP TABLE orders")
    admin.execute("CREATE TABLE people (organization_id bigint, id bigint, email text)")
    admin.execute(
        """CREATE TABLE orders (organization_id bigint, person_id bigint, total int,
                                placed_at timestamptz DEFAULT now())"""
    )
    admin.execute("GRANT SELECT ON people, orders TO public")
    admin.execute("INSERT INTO people VALUES (7, 1, 'a@x'), (8, 1, 'b@x')")
    admin.execute("INSERT INTO orders VALUES (7, 1, 5), (7, 1, 6), (8, 1, 9)")
    migrate(owner, page["upgrade"])
    assert isinstance(page["db"], Database) and isinstance(page["owner"], Database)
    page["db"] = reader
    assert (await page["customer"](7, 1))[:2] == ("a@x", 11)
    admin.execute("INSERT INTO orders VALUES (7, 1, 100)")
    page["owner"], page["refresher"]._db = keeper, keeper
    assert await page["serve"]() == "refreshed"
    email, spent, fresh = await page["customer"](7, 1)
    assert (email, spent) == ("a@x", 111)
    assert fresh == recorded(admin, "refreshed_at")
    migrate(owner, page["downgrade"])
    assert admin.execute("SELECT FROM pg_class WHERE relname LIKE 'customer%'").fetchall() == []


def migrate(dsn: str, revision: Callable[[Any], None]) -> None:
    """As Alembic does: all in one transaction."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    with engine.begin() as connection:
        revision(Operations(MigrationContext.configure(connection)))
    engine.dispose()
