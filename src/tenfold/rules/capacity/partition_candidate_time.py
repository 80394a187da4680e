"""A large or fast-growing log is one table: partitioning by time would keep it manageable.

## What it finds
Tables that only grow with time and are not partitioned: they have a column for when the row was written
(`created_at`, `occurred_at`, ...), none for when it last changed (`updated_at`), and no queue's due time.
They must hold 10,000,000 rows, or the configuration must expect 20,000 operations a day of them.

## Why it matters
Old rows of a log are read seldom and removed in bulk. In one table that removal is a DELETE: each row is
written to the WAL, leaves a dead version and index entries behind for vacuum, and vacuum walks every index of
the whole table to clear them. A partition is dropped in milliseconds. Indexes stay small enough to be cached,
because inserts touch only those of the newest partition; queries with a time range skip the other partitions.

## How to fix
A table cannot be turned into a partitioned one in place. Two facts shape the move:

- Every unique key must contain the partition key, so the primary key becomes `(id, created_at)`.
- Foreign keys that refer to `id` alone can no longer be had: drop them, or let them carry the time as well.

That is also why `LIKE messages INCLUDING ALL` fails for a partitioned table: it copies a primary key without
the partition column. With rows in the table, make it the first partition instead of copying it:

1. Build a unique index on `(id, created_at)` concurrently.
2. `ADD CONSTRAINT ... CHECK (created_at < '2025-02-01') NOT VALID`, then validate it; inserts go on.
3. In one short transaction: rename the table, replace its primary key by one `USING INDEX` of step 1, create
   the partitioned table under the old name (without copying the check), and attach the old table
   `FOR VALUES FROM (MINVALUE) TO ('2025-02-01')`. The validated check spares the scan.
4. Create partitions ahead of time, by pg_partman or a scheduled job; keep the default partition empty.

## When to ignore
Queries that look rows up by another key without a time range must ask every partition: with many partitions
and such queries, one table with good indexes is faster. Below some ten million rows there is no hurry.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from tenfold.model.ddl import fit, literal, qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.rules.capacity._partitioning import (
    partitioned_copy,
    partitioned_name,
    referring_keys,
    refers_text,
    volume,
)
from tenfold.rules.capacity._time_series import time_series
from tenfold.rules.subject import Subject

ID = "partition-candidate-time"


def check(subject: Subject) -> Iterator[Finding]:
    referring = subject.once(referring_keys)
    for table in subject.tables:
        size = volume(subject, table, subject.thresholds.partition_time_operations_per_day)
        if size is None or table.kind != "r":
            continue
        series = time_series(subject, table)
        if series is None or series.due is not None:
            continue
        yield Finding(
            rule=ID,
            priority=Priority.P2,
            object=table.display,
            relation=table.oid,
            message=f"{table.display} {size} and grows with {series.written.name}, unpartitioned: old rows "
            f"can only be deleted one by one{refers_text(referring.get(table.oid, 0))}",
            advice=(partitioned_copy(subject, table, series.written, "RANGE"), *_months(subject, table)),
        )


def _months(subject: Subject, table: Relation) -> Iterator[str]:
    """This month's partition and the next one's."""
    start = datetime.datetime.fromisoformat(subject.snapshot.server.now).date().replace(day=1)
    for _ in range(2):
        end = (start + datetime.timedelta(days=31)).replace(day=1)
        name = qualified(table.schema, fit(f"{table.name}_{start:%Y_%m}"))
        yield (
            f"CREATE TABLE {name} PARTITION OF {partitioned_name(table)} "
            f"FOR VALUES FROM ({literal(start.isoformat())}) TO ({literal(end.isoformat())})"
        )
        start = end
