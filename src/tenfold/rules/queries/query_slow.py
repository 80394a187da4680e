"""A statement is slow on average.

## What it finds
A recorded statement (pg_stat_statements) whose mean execution time is above the threshold (200 ms), called at
least ten times. Above the alert (500 ms) it is urgent, and most urgent where it touches a hot table.

## Why it matters
The mean hides the tail: where it is 200 ms, some calls take seconds, and each holds its connection, its
snapshot and its locks meanwhile. A pool of 20 connections serves no more than 100 such calls a second.

## How to fix
Look at the plan as the role that runs it, under row-level security if that is enabled, and for the largest
tenant, not for an average one:
```sql
EXPLAIN (ANALYZE, BUFFERS) EXECUTE ...;
```
Missing indexes show as `hot-table-unindexed`, `fk-index-missing` and `tenant-index-missing`; a missing tenant
filter as `query-missing-tenant-filter`; a result without end as `query-unbounded`.

## When to ignore
Reports and exports that are run rarely, off the request path, by a role with a statement_timeout of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.rules.subject import Subject
from tenfold.rules.workload import Judged, judged, once_each, touches_hot_table
from tenfold.statements.text import shown

ID = "query-slow"
NEEDS = ("statements",)


def check(subject: Subject) -> Iterator[Finding]:
    slow = (each for each in subject.once(judged) if _is_slow(subject, each))
    for name, each in once_each(subject, slow).items():
        statement = each.statement
        yield Finding(
            rule=ID,
            priority=_priority(subject, each),
            object=name,
            message=f"{name} takes {statement.mean_ms:,.0f} ms on average and {statement.max_ms:,.0f} ms "
            f"at most, in {statement.calls:,} calls; {shown(statement.text)}",
        )


def _is_slow(subject: Subject, each: Judged) -> bool:
    reads_catalog_only = each.shape is not None and not each.shape.uses
    return (
        each.is_recorded
        and each.statement.mean_ms >= subject.thresholds.slow_statement_ms
        and not reads_catalog_only
    )


def _priority(subject: Subject, each: Judged) -> Priority:
    if each.statement.mean_ms < subject.thresholds.slow_statement_alert_ms:
        return Priority.P1 if touches_hot_table(subject, each.shape) else Priority.P2
    return Priority.P0 if touches_hot_table(subject, each.shape) else Priority.P1
