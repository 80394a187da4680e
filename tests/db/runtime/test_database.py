"""A session sees the rows of its tenant, whatever happened before it, around it and within it."""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.errors import (
    InvalidTenantError,
    NotCommittedError,
    SessionClosedError,
    TenantError,
    UnsafePolicyError,
    UnsafeRoleError,
    UsageError,
)
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database, PoolSettings, Session

ALL = "SELECT count(*), min(team_id), max(team_id) FROM notes"
ONE = PoolSettings(max_size=1, min_size=1)


async def seen(db: Database, tenant: object) -> tuple[Any, ...]:
    async with db.tenant(tenant) as session:
        row = await session.fetch_row(ALL)
    assert row is not None
    return tuple(row[number] for number in range(3))


def held(db: Database) -> int:
    return db.statistics().primary.held


# --- the tenant --------------------------------------------------------------------------------------


@pytest.mark.servers(15, 18)
async def test_each_tenant_sees_its_own_rows(server: EmbeddedServer, db: Database) -> None:
    assert await seen(db, 7) == (10, 7, 7)
    assert await seen(db, "8") == (10, 8, 8)
    assert (await seen(db, 9))[0] == 0


async def test_a_row_of_another_tenant_cannot_be_written(db: Database) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with db.tenant(7) as session:
            await session.execute("INSERT INTO notes VALUES (100, 8, 'x')")
    async with db.tenant(7) as session:
        assert await session.execute("UPDATE notes SET body = 'mine'") == 10
    async with db.tenant(8) as session:
        assert await session.fetch_value("SELECT count(*) FROM notes WHERE body = 'mine'") == 0


async def test_a_session_of_the_system_is_of_no_tenant(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "tenfold.runtime"), pytest.raises(Exception, match="bigint"):
        async with db.system("nightly count") as session:
            assert session.tenant is None
            await session.fetch(ALL)
    assert "nightly count" in caplog.text
    with pytest.raises(TenantError, match="reason"):
        db.system(" ")


async def test_garbage_is_refused_before_anything_is_sent(db: Database) -> None:
    made = db.statistics().primary.made
    for garbage in ("7; DROP TABLE notes", "", None, True, 7.0, 2**63):
        with pytest.raises(InvalidTenantError):
            db.tenant(garbage)
    assert db.statistics().primary.made == made


# --- fail closed -------------------------------------------------------------------------------------


async def test_without_a_session_nothing_is_current(db: Database) -> None:
    with pytest.raises(TenantError):
        db.current()


async def test_a_task_that_asks_for_a_session_knows_its_tenant(db: Database) -> None:
    async def elsewhere() -> object:
        return db.current_tenant()

    assert db.current_tenant() is None
    async with db.tenant(7):
        assert await asyncio.create_task(elsewhere()) == 7
        async with db.system("a look across tenants"):
            assert db.current_tenant() is None
        assert db.current_tenant() == 7
    assert db.current_tenant() is None


async def test_a_task_that_a_session_started_has_no_tenant(db: Database) -> None:
    async def elsewhere() -> Session:
        return db.current()

    async with db.tenant(7) as session:
        assert db.current() is session
        with pytest.raises(TenantError, match="started inside a session"):
            await asyncio.create_task(elsewhere())


async def test_a_thread_that_a_session_started_has_no_tenant(db: Database) -> None:
    async with db.tenant(7):
        with pytest.raises(TenantError, match="thread"):
            await asyncio.to_thread(db.current)


