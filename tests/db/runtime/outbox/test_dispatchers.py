"""Several dispatchers share the lanes; one that dies, is paused or cut off loses them, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.errors import UsageError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, NewEvent, Outbox, Retry, Subscription, create_sql
from tests.conftest import patient
from tests.db.runtime.outbox.conftest import Witness, count
from tests.db.runtime.replication import StandbyServer
from tests.waiting import await_condition, until

ROOT = Path(__file__).parents[4]


def lanes_of(*dispatchers: Dispatcher) -> list[int]:
    return [dispatcher.statistics().lanes for dispatcher in dispatchers]


# Sent from a thread: it may wait for what a dispatcher, in the test's event loop, is at.
EXPIRED = "UPDATE outbox.dispatchers SET expires_at = now() - interval '1 s'"


async def test_lanes_are_shared_out_as_dispatchers_come_and_go(dispatch: Any, across: Database) -> None:
    first = await dispatch(poll=1000.0)
    assert lanes_of(first) == [16]
    second = await dispatch(poll=1000.0)
    third = await dispatch(poll=1000.0)
    await until(lambda: sorted(lanes_of(first, second, third)) == [4, 6, 6], "shares")
    await second.stop()
    await until(lambda: lanes_of(first, third) == [8, 8], "shares of two")
    assert await count(across, "dispatchers") == 2


async def test_dispatchers_of_several_topics_have_shares_in_each(
    app: Database, outbox: Outbox, dispatch: Any
) -> None:
    a, b = Witness(), Witness()
    both = await dispatch({"a": a, "b": b})
    one = await dispatch({"b": b})
    await until(lambda: lanes_of(both, one) == [24, 8])
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent(t, str(n), n) for t in "abc" for n in range(50)])
    await a.has(50)
    await b.has(50)
    assert {event.topic for event in a.got} == {"a"}


async def test_no_event_is_given_twice_while_lanes_move(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", f"k{n % 50}", n) for n in range(3000)])
    dispatchers = [await dispatch(prefetch=100) for _ in range(3)]
    await witness.has(1000)
    await dispatchers[0].stop()
    await witness.has(3000)
    assert sorted(witness.payloads) == list(range(3000))
    for payloads in witness.by_key().values():
        assert payloads == sorted(payloads)


async def test_stopping_waits_for_what_is_under_way(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    witness.gate.clear()
    dispatcher = await dispatch()
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", n) for n in range(3)])
    await until(lambda: witness.begun == 1)
    stopping = asyncio.create_task(dispatcher.stop())
    await until(lambda: dispatcher._tasks["reads"].done())
    assert not stopping.done()
    witness.gate.set()
    await stopping
    assert witness.payloads == [0]
    assert await count(across, "events") == 2
    assert await count(across, "dispatchers") == 0
    assert dispatcher.statistics().held == 0


async def test_stopping_abandons_what_does_not_end_in_time(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    witness.gate.clear()
    dispatcher = await dispatch(stop_within=0.5)
    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k", 1)
    await until(lambda: witness.begun == 1)
    await dispatcher.stop()
    assert await count(across, "events") == 1
    witness.gate.set()
    await dispatch()
    await witness.has(1)
    # To be abandoned is no failure.
    assert witness.got[0].attempt == 1


async def test_one_that_was_struck_off_starts_nothing_more_and_begins_anew(
    app: Database, outbox: Outbox, dispatch: Any, owner: psycopg.Connection[Any]
) -> None:
    early, late = Witness(), Witness()
    early.gate.clear()
    first = await dispatch({"t": early}, listens=False)
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", n) for n in range(5)])
    await until(lambda: early.begun == 1)
    # As if it had been paused for longer than its lease, and another had come.
    await asyncio.to_thread(owner.execute, EXPIRED)
    second = await dispatch({"t": late})
    await late.has(5)
    assert late.payloads == [0, 1, 2, 3, 4]
    # It finds out at its next beat: what was under way is cancelled, what it held is dropped.
    first._beat_now.set()
    await until(lambda: lanes_of(first, second) == [8, 8])
    early.gate.set()
    assert early.got == []
    assert late.got[0].fence == 2


async def test_who_comes_late_to_a_lane_writes_no_failure_into_it(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, owner: psycopg.Connection[Any]
) -> None:
    early, late = Witness(), Witness()
    early.gate.clear()
    early.failing = lambda event: True
    first = await dispatch({"t": early}, listens=False)
    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k", 1)
    await until(lambda: early.begun == 1)
    await asyncio.to_thread(owner.execute, EXPIRED)
    second = await dispatch({"t": late})
    await late.has(1)
    no_row_passes = "ALTER TABLE outbox.retries ADD CHECK (attempts = 0)"
    await asyncio.to_thread(owner.execute, no_row_passes)
    early.gate.set()
    await until(lambda: first.statistics().failed == 1)
    await until(lambda: lanes_of(first, second) == [8, 8])
    assert await count(across, "retries") == 0


async def test_nothing_is_begun_that_might_not_end_within_the_lease(
    app: Database, outbox: Outbox, across: Database, witness: Witness
) -> None:
    now = 0.0
    async with Dispatcher(
        across,
        outbox,
        {"t": Subscription(call=witness, timeout=5)},
        lease=20,
        poll=0.02,
        clock=lambda: now,
        listens=False,
    ) as dispatcher:
        now = 15.5  # the lease, as this side counts, has less than a timeout left
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k", 1)
        await until(lambda: dispatcher.statistics().held == 1)
        assert witness.begun == 0
        dispatcher._beat_now.set()
        await witness.has(1)


async def test_attempts_are_remembered_by_who_takes_over(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    witness.failing = lambda event: event.attempt < 3
    retry = Retry(attempts=9, first=0.01, longest=0.01)
    first = await dispatch({"t": Subscription(call=witness, retry=retry)})
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", n) for n in range(3)])
    while not await count(across, "retries"):
        await asyncio.sleep(0)
    await first.stop()
    await dispatch({"t": Subscription(call=witness, retry=retry)})
    await witness.has(3)
    assert witness.payloads == [0, 1, 2]
    assert witness.got[0].attempt == 3
    while await count(across, "retries"):
        await asyncio.sleep(0.01)


async def test_a_timeout_longer_than_half_of_the_lease_is_refused(across: Database, outbox: Outbox) -> None:
    with pytest.raises(UsageError, match="half of the lease"):
        Dispatcher(across, outbox, {"t": Subscription(call=Witness(), timeout=16)}, lease=30)


# --- processes -----------------------------------------------------------------------------------------


@pytest.fixture
def process(made: str, role: str, dispatcher_role: str, owner: psycopg.Connection[Any]) -> Iterator[Any]:
    owner.execute("CREATE TABLE given (n serial, pid int, key text, payload text)")
    owner.execute(f'GRANT ALL ON given TO "{role}"; GRANT USAGE ON SEQUENCE given_n_seq TO "{role}"')
    started: list[subprocess.Popen[bytes]] = []

    def start(lease: int) -> subprocess.Popen[bytes]:
        dsns = [make_conninfo(made, user=user) for user in (dispatcher_role, role)]
        program = Path(__file__).with_name("consumer_process.py")
        started.append(subprocess.Popen([sys.executable, program, *dsns, str(lease)], cwd=ROOT))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def given(owner: psycopg.Connection[Any]) -> list[tuple[int, str]]:
    return owner.execute("SELECT pid, payload FROM given ORDER BY n").fetchall()


#: The process has its own driver, so one here is enough.
one_driver = pytest.mark.parametrize("driver", ["asyncpg"])


@one_driver
async def test_what_a_killed_process_was_at_is_delivered_again_and_in_order(
    app: Database,
    outbox: Outbox,
    dispatch: Any,
    witness: Witness,
    owner: psycopg.Connection[Any],
    process: Callable[[int], subprocess.Popen[bytes]],
) -> None:
    victim = process(60)
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", p) for p in (0, 1, "hold", 3, 4)])
    await until(lambda: (victim.pid, "hold") in given(owner), "the process is at it")
    # Three were begun; the first two are known to be done, or are given again.
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    owner.execute(EXPIRED)
    await dispatch()
    await until(lambda: 4 in witness.payloads)
    assert witness.payloads == [0, 1, "hold", 3, 4][-len(witness.payloads) :]
    assert len(witness.payloads) >= 3


@one_driver
async def test_a_paused_process_begins_nothing_after_it_was_replaced(
    app: Database,
    outbox: Outbox,
    dispatch: Any,
    witness: Witness,
    owner: psycopg.Connection[Any],
    process: Callable[[int], subprocess.Popen[bytes]],
) -> None:
    paused = process(4)
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", p) for p in ("hold", 1, 2)])
    await until(lambda: given(owner) == [(paused.pid, "hold")])
    os.kill(paused.pid, signal.SIGSTOP)
    await dispatch()
    await witness.has(3)
    assert witness.payloads == ["hold", 1, 2]
    os.kill(paused.pid, signal.SIGCONT)
    # It enters anew, under another number, and gets new events; of the old ones it begins none.
    await until(lambda: owner.execute("SELECT count(DISTINCT holder) FROM outbox.lanes").fetchone() == (2,))
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", f"new{n}", "new") for n in range(64)])
    await until(lambda: len(given(owner)) + len(witness.got) >= 1 + 3 + 64)
    assert {payload for _, payload in given(owner)} == {"hold", "new"}
    assert sum(payload == "hold" for _, payload in given(owner)) == 1


# --- servers -------------------------------------------------------------------------------------------


@pytest.fixture
def prepared(primary: EmbeddedServer) -> Iterator[Callable[[str], str]]:
    """An outbox on a server that may be stopped; its connection strings, by role."""
    with psycopg.connect(primary.dsn(), autocommit=True) as owner:
        owner.execute("DROP SCHEMA IF EXISTS outbox CASCADE")
        owner.execute("DO $$ BEGIN CREATE ROLE dispatcher LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        for statement in create_sql(application_role="app", dispatcher_role="dispatcher"):
            owner.execute(statement)  # type: ignore[arg-type]
    yield lambda user: patient(primary.dsn(), user=user)


async def test_a_server_that_ends_all_connections_costs_no_event_and_no_order(
    primary: EmbeddedServer, prepared: Callable[[str], str], driver: Any, witness: Witness
) -> None:
    async with (
        Database(prepared("app"), driver=driver) as app,
        Database(prepared("dispatcher"), driver=driver) as across,
    ):
        outbox = Outbox(app)
        async with Dispatcher(across, outbox, {"t": witness}, poll=0.05, lease=20) as dispatcher:
            await until(lambda: dispatcher.statistics().hearing)
            for number in range(30):
                async with app.tenant(7) as session:
                    await outbox.publish_many(session, [NewEvent("t", f"k{k}", number) for k in range(5)])
                if number % 10 == 5:
                    with psycopg.connect(primary.dsn(), autocommit=True) as owner:
                        owner.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE usename = 'dispatcher'"
                        )
            await until(lambda: len({event.id for event in witness.got}) == 150)
            await until(lambda: dispatcher.statistics().hearing)
        for payloads in witness.by_key().values():
            first_seen = list(dict.fromkeys(payloads))
            assert first_seen == list(range(30))


async def test_a_promoted_replica_is_dispatched_from_what_it_has(
    primary: EmbeddedServer,
    prepared: Callable[[str], str],
    start: Callable[[], StandbyServer],
    driver: Any,
    witness: Witness,
) -> None:
    replica = start()
    ahead = 0.0
    broken = True
    witness.failing = lambda event: broken and event.payload == 1
    subscription = Subscription(call=witness, retry=Retry(attempts=999, first=0.02, longest=0.02))
    async with Database(prepared("app"), driver=driver) as app:
        outbox = Outbox(app)
        async with app.tenant(7) as session:
            await outbox.publish_many(session, [NewEvent("t", "k", n) for n in range(3)])
    async with (
        Database(
            prepared("dispatcher"),
            replicas=[replica.dsn("postgres", "dispatcher")],
            driver=driver,
            clock=lambda: asyncio.get_running_loop().time() + ahead,
        ) as across,
        Dispatcher(across, outbox, {"t": subscription}, poll=0.05, lease=20) as dispatcher,
    ):
        await witness.has(1)
        await until(lambda: dispatcher.statistics().failed > 1)
        await asyncio.to_thread(await_replayed, primary, replica)
        await asyncio.to_thread(primary.stop)
        try:
            await asyncio.to_thread(replica.promote)
            await until(lambda: across.statistics().routing[0].why_not == "promoted")
            ahead = 60.0
            await until(lambda: not across.statistics().routing, "the replica takes its place")
            broken = False
            await until(lambda: 2 in witness.payloads)
        finally:
            await asyncio.to_thread(primary.start)
    assert list(dict.fromkeys(witness.payloads)) == [0, 1, 2]


def await_replayed(primary: EmbeddedServer, replica: StandbyServer) -> None:
    with psycopg.connect(primary.dsn(), autocommit=True) as owner:
        row = owner.execute("SELECT pg_current_wal_lsn()").fetchone()
    assert row
    await_condition(lambda: replica.ask(f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'"), "replayed")
