"""More than a tenth of a table's row versions are dead.

## What it finds
Tables and partitions with 10,000 row versions or more, of which over 10 % are dead by the server's counters.

## Why it matters
An UPDATE writes a new version of the row and a DELETE only marks it; the old version stays in the page, and
its index entries in every index, until vacuum finds that no transaction can see it. Until then scans read it
and throw it away, index scans visit it, and new rows extend the file because the space is not free yet. The
file seldom shrinks again.

## How to fix
`VACUUM (ANALYZE)` clears it now, beside readers and writers. So that it does not come back, autovacuum must
start earlier: by default it waits until a fifth of the table is dead, which is 2,000,000 rows of ten million.
If vacuum runs and dead rows stay, an old transaction, an abandoned replication slot or a prepared transaction
still sees them: see `idle-in-transaction`.

## When to ignore
Right after a large batch update or delete, when autovacuum has not come round yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.metrics import dead_of, percent
from tenfold.rules.subject import Subject
from tenfold.rules.vacuum import eager, vacuum_trigger

ID = "dead-tuples"


def check(subject: Subject) -> Iterator[Finding]:
    alert = subject.thresholds.dead_tuple_ratio_alert
    for table in subject.stored:
        share = dead_of(subject, table)
        if share is None or share.ratio <= alert:
            continue
        root = subject.root_of(table)
        trigger = vacuum_trigger(subject.snapshot, table)
        late = share.part > trigger
        wish = None if late else eager(subject, table)
        yield Finding(
            rule=ID,
            priority=subject.priority(root),
            object=table.display,
            relation=root.oid,
            message=f"{table.display} has {share.part:,.0f} dead among {share.whole:,.0f} row versions "
            f"({percent(share.ratio)}); autovacuum "
            + (
                f"should have started at {trigger:,.0f} and does not clear them"
                if late
                else f"does not start before {trigger:,.0f}"
            ),
            remedies=(wish,) if wish is not None else (),
            advice=(f"VACUUM (ANALYZE) {table.qualified}",),
        )
