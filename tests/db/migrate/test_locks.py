"""What stands in the way: who it is, for how long others wait for us, and what is never dropped."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from tenfold.migrate.retry import Backoff
from tenfold.migrate.run import State
from tests.db.migrate.bench import BUILD_WAITS, Bench, holder
from tests.db.migrate.changes import LIMITS, add_column, change, drop_index, index, plan_of
from tests.waiting import await_condition

FEW = replace(LIMITS, lock_timeout=0.3, attempts=2, backoff=Backoff(first=0.01))


def test_who_holds_the_lock_is_named_without_the_text_of_a_statement(bench: Bench) -> None:
    with holder(bench, "SELECT 'secret' FROM messages") as blocker:
        run = bench.apply(plan_of(bench.dsn, add_column()), limits=FEW)
        pid = blocker.info.backend_pid
    (outcome,) = run.outcomes
    assert outcome.state is State.FAILED
    assert "given up after 2 tries: blocked by" in outcome.why
    for part in (
        f"pid {pid}",
        "role postgres",
        "application 'night report'",
        "idle in transaction for",
        "statement SELECT",
    ):
        assert part in outcome.why
    told = repr(bench.events.told) + repr(bench.events.blockers) + outcome.why
    assert "secret" not in told


def test_a_lock_that_becomes_free_is_taken_at_the_next_try(bench: Bench) -> None:
    with holder(bench, "LOCK TABLE messages IN ROW EXCLUSIVE MODE") as blocker:
        bench.events.react = lambda event: event == "retrying" and blocker.execute("ROLLBACK")
        run = bench.apply(plan_of(bench.dsn, add_column()), limits=replace(FEW, attempts=20))
    assert run.complete
    assert bench.events.of("retrying")


def test_a_brief_change_takes_no_longer_than_the_lock_timeout(bench: Bench) -> None:
    """The first statement's lock is given up when the time for all is over, though each is quick enough."""
    slow = replace(add_column(), sql=(*add_column().sql, *["SELECT pg_sleep(0.2)"] * 3))
    run = bench.apply(plan_of(bench.dsn, slow), limits=FEW)
    assert "it took longer than 0.3 s" in run.outcomes[0].why
    assert not bench.has_column("team_id")


def test_a_build_outwaits_an_old_transaction_and_names_it(bench: Bench) -> None:
    """A lock_timeout would end the build: what is in the way here stays for many times as long."""
    with holder(bench, "INSERT INTO messages (thread_id) VALUES (1)") as blocker:
        timers: list[threading.Timer] = []

        def wait(event: str) -> None:
            # Told again whenever the blockers change: an autovacuum of the table may be one for a moment.
            if event == "blocked" and not timers:
                timers.append(threading.Timer(4 * FEW.lock_timeout, lambda: blocker.execute("ROLLBACK")))
                timers[0].start()

        bench.events.react = wait
        pid = blocker.info.backend_pid
        run = bench.apply(plan_of(bench.dsn, index()), limits=FEW)
    assert run.complete
    assert pid in {each.pid for each in bench.events.blockers}
    assert "waiting for writers before build" in {each.phase for each in bench.events.progresses}
    assert not bench.events.of("retrying")