async def test_another_event_loop_is_told_so(db: Database) -> None:
    told: list[BaseException] = []

    async def foreign() -> None:
        try:
            await seen(db, 7)
        except SessionClosedError as error:
            told.append(error)

    thread = threading.Thread(target=lambda: asyncio.run(foreign()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert "another event loop" in str(told[0])


async def test_a_nested_session_gives_the_outer_one_back(db: Database) -> None:
    async with db.tenant(7) as outer:
        async with db.tenant(8) as inner:
            assert db.current() is inner
        assert db.current() is outer
        assert await outer.fetch_value("SELECT max(team_id) FROM notes") == 7
    with pytest.raises(TenantError):
        db.current()


async def test_nothing_passes_after_the_block(db: Database) -> None:
    async with db.tenant(7) as session:
        pass
    for use in (session.fetch(ALL), session.execute(ALL), session.savepoint().__aenter__()):
        with pytest.raises(SessionClosedError):
            await use


async def test_a_session_is_entered_and_left_once(db: Database) -> None:
    entry = db.tenant(7)
    async with entry:
        with pytest.raises(SessionClosedError, match="entered once"):
            await entry.__aenter__()
    with pytest.raises(SessionClosedError, match="left already"):
        await entry.__aexit__(None, None, None)
    assert held(db) == 0


async def test_a_database_that_is_not_open_says_so(notes: str, driver: Any) -> None:
    db = Database(notes, driver=driver)
    with pytest.raises(SessionClosedError, match="not open"):
        await seen(db, 7)
    async with db:
        await db.open()
        await seen(db, 7)
    await db.close()
    with pytest.raises(SessionClosedError, match="not open"):
        await seen(db, 7)
    async with db:
        assert (await seen(db, 7))[0] == 10


# --- commit and rollback -----------------------------------------------------------------------------


async def test_an_exception_rolls_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.tenant(7) as session:
            await session.execute("DELETE FROM notes")
            raise ZeroDivisionError
    assert (await seen(db, 7))[0] == 10
    assert db.statistics().primary.made == db.statistics().primary.size  # its connection was kept


async def test_a_transaction_that_had_failed_is_not_taken_for_committed(db: Database) -> None:
    called: list[str] = []
    with pytest.raises(NotCommittedError):
        async with db.tenant(7) as session:
            session.after_commit(lambda: called.append("x"))
            await session.execute("DELETE FROM notes")
            with pytest.raises(Exception, match="division by zero"):
                await session.fetch("SELECT 1/0")
    assert called == []
    assert (await seen(db, 7))[0] == 10


async def test_a_commit_that_the_server_refuses_is_the_servers_error(db: Database) -> None:
    async with db.tenant(7) as session:
        await session.execute("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    in_doubt: list[str] = []
    with pytest.raises(Exception, match="duplicate key"):
        async with db.tenant(7) as session:
            session.after_commit(lambda: in_doubt.append("x"), also_in_doubt=True)
            await session.execute("INSERT INTO once VALUES (1), (1)")
    assert in_doubt == []  # there is no doubt
    assert await seen(db, 7) == (10, 7, 7)


async def test_what_follows_the_commit_is_called_in_order_after_it(db: Database) -> None:
    order: list[Any] = []

    async def later() -> None:
        order.append((await seen(db, 7))[0])

    async with db.tenant(7) as session:
        session.after_commit(later)
        session.after_commit(lambda: order.append("second"))
        await session.execute("DELETE FROM notes WHERE id < 10")
        assert order == []
    assert order == [6, "second"]


async def test_what_many_parts_have_to_write_is_written_once_before_the_commit(db: Database) -> None:
    sent: list[list[Any]] = []

    async def write(session: Session, items: list[Any]) -> None:
        sent.append(items)
        await session.execute("DELETE FROM notes WHERE id = ANY($1::int[])", items)

    async with db.tenant(7) as session:
        session.before_commit(write, 2)
        with pytest.raises(ZeroDivisionError):
            async with session.savepoint():
                session.before_commit(write, 4)
                raise ZeroDivisionError
        session.before_commit(write, 6)
        assert sent == []
    assert sent == [[2, 6]]
    assert (await seen(db, 7))[0] == 8


async def test_what_comes_before_the_commit_may_end_the_transaction(db: Database) -> None:
    asked: list[str] = []

    async def refuse(session: Session, items: list[Any]) -> None:
        session.after_commit(lambda: asked.append("after"))
        await session.fetch("SELECT 1/0")

    with pytest.raises(Exception, match="division by zero"):
        async with db.tenant(7) as session:
            session.before_commit(refuse, "x")
            await session.execute("DELETE FROM notes")
    with pytest.raises(ZeroDivisionError):
        async with db.tenant(7) as session:
            session.before_commit(refuse, "x")
            raise ZeroDivisionError
    assert asked == []
    assert (await seen(db, 7))[0] == 10


async def test_a_savepoint_takes_back_its_part_alone(db: Database) -> None:
    called: list[str] = []
    async with db.tenant(7) as session:
        session.after_commit(lambda: called.append("kept"))
        with pytest.raises(Exception, match="division by zero"):
            async with session.savepoint():
                session.after_commit(lambda: called.append("dropped"))
                await session.execute("DELETE FROM notes")
                async with session.savepoint():
                    await session.fetch("SELECT 1/0")
        assert await session.fetch_value("SELECT current_setting('app.tenant_id')") == "7"
        async with session.savepoint():
            await session.execute("DELETE FROM notes WHERE id = 2")
        assert await session.fetch_value("SELECT count(*) FROM notes") == 9
    assert called == ["kept"]
    assert (await seen(db, 7))[0] == 9


@pytest.mark.parametrize(
    "isolation, spoken",
    [(None, "read committed"), ("repeatable read", "repeatable read"), ("serializable",) * 2],
)
async def test_isolation_and_read_only_are_the_transactions(
    db: Database, isolation: Any, spoken: str
) -> None:
    async with db.tenant(7, isolation=isolation, read_only=True) as session:
        assert await session.fetch_value("SHOW transaction_isolation") == spoken
        assert await session.fetch_value("SHOW transaction_read_only") == "on"
    with pytest.raises(UsageError, match="isolation level"):
        db.tenant(7, isolation="dirty")  # type: ignore[arg-type]


# --- cancellation ------------------------------------------------------------------------------------


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_statement_leaves_a_clean_pool(notes: str, driver: Any) -> None:
    async with Database(notes, driver=driver, pool=ONE) as db:
        began = asyncio.Event()

        async def slow() -> None:
            async with db.tenant(7) as session:
                await session.execute("DELETE FROM notes")
                began.set()
                await session.fetch("SELECT pg_sleep(600)")

        task = asyncio.create_task(slow())
        await began.wait()
        await _cancelled(task)
        assert held(db) == 0
        assert await seen(db, 8) == (10, 8, 8)
        assert await seen(db, 7) == (10, 7, 7)


@pytest.mark.parametrize("turns", range(1, 12))
async def test_cancelled_at_any_turn_of_the_loop_it_leaves_a_clean_pool(
    notes: str, driver: Any, turns: int
) -> None:
    """Within begin, statement, commit and release, as it comes; a second one reaches the clean-up."""
    async with Database(notes, driver=driver, pool=ONE) as db:

        async def work() -> None:
            async with db.tenant(7) as session:
                await session.execute("UPDATE notes SET body = 'half' WHERE id = 2")

        for cancellations in (1, 2):
            task = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep(0)
            for _ in range(cancellations):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(task, return_exceptions=True)
            assert await seen(db, 8) == (10, 8, 8)
            assert await seen(db, 7) == (10, 7, 7)
            async with db.tenant(7) as session:
                assert await session.fetch_value("SELECT txid_current_if_assigned()") is None
        assert held(db) == 0
        assert db.statistics().primary.size == 1


async def test_waiting_in_vain_for_a_commit_leaves_it_in_doubt(
    notes: str, database: str, driver: Any
) -> None:
    """The commit waits for a trigger, which waits for a lock; the task is cancelled meanwhile."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON notes INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        owner.execute("SELECT pg_advisory_lock(1)")
        called: list[str] = []
        async with Database(notes, driver=driver, pool=ONE) as db:

            async def work() -> None:
                async with db.tenant(7) as session:
                    session.after_commit(lambda: called.append("sure"))
                    session.after_commit(lambda: called.append("in doubt"), also_in_doubt=True)
                    await session.execute("UPDATE notes SET body = 'half' WHERE id = 2")

            task = asyncio.create_task(work())
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while owner.execute(waiting).fetchone() == (0,):
                await asyncio.sleep(0)
            await _cancelled(task)
            assert called == ["in doubt"]
            assert held(db) == 0
            assert await seen(db, 8) == (10, 8, 8)


async def test_a_timeout_within_the_block_that_is_caught_is_not_a_commit(db: Database) -> None:
    with pytest.raises(NotCommittedError):
        async with db.tenant(7) as session:
            await session.execute("DELETE FROM notes")
            try:
                async with asyncio.timeout(0.01):
                    await session.fetch("SELECT pg_sleep(600)")
            except TimeoutError:
                pass
    assert (await seen(db, 7))[0] == 10


# --- what a former user left -------------------------------------------------------------------------

LEFT = {
    "a session's SET": "SET app.tenant_id = '8'",
    "set_config for the session": "SELECT set_config('app.tenant_id', '8', false)",
    "SET ROLE": "SET ROLE pg_read_all_stats",
    "a search path": "SET search_path = pg_catalog",
    "a temporary table": "CREATE TEMP TABLE notes AS SELECT 1 AS id, 8 AS team_id, 'theirs' AS body",
    "a temporary table, by SELECT INTO": "SELECT 8 AS team_id INTO TEMP notes",
    "a cursor": "DECLARE theirs CURSOR WITH HOLD FOR SELECT body FROM notes",
}

FOUND = """
SELECT current_setting('search_path') || current_user || coalesce(current_setting('app.tenant_id', true), '')
    || (SELECT count(*) FROM pg_cursors)
    || (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema())
"""


@pytest.mark.servers(15, 18)
@pytest.mark.parametrize("statement", LEFT.values(), ids=LEFT.keys())
async def test_what_a_former_user_left_is_not_there_for_the_next(
    server: EmbeddedServer, notes: str, database: str, role: str, driver: Any, statement: str
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(role)))
    async with Database(notes, driver=driver, pool=ONE) as db:
        async with db.tenant(7) as session:
            before = await session.fetch_value(FOUND)
            pid = await session.fetch_value("SELECT pg_backend_pid()")
        async with db.tenant(8) as session:
            await session.connection.execute(statement, ())
        async with db.tenant(7) as session:
            assert await session.fetch_value("SELECT pg_backend_pid()") == pid
            assert await session.fetch_value(FOUND) == before
            assert await session.fetch_value("SELECT count(*) FROM notes WHERE team_id <> 7") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT",
        " rollback to savepoint x",
        "begin",
        "START TRANSACTION",
        "PREPARE p AS SELECT 1",
        "DISCARD ALL",
        "LISTEN theirs",
        "SELECT pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1)",
    ],
)
async def test_what_would_end_or_outlive_the_transaction_is_refused(db: Database, statement: str) -> None:
    async with db.tenant(7) as session:
        with pytest.raises(UsageError):
            await session.execute(statement)
        assert await session.fetch_value("SELECT pg_advisory_xact_lock(1) IS NULL") is not None


async def test_a_kept_plan_serves_alternating_tenants(notes: str, database: str, driver: Any) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION me() RETURNS bigint STABLE LANGUAGE sql AS"
            " $$SELECT current_setting('app.tenant_id')::bigint$$;"
            "ALTER POLICY of_team ON notes USING (team_id = me())"
        )
    async with Database(notes, driver=driver, pool=ONE) as db:
        for turn in range(20):
            assert await seen(db, 7 + turn % 2) == (10, 7 + turn % 2, 7 + turn % 2)


# --- roles and policies that are refused -------------------------------------------------------------


@pytest.mark.parametrize(
    "unsafe, said",
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} BYPASSRLS", "has BYPASSRLS"),
        ("GRANT postgres TO {role}", "may become postgres"),
        ("ALTER ROLE {role} NOINHERIT; GRANT postgres TO {role}", "may become postgres"),
        ("ALTER TABLE notes OWNER TO {role}", "owns notes, whose row security is not forced"),
    ],
)
async def test_a_role_that_no_policy_binds_is_refused(
    notes: str, database: str, role: str, driver: Any, unsafe: str, said: str
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL(unsafe).format(role=sql.Identifier(role)))  # type: ignore[arg-type]
    with pytest.raises(UnsafeRoleError, match=said):
        await Database(notes, driver=driver).open()
    async with Database(notes, driver=driver, accept_unsafe_role=True) as db:
        assert (await seen(db, 7))[0] >= 10


async def test_the_owner_of_forced_tables_is_bound(notes: str, database: str, role: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            sql.SQL("ALTER TABLE notes OWNER TO {}; ALTER TABLE notes FORCE ROW LEVEL SECURITY").format(
                sql.Identifier(role)
            )
        )
    async with Database(notes) as db:
        assert await seen(db, 7) == (10, 7, 7)


async def test_a_policy_that_a_kept_plan_defeats_is_refused(notes: str, database: str, driver: Any) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION me() RETURNS bigint IMMUTABLE LANGUAGE sql AS"
            " $$SELECT current_setting('app.tenant_id')::bigint$$;"
            "ALTER POLICY of_team ON notes USING (team_id = me())"
        )
    with pytest.raises(UnsafePolicyError, match=r"me\(\).*STABLE"):
        await Database(notes, driver=driver).open()


# --- messages ----------------------------------------------------------------------------------------


async def test_the_tenant_costs_no_message(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    async with db.tenant(7) as session:
        kind = type(session.connection)
    for name in ("script", "fetch", "execute"):
        original = getattr(kind, name)

        def counting(self: Any, statement: str, *rest: Any, original: Any = original) -> Any:
            sent.append(statement)
            return original(self, statement, *rest)

        monkeypatch.setattr(kind, name, counting)
    await seen(db, 7)
    assert len(sent) == 3
    assert sent[0].endswith("BEGIN; SET LOCAL app.tenant_id = '7'")
    assert sent[1:] == [ALL, "COMMIT"]


async def test_one_message_carries_tenant_and_begin(
    server: EmbeddedServer, notes: str, database: str, role: str, driver: Any
) -> None:
    """As the server's own log has it: what comes in one simple-query message is logged as one statement."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER ROLE {} SET log_statement = 'all'").format(sql.Identifier(role)))
    tenant = secrets.randbits(60)
    async with Database(notes, driver=driver, pool=ONE) as db, db.tenant(tenant) as session:
        await session.fetch("SELECT 'the only query'")
    log = server.log_file.read_text(errors="replace").splitlines()
    lines = [line for line in log if "statement: " in line or "execute " in line]
    (begin,) = [number for number, line in enumerate(lines) if str(tenant) in line]
    assert f"BEGIN; SET LOCAL app.tenant_id = '{tenant}'" in lines[begin]
    assert "the only query" in lines[begin + 1]
    assert lines[begin + 2].endswith("statement: COMMIT")


# --- arguments ---------------------------------------------------------------------------------------


def test_arguments_that_cannot_be_are_refused() -> None:
    for wrong in (
        {"setting": "tenant'; DROP"},
        {"driver": "odbc"},
        {"tenant_type": str},
        {"primary": "postgresql://[half"},
        {"primary": ""},
        {"primary": None},
        {"primary": "host=/nowhere port=99999"},
        {"primary": "host=/nowhere port=five"},
        {"replicas": "host=/nowhere"},
    ):
        with pytest.raises(UsageError):
            Database(**({"primary": "host=/nowhere"} | wrong))  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        Database("host=/nowhere").tenant(7, token="1-1")
    for sizes in ({"min_size": 3, "max_size": 2}, {"max_size": 0}, {"acquire_timeout": 0.0}):
        with pytest.raises(UsageError):
            PoolSettings(**sizes)  # type: ignore[arg-type]


async def test_a_statement_is_one_statement(db: Database) -> None:
    async with db.tenant(7) as session:
        for statements in ("SELECT 1; COMMIT", "SELECT 1; SELECT 2"):
            with pytest.raises(Exception, match="multiple commands"):
                async with session.savepoint():
                    await session.fetch(statements)
        assert await session.fetch_value("SELECT count(*) FROM notes;") == 10


async def test_a_session_keeps_its_tenant(db: Database) -> None:
    async with db.tenant(7) as session:
        for statement in ("SET app.tenant_id = '8'", "SELECT set_config('app.tenant_id', '8', true)"):
            with pytest.raises(UsageError, match=r"db\.tenant"):
                await session.fetch(statement)
        assert await session.fetch_value("SELECT current_setting('app.tenant_id')") == "7"


@pytest.mark.parametrize(
    "parameters",
    [
        {"options": "-c statement_timeout=5s"},
        {"application_name": "x y&z", "connect_timeout": "5"},
        {"sslmode": "prefer", "target_session_attrs": "any"},
    ],
)
async def test_a_dsn_says_all_that_both_drivers_know(
    notes: str, driver: Any, parameters: dict[str, str]
) -> None:
    async with Database(make_conninfo(notes, **parameters), driver=driver) as db, db.tenant(7) as session:
        said = await session.fetch_row(
            "SELECT current_setting('statement_timeout'), current_setting('application_name')"
        )
        assert said is not None
        assert said[0] == ("5s" if "options" in parameters else "0")
        assert said[1] == parameters.get("application_name", "tenfold runtime")


async def test_what_a_driver_does_not_take_of_a_dsn_is_an_error_that_says_so(notes: str) -> None:
    with pytest.raises(UsageError, match="channel_binding"):
        Database(make_conninfo(notes, channel_binding="disable"))
    with pytest.raises(UsageError, match="sslmode"):
        await Database(make_conninfo(notes, sslmode="sometimes")).open()


async def test_advice_speaks_of_this_server_and_this_pool(db: Database) -> None:
    said = await db.advice()
    assert "197 connections" in said
    assert "max_size=20, 9 processes" in said


async def test_a_table_that_was_altered_is_not_noticed_by_the_first_statement(
    notes: str, database: str, driver: Any
) -> None:
    async with Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=1)) as db:
        for _ in range(10):  # until the drivers keep the statement prepared
            async with db.tenant(7) as session:
                await session.fetch("SELECT * FROM notes")
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER TABLE notes ADD COLUMN seen boolean")
        async with db.tenant(7) as session:
            assert [row["seen"] for row in await session.fetch("SELECT * FROM notes")] == [None] * 10
            assert await session.execute("UPDATE notes SET seen = true") == 10
        async with db.tenant(8) as session:
            assert [row["team_id"] for row in await session.fetch("SELECT * FROM notes")] == [8] * 10


async def test_what_was_done_before_an_altered_table_was_noticed_is_never_done_twice(
    notes: str, database: str, driver: Any
) -> None:
    async with Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=1)) as db:
        for _ in range(10):
            async with db.tenant(7) as session:
                await session.fetch("SELECT * FROM notes")
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER TABLE notes ADD COLUMN seen boolean")
        with pytest.raises(Exception, match="plan"):
            async with db.tenant(7) as session:
                await session.execute("DELETE FROM notes WHERE id = 2")
                await session.fetch("SELECT * FROM notes")
        async with db.tenant(7, read_only=True) as session:
            assert len(await session.fetch("SELECT * FROM notes")) == 10
