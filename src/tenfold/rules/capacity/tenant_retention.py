"""A hot table of tenants' events or jobs only grows: nothing removes what is old.

## What it finds
Hot tenant tables, and children of tenant tables, that grow with time (see `partition-candidate-time`), queues
included, that are not partitioned and from which hardly a row is deleted.

## Why it matters
At 20,000 rows a day a table holds seven million rows after a year, nearly all of them never read again, and
every index, backup, vacuum and restore carries them along. A queue suffers soonest: finished jobs lie between
the few that are due, and every worker steps over them. Personal data that nobody needs any more is a
liability besides.

## How to fix
Decide how long rows are needed: the outreach platform keeps its queues for 30 days. Then either partition by
time and drop old partitions, or delete in small batches on a schedule, which needs an index on the time
column. One large DELETE holds its locks and its snapshot for its whole run; batches of some thousand rows do
not. Under row-level security the job's role must see all tenants, or work tenant by tenant.

## When to ignore
Where the rows are the product, such as a ledger or a conversation that customers can read back for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Relation
from tenfold.rules.capacity._time_series import TimeSeries, time_series
from tenfold.rules.subject import Subject

ID = "tenant-retention"
NEEDS_TENANCY = True

#: The outreach platform's retention for queue tables.
_QUEUE_DAYS = 30
_BATCH_ROWS = 5_000


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        part = subject.tenancy.of(table.oid)
        if part is None or part.table_class not in ("tenant", "child") or table.kind != "r":
            continue
        if not subject.is_hot(table) or _is_kept_short(subject, table.oid):
            continue
        series = time_series(subject, table)
        if series is not None:
            yield _finding(subject, series)


def _finding(subject: Subject, series: TimeSeries) -> Finding:
    table = series.relation
    operations = f"{subject.operations_per_day(table):,.0f} operations a day"
    grows = "is a queue that keeps its finished work" if series.due else f"grows with {series.written.name}"
    return Finding(
        rule=ID,
        priority=Priority.P2,
        object=table.display,
        relation=table.oid,
        message=f"{table.display} {grows} at {operations}, and nothing removes its old rows",
        advice=(_delete_finished(table, series.due),) if series.due else (),
    )


def _delete_finished(queue: Relation, due: Column) -> str:
    """One batch. How long a log is needed is not ours to say, so only queues are given a statement."""
    return (
        f"DELETE FROM {queue.qualified} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {queue.qualified} "
        f"WHERE {identifier(due.name)} < now() - INTERVAL '{_QUEUE_DAYS} days' LIMIT {_BATCH_ROWS}))"
    )


def _is_kept_short(subject: Subject, relation: int) -> bool:
    """Whether the counters show that somebody deletes about as the rows come in."""
    activity = subject.snapshot.activity_by_relation.get(relation)
    if activity is None or not activity.deleted:
        return False
    return activity.deleted >= subject.thresholds.retention_delete_ratio * activity.inserted