def test_a_scan_waits_briefly_for_its_lock(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("ALTER TABLE messages ADD CONSTRAINT few CHECK (number < 5) NOT VALID")
    validate = change(
        "scan",
        "validate",
        done="SELECT convalidated FROM pg_constraint WHERE conname = 'few'",
        sql=("ALTER TABLE public.messages VALIDATE CONSTRAINT few",),
    )
    with holder(bench, "LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE"):
        run = bench.apply(plan_of(bench.dsn, validate), limits=FEW)
        assert "night report" in run.outcomes[0].why
    assert bench.apply(plan_of(bench.dsn, validate)).complete


# --- leftovers ---


def leave_invalid(bench: Bench, statement: str) -> None:
    """Kills a concurrent build while it waits for an old transaction."""
    with holder(bench, "INSERT INTO messages (thread_id) VALUES (1)"), bench.connect() as builder:
        thread = threading.Thread(target=_ends_badly, args=(builder, statement))
        thread.start()
        bench.until(BUILD_WAITS)
        bench.value("SELECT pg_terminate_backend(%s)", builder.info.backend_pid)
        thread.join()


def _ends_badly(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute(statement)


@pytest.mark.servers(15, 16, 18)
def test_an_invalid_leftover_is_dropped_and_built_again(bench: Bench) -> None:
    leave_invalid(bench, index().sql[0])
    assert bench.indexes()["idx_messages_number"] is False
    assert bench.apply(plan_of(bench.dsn, index())).complete
    assert bench.indexes() == {"messages_pkey": True, "idx_messages_number": True}


@pytest.mark.servers(15, 16, 18)
def test_leftovers_of_a_rebuild_are_dropped_and_no_others(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("CREATE INDEX idx_messages_number ON messages (number)")
        connection.execute("CREATE INDEX idx_messages ON messages (number)")
    leave_invalid(bench, "REINDEX INDEX CONCURRENTLY idx_messages_number")
    leave_invalid(bench, "REINDEX INDEX CONCURRENTLY idx_messages")
    leave_invalid(bench, "CREATE INDEX CONCURRENTLY idx_messages_number_ccnew9 ON messages (id)")
    before = bench.value("SELECT pg_relation_filenode('idx_messages_number')")
    rebuild = replace(
        index(),
        sql=("REINDEX INDEX CONCURRENTLY public.idx_messages_number",),
        done=f"SELECT pg_relation_filenode('public.idx_messages_number') <> {before}",
    )
    assert bench.apply(plan_of(bench.dsn, rebuild)).complete
    assert bench.indexes() == {
        "messages_pkey": True,
        "idx_messages_number": True,
        "idx_messages": True,
        "idx_messages_ccnew": False,
        "idx_messages_number_ccnew9": False,
    }


def test_an_index_of_that_name_on_another_table_is_left_alone(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute(
            "CREATE TABLE others (number int); CREATE INDEX idx_messages_number ON others (number)"
        )
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_messages_number'::regclass"
        )
    run = bench.apply(plan_of(bench.dsn, index()))
    assert "exists already, on public.others" in run.outcomes[0].why
    assert bench.value("SELECT count(*) FROM pg_class WHERE relname = 'idx_messages_number'") == 1


@pytest.mark.servers(15, 18)
def test_what_somebody_else_builds_is_waited_for(bench: Bench) -> None:
    with holder(bench, "INSERT INTO messages (thread_id) VALUES (1)") as blocker, bench.connect() as builder:
        thread = threading.Thread(target=builder.execute, args=(index().sql[0],))
        thread.start()
        bench.until(BUILD_WAITS)
        oid = bench.value("SELECT 'idx_messages_number'::regclass::oid")
        bench.events.react = lambda event: event == "blocked" and blocker.execute("ROLLBACK")
        run = bench.apply(plan_of(bench.dsn, index()))
        thread.join()
        assert bench.events.of("note") == [
            f"waits for the build of the same index by pid {builder.info.backend_pid}"
        ]
    assert run.complete
    assert bench.value("SELECT 'idx_messages_number'::regclass::oid") == oid


def test_a_failed_build_leaves_nothing(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("INSERT INTO messages (thread_id, number) VALUES (1, 7), (1, 7)")
    unique = replace(
        index(), sql=("CREATE UNIQUE INDEX CONCURRENTLY idx_messages_number ON public.messages (number)",)
    )
    run = bench.apply(plan_of(bench.dsn, unique))
    assert run.outcomes[0].state is State.FAILED
    assert "could not create unique index" in run.outcomes[0].why
    assert bench.indexes() == {"messages_pkey": True}


def test_a_build_that_somebody_cancels_fails_and_leaves_nothing(bench: Bench) -> None:
    with holder(bench, "INSERT INTO messages (thread_id) VALUES (1)") as blocker:

        def cancel(event: str) -> None:
            if event == "blocked":
                bench.value(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index"
                    " WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                blocker.execute("ROLLBACK")

        bench.events.react = cancel
        run = bench.apply(plan_of(bench.dsn, index()))
    assert run.outcomes[0].why == "somebody cancelled it on the server"
    assert bench.indexes() == {"messages_pkey": True}


def test_an_interrupted_drop_is_dropped_again(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("CREATE INDEX idx_messages_number ON messages (number)")
    leave_invalid_drop(bench)
    assert bench.indexes()["idx_messages_number"] is False
    assert bench.apply(plan_of(bench.dsn, drop_index("idx_messages_number", ""))).complete
    assert bench.indexes() == {"messages_pkey": True}


def leave_invalid_drop(bench: Bench) -> None:
    with holder(bench, "INSERT INTO messages (thread_id) VALUES (1)") as blocker, bench.connect() as dropper:
        thread = threading.Thread(
            target=_ends_badly, args=(dropper, "DROP INDEX CONCURRENTLY idx_messages_number")
        )
        thread.start()
        bench.until(
            "SELECT %s = ANY (pg_blocking_pids(%s))", blocker.info.backend_pid, dropper.info.backend_pid
        )
        bench.value("SELECT pg_terminate_backend(%s)", dropper.info.backend_pid)
        thread.join()


def test_done_by_another_at_the_same_time_is_done(bench: Bench) -> None:
    """Somebody adds the column while we wait for the lock: our try then fails, and the change is done."""
    with holder(bench, add_column().sql[0]) as other:

        def commit(event: str) -> None:
            if event == "blocked":
                other.execute("COMMIT")

        bench.events.react = commit
        run = bench.apply(plan_of(bench.dsn, add_column()), limits=replace(LIMITS, lock_timeout=20))
    assert run.outcomes[0].state is State.DONE
    assert not bench.events.of("retrying")


def test_a_session_that_holds_nothing_is_not_blamed(bench: Bench) -> None:
    with holder(bench, "SELECT 1"):
        assert bench.apply(plan_of(bench.dsn, add_column())).complete
    assert not bench.events.blockers
    await_condition(lambda: bench.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0)
