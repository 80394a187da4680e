"""Reads go where they may, writes go to the primary, with real replicas that stop, lag and are promoted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenfold.errors import DatabaseUnavailableError, ReplicaError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database, PoolSettings, ReplicaSettings
from tests.clock import Clock
from tests.conftest import patient
from tests.db.runtime.replication import StandbyServer
from tests.waiting import until

WHERE = "SELECT pg_is_in_recovery()"
COUNT = "SELECT count(*) FROM notes WHERE body = 'new'"
POOL = PoolSettings(min_size=1, connect_timeout=30)
#: Looks follow each other at once; what is judged by time is judged by the clock of the test.
LIMITS = ReplicaSettings(look_every=0.01, wait=0.05)


def database(
    primary: EmbeddedServer,
    *replicas: StandbyServer,
    driver: Any,
    clock: Any,
    limits: ReplicaSettings = LIMITS,
) -> Database:
    return Database(
        patient(primary.dsn(user="app")),
        replicas=[each.dsn("postgres", "app") for each in replicas],
        replication=limits,
        driver=driver,
        pool=POOL,
        clock=clock,
    )


@pytest.fixture
async def db(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any, clock: Clock
) -> AsyncIterator[Database]:
    async with database(primary, replica, driver=driver, clock=clock) as db:
        yield db


async def on_replica(db: Database, **how: Any) -> bool:
    async with db.tenant(7, read_only=True, **how) as session:
        return bool(await session.fetch_value(WHERE))


async def count(db: Database, **how: Any) -> int:
    async with db.tenant(7, read_only=True, **how) as session:
        return int(await session.fetch_value(COUNT))


async def write(db: Database) -> str:
    async with db.tenant(7) as session:
        await session.execute("DELETE FROM notes WHERE body = 'new'")
        await session.execute("INSERT INTO notes SELECT 100, 7, 'new'")
        assert session.token is None
    assert session.token is not None
    return session.token


def fault(db: Database) -> str:
    return db.statistics().routing[0].why_not


async def test_reads_go_to_the_replica_by_choice_and_tenants_stay_apart(db: Database) -> None:
    assert await on_replica(db)
    async with db.tenant(7) as session:
        assert await session.fetch_value(WHERE) is False
    for tenant in (7, 8):
        async with db.tenant(tenant, read_only=True, isolation="repeatable read") as session:
            assert await session.fetch_value("SELECT count(DISTINCT team_id) FROM notes") == 1
            assert await session.fetch_value("SELECT max(team_id) FROM notes") == tenant


async def test_a_read_with_a_token_sees_the_write(db: Database, replica: StandbyServer) -> None:
    for _ in range(20):
        token = await write(db)
        assert await count(db, token=token) == 1
        async with db.tenant(7) as session:
            await session.execute("DELETE FROM notes WHERE body = 'new'")
        assert await count(db, token=session.token) == 0


async def test_while_replay_is_paused_the_primary_answers_a_read_with_a_token(
    db: Database, replica: StandbyServer
) -> None:
    replica.pause()
    async with db.tenant(7) as session:
        await session.execute("DELETE FROM notes WHERE body = 'new'")
    token = await write(db)
    assert await on_replica(db)
    assert not await on_replica(db, token=token)
    assert await count(db, token=token) == 1
    replica.resume()
    await until(lambda: db._servers._standings[0].replayed >= int(token.partition("-")[2], 16), "replayed")
    assert await on_replica(db, token=token)
    assert await count(db, token=token) == 1


async def test_a_read_waits_for_a_replica_that_is_about_to_replay(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any, clock: Clock
) -> None:
    patient = ReplicaSettings(look_every=60, wait=30)
    async with database(primary, replica, driver=driver, clock=clock, limits=patient) as db:
        replica.pause()
        token = await write(db)
        reading = asyncio.create_task(on_replica(db, token=token))
        await asyncio.sleep(0)
        assert not reading.done()
        await asyncio.to_thread(replica.resume)
        assert await reading


@pytest.mark.parametrize("token", ["", "garbage", "1-1", "primary", "f" * 40])
async def test_a_token_of_elsewhere_sends_a_read_to_the_primary(db: Database, token: str) -> None:
    assert not await on_replica(db, token=token)


async def test_a_replica_that_lags_is_ejected_and_has_to_prove_itself(
    db: Database, replica: StandbyServer, clock: Clock
) -> None:
    replica.pause()
    await write(db)
    assert await on_replica(db)
    await until(lambda: db._servers._course.lag(0, clock.now + 1) > 0, "a look at the primary")
    await db._servers.look()
    clock.now += 11
    await until(lambda: fault(db) == "lagging", "ejected")
    assert db.statistics().routing[0].lag == 11
    assert not await on_replica(db)
    replica.resume()
    await until(lambda: db.statistics().routing[0].lag == 0, "caught up")
    assert not await on_replica(db)
    clock.now += 5
    await until(lambda: fault(db) == "", "readmitted")
    assert await on_replica(db)


async def test_without_replicas_that_live_the_primary_answers(
    db: Database, replica: StandbyServer, clock: Clock
) -> None:
    replica.kill()
    assert not await on_replica(db)  # though nobody has looked yet
    await until(lambda: fault(db) == "unreachable", "ejected")
    assert not await on_replica(db)
    await asyncio.to_thread(replica.start)
    await until(lambda: db.statistics().routing[0].lag == 0, "seen again")
    clock.now += 5
    await until(lambda: fault(db) == "", "readmitted")
    assert await on_replica(db)


async def test_with_the_primary_gone_reads_go_on_and_writes_say_so_until_it_is_back(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any
) -> None:
    loop = asyncio.get_running_loop()
    # A clock of which three seconds pass quickly.
    async with database(primary, replica, driver=driver, clock=lambda: 20 * loop.time()) as db:
        token = await write(db)
        assert await count(db, token=token) == 1
        await asyncio.to_thread(primary.stop)
        try:
            assert await on_replica(db)
            assert await on_replica(db, token=token)
            for _ in range(2):
                with pytest.raises(DatabaseUnavailableError):
                    await write(db)
            assert await on_replica(db)
            with pytest.raises(DatabaseUnavailableError):
                await on_replica(db, token="garbage")
            replica.kill()
            with pytest.raises(DatabaseUnavailableError, match=r"neither .* nor"):
                await on_replica(db)
        finally:
            await asyncio.to_thread(primary.start)
        assert await write(db)
        assert db.statistics().primary.held == 0


async def test_a_write_waits_for_a_primary_that_is_back_soon(primary: EmbeddedServer, driver: Any) -> None:
    async with Database(patient(primary.dsn(user="app")), driver=driver, pool=POOL, clock=lambda: 0.0) as db:
        await asyncio.to_thread(primary.stop)
        writing = asyncio.create_task(_seven(db))
        await until(lambda: db._servers.primary._outage._since is not None, "a try that failed")
        await asyncio.to_thread(primary.start)
        assert await writing == 7


async def _seven(db: Database) -> int:
    async with db.tenant(7) as session:
        return int(await session.fetch_value("SELECT max(team_id) FROM notes"))


async def test_a_promoted_replica_gets_no_reads_while_the_primary_lives(
    db: Database, replica: StandbyServer
) -> None:
    await asyncio.to_thread(replica.promote)
    await until(lambda: fault(db) == "promoted", "noticed")
    assert not await on_replica(db)
    async with db.tenant(7) as session:
        await session.execute("INSERT INTO notes VALUES (500, 7, 'of the primary')")
    with psycopg.connect(replica.dsn("postgres")) as other:
        assert other.execute("SELECT FROM notes WHERE id = 500").fetchone() is None
    async with db.tenant(7) as session:
        await session.execute("DELETE FROM notes WHERE id = 500")


async def test_a_promoted_replica_takes_the_place_of_a_primary_that_is_gone(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any, clock: Clock
) -> None:
    async with database(primary, replica, driver=driver, clock=clock) as db:
        await asyncio.to_thread(primary.stop)
        try:
            await until(lambda: db._servers._gone_since is not None, "the primary is missed")
            await asyncio.to_thread(replica.promote)
            await until(lambda: fault(db) == "promoted", "noticed")
            clock.now += 5
            await until(lambda: db.statistics().routing == (), "followed")
            async with db.tenant(7) as session:
                await session.execute("INSERT INTO notes VALUES (600, 7, 'of the new primary')")
        finally:
            await asyncio.to_thread(primary.start)
        async with db.tenant(7, read_only=True) as session:
            assert await session.fetch_value("SELECT count(*) FROM notes WHERE id = 600") == 1


async def test_two_replicas_take_turns(
    primary: EmbeddedServer, start: Callable[[], StandbyServer], driver: Any, clock: Clock
) -> None:
    one, other = start(), start()
    async with database(primary, one, other, driver=driver, clock=clock) as db:
        for _ in range(4):
            assert await on_replica(db)
        assert [pool.made for pool in db.statistics().replicas] == [1, 1]
        one.kill()
        for _ in range(4):
            assert await on_replica(db)


async def test_what_is_no_replica_is_refused(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any
) -> None:
    app = patient(primary.dsn(user="app"))
    for servers, said in (
        ((app, app), "given as a replica and is a primary"),
        ((replica.dsn("postgres", "app"), app), "given as the primary and is a replica"),
    ):
        with pytest.raises(ReplicaError, match=said):
            await Database(servers[0], replicas=[servers[1]], driver=driver, pool=POOL).open()


async def test_a_server_of_another_cluster_is_refused(
    primary: EmbeddedServer, reachable_path: Path, driver: Any
) -> None:
    # Clusters that are not durable are copies of one template, and have its identifier.
    with EmbeddedServer.temporary(parent=reachable_path / "other", durable=True) as other:
        db = Database(patient(primary.dsn(user="app")), replicas=[other.dsn()], driver=driver, pool=POOL)
        with pytest.raises(ReplicaError, match="of another cluster"):
            await db.open()


async def test_a_replica_that_is_gone_at_the_start_is_taken_in_when_it_comes(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any, clock: Clock
) -> None:
    replica.kill()
    async with database(primary, replica, driver=driver, clock=clock) as db:
        assert not await on_replica(db)
        await asyncio.to_thread(replica.start)
        await until(lambda: db.statistics().routing[0].lag == 0, "seen")
        clock.now += 5
        await until(lambda: fault(db) == "", "taken in")
        assert await on_replica(db)


async def test_a_server_of_another_cluster_that_comes_later_gets_no_reads(
    primary: EmbeddedServer,
    replica: StandbyServer,
    driver: Any,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with database(primary, replica, driver=driver, clock=clock) as db:
        one = db._servers._replicas[0]
        one._system, one._identified = 1, False  # as if it had not been there at the start
        await until(lambda: "another cluster" in caplog.text, "a look")
        assert not await on_replica(db)
        clock.now += 60
        await db._servers.look()
        assert not await on_replica(db)


async def test_with_the_primary_gone_a_replica_that_lags_answers_who_has_no_token(
    primary: EmbeddedServer, replica: StandbyServer, driver: Any
) -> None:
    now = 0.0
    loop = asyncio.get_running_loop()
    async with database(primary, replica, driver=driver, clock=lambda: now + 20 * loop.time()) as db:
        replica.pause()
        token = await write(db)
        await db._servers.look()
        now += 60
        await until(lambda: fault(db) == "lagging", "ejected")
        await asyncio.to_thread(primary.stop)
        try:
            assert await on_replica(db)
            with pytest.raises(DatabaseUnavailableError):
                await on_replica(db, token=token)
        finally:
            await asyncio.to_thread(primary.start)
