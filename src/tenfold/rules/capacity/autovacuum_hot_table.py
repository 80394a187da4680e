"""A hot table is vacuumed only when a fifth of it is dead.

## What it finds
Hot tables (by counted or expected operations) for which autovacuum starts later than the target for dead rows
allows: a scale factor for dead, inserted or changed rows above 5 %, their own or the server's.

## Why it matters
Autovacuum starts when dead rows exceed 50 plus the scale factor times the table. With the default of 0.2 a
table of five million rows collects a million dead ones first; then one long run has all of that to clear, in
every index. Started at 2 % the same work comes in small steps, the visibility map stays fresh for index-only
scans, and statistics follow the newest rows, which is where a hot table's queries look.

## How to fix
Set the table's own parameters; that takes a SHARE UPDATE EXCLUSIVE lock for a moment, which blocks neither
reads nor writes. Partitions are set one by one, since a partitioned table has no storage of its own.

## When to ignore
A table that is only appended to and never updated needs it less; the insert parameter still serves
index-only scans.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.rules.subject import Subject
from tenfold.rules.vacuum import eager, parameter

ID = "autovacuum-hot-table"

_ROWS = {
    "autovacuum_vacuum_scale_factor": "dead",
    "autovacuum_vacuum_insert_scale_factor": "inserted",
    "autovacuum_analyze_scale_factor": "changed",
}


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        if not subject.is_hot(table):
            continue
        parts = [part for part in subject.storage_of(table) if part.kind == "r"]
        wishes = tuple(wish for part in parts if (wish := eager(subject, part)) is not None)
        if not wishes:
            continue
        late = {name for wish in wishes for name, _ in wish.options}
        shares = (
            f"{100 * max(parameter(subject.snapshot, part, name) for part in parts):g} % {rows}"
            for name, rows in _ROWS.items()
            if name in late
        )
        operations = subject.operations_per_day(table)
        yield Finding(
            rule=ID,
            priority=Priority.P1,
            object=table.display,
            relation=table.oid,
            message=f"{table.display} is hot ({operations:,.0f} operations a day), and autovacuum starts "
            f"only at {', '.join(shares)} rows",
            remedies=wishes,
        )
