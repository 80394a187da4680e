"""Connections are lent, waited for, replaced and closed as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.errors import DatabaseUnavailableError, NotCommittedError, PoolTimeoutError, SessionClosedError
from tenfold.runtime import Database, PoolSettings
from tests.clock import Clock

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def two(notes: str, driver: Any, clock: Clock) -> AsyncIterator[Database]:
    settings = PoolSettings(min_size=1, max_size=2, acquire_timeout=0.05, idle_time=60, lifetime=600)
    async with Database(notes, driver=driver, pool=settings, clock=clock) as db:
        yield db


async def pid(db: Database) -> int:
    async with db.tenant(7) as session:
        return int(await session.fetch_value(PID))


async def test_a_pool_that_is_exhausted_names_who_holds_it(two: Database, clock: Clock) -> None:
    async with two.tenant(7), two.tenant(8):
        clock.now += 4.25
        with pytest.raises(PoolTimeoutError) as told:
            await pid(two)
        said = str(told.value)
        assert "2 of 2 are held" in said
        assert "2 by test_pool.py:" in said or said.count("1 by test_pool.py:") == 2
        assert "longest 4.2 s" in said
        assert two.statistics().primary.timeouts == 1
        assert two.statistics().primary.waiting == 0
        assert two.statistics().primary.longest_held == 4.25
    assert two.statistics().primary.held == 0
    await pid(two)


async def test_who_waits_gets_the_next_that_comes_back_in_order(notes: str, driver: Any) -> None:
    async with Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=1)) as db:
        order: list[int] = []

        async def wait(number: int) -> None:
            async with db.tenant(7) as session:
                await session.fetch_value(PID)
                order.append(number)

        async with db.tenant(7):
            tasks = [asyncio.create_task(wait(number)) for number in range(5)]
            while db.statistics().primary.waiting < 5:
                await asyncio.sleep(0)
            tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [0, 2, 3, 4]
        assert db.statistics().primary.made == 1


async def test_a_connection_given_to_one_who_was_cancelled_goes_to_the_next(notes: str, driver: Any) -> None:
    async with Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=1)) as db:
        first = db.tenant(7)
        await first.__aenter__()
        waiting = [asyncio.create_task(pid(db)) for _ in range(2)]
        while db.statistics().primary.waiting < 2:
            await asyncio.sleep(0)
        await first.__aexit__(None, None, None)  # it is the first one's now, who does not run before
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        assert await waiting[1]
        assert db.statistics().primary.held == 0


async def test_no_more_connections_than_allowed(notes: str, driver: Any) -> None:
    async with Database(notes, driver=driver, pool=PoolSettings(min_size=0, max_size=3)) as db:
        await asyncio.gather(*(pid(db) for _ in range(40)))
        assert db.statistics().primary.size <= 3
        assert db.statistics().primary.made <= 3


async def test_old_and_idle_connections_are_closed(two: Database, clock: Clock) -> None:
    async with two.tenant(7), two.tenant(8):
        pass
    pool = two._servers.primary
    assert two.statistics().primary.size == 2
    clock.now += 59
    pool.reap()
    assert two.statistics().primary.size == 2
    clock.now += 1
    pool.reap()
    assert two.statistics().primary.size == 1
    before = await pid(two)
    clock.now += 600
    assert await pid(two) == before
    assert await pid(two) != before


async def test_a_connection_that_died_while_idle_is_replaced_unseen(two: Database, database: str) -> None:
    async with two.tenant(7) as one, two.tenant(7) as other:
        pids = [await each.fetch_value(PID) for each in (one, other)]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s::int[]) pid", [pids])
    assert await pid(two) not in pids
    assert await pid(two) not in pids


async def test_a_connection_that_dies_in_the_block_is_an_error_and_leaves_the_pool(
    two: Database, database: str
) -> None:
    in_doubt: list[str] = []
    with pytest.raises(Exception, match=r"terminat|closed"):
        async with two.tenant(7) as session:
            session.after_commit(lambda: in_doubt.append("x"), also_in_doubt=True)
            await session.execute("UPDATE notes SET body = 'half'")
            with psycopg.connect(database, autocommit=True) as owner:
                owner.execute("SELECT pg_terminate_backend(%s, 10000)", [await session.fetch_value(PID)])
            await session.fetch("SELECT 1")
    assert in_doubt == []  # no COMMIT was sent
    assert two.statistics().primary.held == 0
    async with two.tenant(7) as session:
        assert await session.fetch_value("SELECT count(*) FROM notes WHERE body = 'half'") == 0


async def test_a_connection_that_dies_before_the_commit_leaves_it_in_doubt(
    two: Database, database: str
) -> None:
    in_doubt: list[str] = []
    with pytest.raises(Exception, match=r"terminat|closed|committed") as told:
        async with two.tenant(7) as session:
            session.after_commit(lambda: in_doubt.append("x"), also_in_doubt=True)
            await session.execute("UPDATE notes SET body = 'half'")
            with psycopg.connect(database, autocommit=True) as owner:
                owner.execute("SELECT pg_terminate_backend(%s, 10000)", [await session.fetch_value(PID)])
    # A driver that saw the end sends no COMMIT; the other one only knows that no answer came.
    assert in_doubt == ([] if isinstance(told.value, NotCommittedError) else ["x"])
    assert two.statistics().primary.held == 0


async def test_closing_waits_for_what_is_lent_and_turns_away_who_waits(notes: str, driver: Any) -> None:
    db = Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=1))
    await db.open()
    async with db.tenant(7) as session:
        waiting = asyncio.create_task(pid(db))
        while not db.statistics().primary.waiting:
            await asyncio.sleep(0)
        closing = asyncio.create_task(db.close())
        with pytest.raises(SessionClosedError):
            await waiting
        assert await session.fetch_value("SELECT count(*) FROM notes") == 10
        assert not closing.done()
    await closing
    assert db.statistics().primary.size == 0


async def test_closing_does_not_wait_forever(notes: str, driver: Any) -> None:
    db = Database(notes, driver=driver, pool=PoolSettings(max_size=1, min_size=1, acquire_timeout=0.05))
    await db.open()
    with pytest.raises(Exception, match=r"closed|committed"):
        async with db.tenant(7) as session:
            await db.close()
            await session.fetch("SELECT 1")


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"host": "/nowhere"}, "/nowhere"),
        ({"host": "127.0.0.1", "port": "1"}, "127.0.0.1:1"),
        ({"dbname": "no_such_database"}, "no_such_database"),
        ({"user": "no_such_role"}, "no_such_role"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_named_without_a_password(
    notes: str, driver: Any, wrong: dict[str, str], said: str
) -> None:
    dsn = make_conninfo(notes, password="secret", **wrong)  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailableError, match=said) as told:
        await Database(dsn, driver=driver).open()
    assert "secret" not in str(told.value)


async def test_a_server_without_a_connection_to_spare_is_unavailable(
    notes: str, database: str, role: str, driver: Any
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f'ALTER ROLE "{role}" CONNECTION LIMIT 1')  # type: ignore[arg-type]
        async with Database(notes, driver=driver, pool=PoolSettings(min_size=1, max_size=2)) as db:
            async with db.tenant(7):
                db._servers.primary._outage._since = -1e9  # it was tried for long
                with pytest.raises(DatabaseUnavailableError, match="too many connections"):
                    await pid(db)
            await pid(db)
