"""Memory and cost settings are as they came, and the database has outgrown them.

## What it finds
Settings at the values that PostgreSQL comes with, each only where the snapshot shows that it matters:

- `shared_buffers` at 128 MB or less, and a larger database;
- `effective_cache_size` at 4 GB or less, and a larger database;
- `random_page_cost` at 4, and a database larger than shared_buffers;
- `work_mem` at 4 MB, and 1 GB a day of sorts and hashes spilled to temporary files;
- `maintenance_work_mem` at 64 MB, and a table of 1 GB or more;

and `work_mem` times `max_connections` beyond four times shared_buffers, where shared_buffers has been set.

## Why it matters
The factory values are chosen so that the server starts on the smallest machine. A small shared_buffers makes
every backend ask the operating system for pages; a small effective_cache_size and a random_page_cost of 4, a
figure for spinning disks, make the planner prefer sequential scans to indexes; a small work_mem sends sorts
to disk; a small maintenance_work_mem makes index builds sort in many runs. A large work_mem in every one of
many connections can take more memory than there is, because each sort and hash of a statement may use that
much.

## How to fix
The snapshot does not show how much memory the machine has. The usual start: shared_buffers a quarter of it,
effective_cache_size three quarters, maintenance_work_mem a twentieth at most 2 GB, random_page_cost 1.1 on
SSD or network storage. Raise work_mem for the role that needs it rather than for all.

## When to ignore
On a machine whose memory really is that small.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.rules.settings import number, size
from tenfold.rules.subject import Subject

ID = "memory-settings"

_MB = 1 << 20
_GB = 1 << 30
# What initdb writes or the server assumes (src/backend/utils/misc/guc_tables.c).
_SHARED_BUFFERS = 128 * _MB
_EFFECTIVE_CACHE_SIZE = 4 * _GB
_RANDOM_PAGE_COST = 4.0
_WORK_MEM = 4 * _MB
_MAINTENANCE_WORK_MEM = 64 * _MB


def check(subject: Subject) -> Iterator[Finding]:
    yield from _caches(subject)
    yield from _spills(subject)
    yield from _maintenance(subject)
    yield from _overcommitted(subject)


def _caches(subject: Subject) -> Iterator[Finding]:
    snapshot = subject.snapshot
    database = snapshot.database.size_bytes
    buffers, cache = size(snapshot, "shared_buffers"), size(snapshot, "effective_cache_size")
    if database is None or buffers is None or database <= buffers:
        return
    if buffers <= _SHARED_BUFFERS:
        yield _finding("shared_buffers", f"{_bytes(buffers)}, and the database has {_bytes(database)}")
    if cache is not None and cache <= _EFFECTIVE_CACHE_SIZE < database:
        yield _finding(
            "effective_cache_size",
            f"{_bytes(cache)}, and the database has {_bytes(database)}: index scans look too dear",
        )
    if number(snapshot, "random_page_cost") == _RANDOM_PAGE_COST:
        yield _finding(
            "random_page_cost",
            "4, a figure for spinning disks: the planner prefers sequential scans to indexes",
            "ALTER SYSTEM SET random_page_cost = 1.1",
            "SELECT pg_reload_conf()",
        )


def _spills(subject: Subject) -> Iterator[Finding]:
    work_mem, days = size(subject.snapshot, "work_mem"), subject.activity_days
    if work_mem is None or days is None or work_mem > _WORK_MEM:
        return
    daily = subject.snapshot.database.temp_bytes / days
    if daily >= subject.thresholds.temporary_bytes_per_day:
        yield _finding(
            "work_mem", f"{_bytes(work_mem)}, and sorts and hashes spill {_bytes(daily)} a day to disk"
        )


def _maintenance(subject: Subject) -> Iterator[Finding]:
    memory = size(subject.snapshot, "maintenance_work_mem")
    if memory is None or memory > _MAINTENANCE_WORK_MEM:
        return
    largest = max(subject.stored, key=lambda table: table.size_bytes or 0, default=None)
    if largest is None or (largest.size_bytes or 0) < subject.thresholds.maintenance_table_bytes:
        return
    yield _finding(
        "maintenance_work_mem",
        f"{_bytes(memory)}, and {largest.display} has {_bytes(largest.size_bytes or 0)}: its indexes are "
        "built in many sorted runs",
    )


def _overcommitted(subject: Subject) -> Iterator[Finding]:
    snapshot = subject.snapshot
    work_mem, buffers = size(snapshot, "work_mem"), size(snapshot, "shared_buffers")
    connections = number(snapshot, "max_connections")
    if work_mem is None or buffers is None or connections is None or buffers <= _SHARED_BUFFERS:
        return
    # Whoever set shared_buffers gave it about a quarter of the memory.
    memory, demand = 4 * buffers, work_mem * connections
    if demand > memory:
        yield _finding(
            "max_connections",
            f"{connections:,.0f}, and with work_mem of {_bytes(work_mem)} one sort in each can take "
            f"{_bytes(demand)}, more than four times shared_buffers",
        )


def _finding(setting: str, text: str, *advice: str) -> Finding:
    return Finding(
        rule=ID,
        priority=Priority.P2,
        object=setting,
        message=f"{setting} is {text}",
        advice=advice,
    )


def _bytes(count: float) -> str:
    return f"{count / _GB:,.1f} GB" if count >= _GB else f"{count / _MB:,.0f} MB"
