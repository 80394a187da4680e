"""Every fault, under a write load: nothing acknowledged is lost or doubled, the schema comes out right.

No write may take longer than the lock timeout plus MARGIN, which is for a machine that has other things to
do; only where the server itself goes away are writes not timed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from tenfold.errors import ApplyInProgressError, ConnectionLostError
from tenfold.migrate.retry import Tempo
from tenfold.pg.embedded import EmbeddedServer
from tests.db.migrate.applier import Applier
from tests.db.migrate.bench import BUILD_WAITS, OURS, Bench, holder
from tests.db.migrate.changes import (
    LIMITS,
    add_column,
    check_not_null,
    fill,
    index,
    load,
    plan_of,
    trigger,
    validate,
)
from tests.db.migrate.load import WriteLoad
from tests.db.migrate.proxy import Proxy
from tests.waiting import await_condition

MARGIN = 1.0
ROWS = 10_000

WHOLE = (
    index(),
    add_column(),
    trigger(),
    fill(batch_rows=200),
    check_not_null(),
    validate(),
    index("idx_two", "team_id, number"),
)

#: Where a fault strikes: what is put in the way of apply, and how to see that it has come there.
OBSTACLES = {
    "build": "INSERT INTO messages (thread_id) VALUES (1)",
    "end of build": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1",
    "lock": "SELECT FROM messages LIMIT 1",
    "backfill": "SELECT 1",
}
ARRIVED = {
    "build": BUILD_WAITS,
    "end of build": BUILD_WAITS,
    "lock": f"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {OURS}",
    "backfill": "SELECT count(*) > 0 FROM pg_trigger WHERE tgname = 'fill_team'",
}
FILLING = "SELECT count(*) > 500 FROM messages WHERE team_id IS NOT NULL AND number < 0"


@pytest.fixture
def busy(database: str, tmp_path: Path) -> Bench:
    load(database, ROWS)
    return Bench(database, tmp_path)


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """One that may be crashed: what it acknowledges is in its log."""
    settings = {"synchronous_commit": True, "full_page_writes": True}
    with EmbeddedServer.temporary(settings=settings, port=0) as server:
        yield server


@contextmanager
def writers(bench: Bench, *, timed: bool = True) -> Iterator[WriteLoad]:
    """Writes before, during and after the block; checks them and the schema."""
    with WriteLoad(bench.dsn) as load:
        await_condition(lambda: len(load.acknowledged) > 50, "first writes")
        yield load
        before = len(load.acknowledged)
        await_condition(lambda: len(load.acknowledged) > before + 50, "last writes")
    load.check()
    check_schema(bench)
    if timed:
        assert load.longest < LIMITS.lock_timeout + MARGIN


def check_schema(bench: Bench) -> None:
    assert bench.indexes() == {"messages_pkey": True, "idx_messages_number": True, "idx_two": True}
    assert bench.value("SELECT convalidated FROM pg_constraint WHERE conname = 'messages_team_id_not_null'")
    wrong = (
        "SELECT count(*) FROM messages m JOIN threads t ON t.id = thread_id"
        " WHERE t.team_id IS DISTINCT FROM m.team_id"
    )
    assert bench.value(wrong) == 0
    assert bench.value("SELECT count(*) FROM messages WHERE number < 0") == ROWS


@contextmanager
def at_work(bench: Bench, where: str, dsn: str | None = None) -> Iterator[tuple[Applier, Callable[[], None]]]:
    """An apply in its own process that has come to `where`, and what takes away the obstacle there."""
    plan = plan_of(bench.dsn, *((*WHOLE[1:], WHOLE[0]) if where == "lock" else WHOLE))
    with ExitStack() as stack:
        obstacle = stack.enter_context(holder(bench, OBSTACLES[where]))
        applier = stack.enter_context(Applier(plan, dsn or bench.dsn, bench.folder))
        bench.until(ARRIVED[where])
        if where == "backfill":
            bench.until(FILLING)
        yield applier, lambda: None if obstacle.closed else obstacle.execute("ROLLBACK") and None


def finish(bench: Bench) -> None:
    """Runs it again to the end."""
    assert bench.apply(plan_of(bench.dsn, *WHOLE)).complete


def test_no_fault(busy: Bench) -> None:
    with writers(busy):
        finish(busy)


@pytest.mark.parametrize("where", ["build", "lock", "backfill"])
def test_kill_9_of_the_client(busy: Bench, where: str) -> None:
    with writers(busy):
        with at_work(busy, where) as (applier, _):
            applier.process.kill()
            assert applier.wait() == -signal.SIGKILL
        finish(busy)


def test_a_build_outlives_its_client_and_is_not_begun_anew(busy: Bench) -> None:
    with at_work(busy, "build") as (applier, _):
        applier.process.kill()
        applier.wait()
        oid = busy.value("SELECT 'idx_messages_number'::regclass::oid")
    finish(busy)
    assert busy.value("SELECT 'idx_messages_number'::regclass::oid") == oid


@pytest.mark.parametrize("where", ["end of build", "lock", "backfill"])
def test_ctrl_c_puts_back_what_was_under_way(busy: Bench, where: str) -> None:
    with writers(busy):
        with at_work(busy, where) as (applier, _):
            applier.process.send_signal(signal.SIGINT)
            assert applier.wait() == 2
            assert applier.lines[-1].startswith("ApplyInterruptedError: interrupted after ")
            if where == "end of build":
                assert "interrupted after 0 changes: what was under way was taken back" in applier.lines[-1]
                assert busy.indexes() == {"messages_pkey": True}
            busy.until(f"SELECT count(*) = 0 FROM pg_stat_activity WHERE {OURS}")
        finish(busy)


def test_ctrl_c_says_what_could_not_be_put_back(busy: Bench) -> None:
    """The drop of the unfinished index would wait for the same transaction as the build did."""
    with writers(busy):
        with at_work(busy, "build") as (applier, _):
            applier.process.send_signal(signal.SIGINT)
            assert applier.wait() == 2
            assert "the unfinished index public.idx_messages_number remains" in applier.lines[-1]
            assert busy.indexes()["idx_messages_number"] is False
        finish(busy)


@pytest.mark.parametrize("where", ["build", "lock", "backfill"])
def test_terminated_backends(busy: Bench, where: str) -> None:
    """Apply connects again and goes on by itself."""
    with writers(busy), at_work(busy, where) as (applier, clear):
        assert busy.value(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OURS}") == 2
        await_condition(
            lambda: any("looking for the server" in line for line in applier.lines), applier.lines
        )
        clear()
        assert applier.wait() == 0, applier.lines


def test_a_terminated_guard_is_replaced_while_the_build_goes_on(busy: Bench) -> None:
    with holder(busy, OBSTACLES["build"]) as obstacle:
        told: list[str] = []

        def react(event: str) -> None:
            told.append(event)
            if told == ["started", "blocked"]:
                busy.value(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND state = 'idle'"
                )
            elif event == "blocked":
                with pytest.raises(ApplyInProgressError):
                    busy.apply(plan_of(busy.dsn, index()))
                obstacle.execute("ROLLBACK")

        busy.events.react = react
        assert busy.apply(plan_of(busy.dsn, index())).complete
    assert busy.indexes()["idx_messages_number"]


@pytest.mark.parametrize("where", ["build", "lock", "backfill"])
def test_an_immediate_restart_of_the_server(own_server: EmbeddedServer, tmp_path: Path, where: str) -> None:
    bench = Bench(own_server.create_database("busy"), tmp_path)
    load(bench.dsn, ROWS)
    with writers(bench, timed=False), at_work(bench, where) as (applier, _):
        os.kill(own_server.pid, signal.SIGQUIT)
        await_condition(lambda: not own_server.running)
        own_server.start()
        assert applier.wait() == 0, applier.lines


def test_a_server_that_stays_away(own_server: EmbeddedServer, tmp_path: Path) -> None:
    bench = Bench(own_server.create_database("busy"), tmp_path)
    load(bench.dsn)
    bench.events.react = lambda event: event == "started" and own_server.stop()
    with pytest.raises(ConnectionLostError, match="did not come back within 1 s"):
        bench.apply(plan_of(bench.dsn, index()), limits=replace(LIMITS, reconnect=1))
    own_server.start()
    bench.events.react = lambda event: None
    assert bench.apply(plan_of(bench.dsn, index())).complete


def test_a_connection_that_breaks_on_the_way(own_server: EmbeddedServer, tmp_path: Path) -> None:
    """The server does not hear of it: its end of our former sessions, with the lock, lives on for a while."""
    bench = Bench(own_server.create_database("busy"), tmp_path)
    load(bench.dsn, ROWS)
    with Proxy(own_server.port) as proxy, writers(bench):
        through = own_server.dsn("busy", tcp=True) + f" port={proxy.port}"
        with at_work(bench, "build", through) as (applier, clear):
            old = bench.value(f"SELECT array_agg(pid) FROM pg_stat_activity WHERE {OURS}")
            proxy.cut()
            await_condition(
                lambda: any("looking for the server" in line for line in applier.lines), applier.lines
            )
            clear()
            bench.until(  # it waits for its own former guard for longer than for another apply
                f"SELECT count(*) > 0 FROM pg_stat_activity WHERE {OURS} AND pid <> ALL (%s)"
                " AND clock_timestamp() - backend_start > 2 * %s * interval '1 second'",
                old,
                LIMITS.lock_timeout,
            )
            proxy.forget()
            assert applier.wait() == 0, applier.lines


def test_a_client_that_hangs_in_a_transaction(busy: Bench) -> None:
    """It holds the table under ACCESS EXCLUSIVE and says no more: the server ends its session."""
    asked: list[float] = []

    def clock() -> float:
        if threading.current_thread().name == "tenfold-worker":
            asked.append(time.monotonic())
            if len(asked) == 3:  # when it began, before its first statement, before its second
                assert busy.has_lock("AccessExclusiveLock")
                busy.value(
                    "WITH new AS (INSERT INTO messages (thread_id) VALUES (1) RETURNING 1) SELECT FROM new"
                )
        return time.monotonic()

    two = replace(add_column(), sql=(*add_column().sql, "COMMENT ON COLUMN public.messages.team_id IS 'x'"))
    assert busy.apply(plan_of(busy.dsn, two), tempo=Tempo(clock)).complete
    assert len(asked) > 3
    assert "looking for the server" in busy.events.of("note")[0]


@pytest.mark.parametrize(
    "obstacle", ["SELECT FROM messages LIMIT 1", "UPDATE messages SET body = 'held' WHERE number = -999"]
)
def test_writers_do_not_queue_behind_a_change_that_waits(busy: Bench, obstacle: str) -> None:
    """The holder stays for longer than any write may take."""
    tries = 2 + int((LIMITS.lock_timeout + MARGIN) / LIMITS.lock_timeout)
    with writers(busy), holder(busy, obstacle) as idle:
        busy.events.react = lambda event: (
            len(busy.events.of("retrying")) == tries and idle.execute("ROLLBACK") and None
        )
        assert busy.apply(plan_of(busy.dsn, *WHOLE[1:], WHOLE[0])).complete
    assert len(busy.events.of("retrying")) >= tries
