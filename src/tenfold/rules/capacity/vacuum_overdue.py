"""Autovacuum is more than a week behind on a table that it should have worked on.

## What it finds
Tables and partitions of 10,000 rows or more where dead, inserted or changed rows exceed the number at which
autovacuum starts (by its own formula, with the table's own parameters), and that it has not vacuumed, or
analyzed, for 7 days.

## Why it matters
Autovacuum looks at every database about once a minute, so work that waits for days means that it cannot do
its part: it is turned off, its few workers are busy with other tables, it is cancelled by conflicting locks
again and again, or an old transaction holds back what it may remove. Meanwhile dead rows pile up, the
visibility map goes stale and index-only scans visit the heap, and without ANALYZE the planner works with the
sizes of last week.

## How to fix
`VACUUM (ANALYZE)` on the table now. Then look for the cause: `autovacuum_enabled` of the table, long-running
transactions, `autovacuum_max_workers` and the cost limits, which on fast disks are set for disks of long ago.

## When to ignore
Where a scheduled job vacuums the table on purpose, less often than weekly.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.vacuum import overdue

ID = "vacuum-overdue"


def check(subject: Subject) -> Iterator[Finding]:
    for work in subject.once(overdue):
        table, root = work.table, subject.root_of(work.table)
        task, limit = work.task.upper(), f"{work.trigger:,.0f}"
        last = f"the last was {work.days:,.1f} days ago" if work.ever else "it never was"
        yield Finding(
            rule=ID,
            priority=subject.priority(root),
            object=table.display,
            detail=work.task,
            relation=root.oid,
            message=f"{table.display} awaits {task} with {work.pending:,} rows changed, past the {limit} "
            f"at which autovacuum starts; {last}",
            advice=(f"{task} {table.qualified}",),
        )
