"""A record has what its work did, that of its tasks included, and nothing else."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

from tenfold.runtime.fingerprint import fingerprint
from tenfold.runtime.telemetry import Telemetry
from tenfold.runtime.telemetry.record import MOST_STATEMENTS, Record, current_record, recorded

ONE, OTHER = fingerprint("SELECT 1 FROM a"), fingerprint("SELECT 1 FROM b")


def ask(statement: str = "SELECT 1 FROM a") -> None:
    record = current_record()
    assert record is not None
    record.add_query(fingerprint(statement), 0.25, failed=False)


async def test_tasks_that_the_work_starts_add_to_it() -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        ask()

    with recorded(Record("id")) as record:
        await asyncio.gather(task(), task())
        async with asyncio.TaskGroup() as group:
            group.create_task(task())
        await asyncio.to_thread(ask)
    assert record.queries == 4
    assert record.query_seconds == 1.0


async def test_works_side_by_side_do_not_mix() -> None:
    async def work(queries: int) -> int:
        with recorded(Record("id")) as record:
            for _ in range(queries):
                await asyncio.sleep(0)
                ask()
        return record.queries

    assert await asyncio.gather(work(1), work(2), work(3)) == [1, 2, 3]
    assert current_record() is None


async def test_what_is_done_after_the_end_adds_nothing() -> None:
    over = asyncio.Event()

    async def late() -> None:
        await over.wait()
        ask()
        record.add_session(7, 1, 1)
        record.add_end(1)
        record.add_cache_read(True, 1)

    with recorded(Record("id", repeats=1)) as record:
        task = asyncio.create_task(late())
    over.set()
    await task
    assert (record.queries, record.sessions, record.end, record.cache_reads) == (0, 0, 0, 0)


def test_the_record_around_has_it_all_and_finds_nothing_repeated_itself() -> None:
    with recorded(Record("id", repeats=2)) as outer:
        for _ in range(2):
            with recorded(Record("id", repeats=2, outer=outer)) as inner:
                for _ in range(2):
                    ask()
                inner.add_session(7, 0.5, 0.25)
                inner.add_end(0.125)
                inner.add_cache_read(True, 0.5)
                inner.add_cache_read(False, 0.5)
            assert not inner.repeated
    assert not outer.repeated
    assert (outer.queries, outer.sessions, outer.tenant) == (4, 2, 7)
    assert (outer.acquire, outer.begin, outer.end) == (1.0, 0.5, 0.25)
    assert (outer.cache_reads, outer.cache_hits, outer.cache_seconds) == (4, 2, 2.0)


async def test_jobs_that_each_start_the_next_do_not_hold_on_to_all_before_them() -> None:
    telemetry, records, done = Telemetry(), list[Record](), asyncio.Event()

    async def job(more: int) -> None:
        with telemetry.recording("job") as record:
            records.append(record)
            tasks.append(asyncio.create_task(job(more - 1)) if more else asyncio.create_task(done.wait()))

    tasks: list[asyncio.Task[object]] = []
    await job(5)
    while len(records) < 6:
        await tasks[-1]
    done.set()
    await tasks[-1]
    assert [record.outer for record in records] == [None] * 6


def test_a_statement_is_repeated_once_it_is_asked_more_often_than_allowed() -> None:
    record = Record("id", repeats=2)
    found = [record.add_query(ONE, 0.5, failed=False) for _ in range(5)]
    assert [asked is not None for asked in found] == [False, False, True, False, False]
    record.add_query(OTHER, 0.5, failed=True)
    assert [(asked.fingerprint, asked.count, asked.seconds) for asked in record.repeated] == [(ONE, 5, 2.5)]
    assert record.errors == 1


def test_statements_without_number_do_not_grow_it() -> None:
    record = Record("id", repeats=1)
    for n in range(MOST_STATEMENTS + 100):
        record.add_query(fingerprint(f"SELECT 1 FROM t{n}x"), 0.0, failed=False)
    record.add_query(ONE, 0.0, failed=False)
    record.add_query(ONE, 0.0, failed=False)
    assert record.queries == MOST_STATEMENTS + 102
    assert len(record.statements()) == MOST_STATEMENTS
    assert not record.repeated


def test_it_is_printed_as_what_was_asked_most_often_first() -> None:
    record = Record("id")
    for n in range(20):
        record.add_query(fingerprint(f"SELECT 1 FROM t{n}x"), 0.001, failed=False)
    for _ in range(3):
        record.add_query(ONE, 0.001, failed=False)
    lines = str(record).splitlines()
    assert lines[:2] == ["23 queries in 23.0 ms", "  3 x SELECT ? FROM a (3.0 ms)"]
    assert lines[-1] == "  and 11 more"
    assert len(lines) == 12


def test_a_block_that_is_left_in_another_context_still_ends() -> None:
    record = Record("id")
    block = recorded(record)
    copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    assert record.ended
