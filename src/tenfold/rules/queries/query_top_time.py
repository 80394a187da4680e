"""One statement takes a large share of all execution time.

## What it finds
A recorded statement (pg_stat_statements) that takes at least 20 % of the time that all statements took
together, called at least ten times. Nothing is said before a minute of execution time has been recorded.

## Why it matters
The statement need not be slow: 2 ms, ten thousand times a minute, is a third of a core. Whatever is won
here is won for everybody else too, since it frees the processors and the buffers that the other statements
wait for. Nothing that is done to the rest can win more than the rest takes.

## How to fix
Ask in this order: is every call needed (a loop in the application that one join replaces, a value that a
cache could keep); does each call read more than it returns (compare blocks with rows); is the plan the
right one for the largest tenant.

## When to ignore
A product with one central statement that has been looked at: there is always a first.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.rules.subject import Subject
from tenfold.rules.workload import judged, once_each, touches_hot_table
from tenfold.statements.text import shown

ID = "query-top-time"
NEEDS = ("statements",)


def check(subject: Subject) -> Iterator[Finding]:
    # Time within functions is part of the time of those that call them.
    total = sum(statement.total_ms for statement in subject.snapshot.statements if statement.top_level)
    if total < subject.thresholds.top_time_min_seconds * 1_000:
        return
    least = total * subject.thresholds.top_time_share
    top = (
        each
        for each in subject.once(judged)
        if each.is_recorded and each.statement.top_level and each.statement.total_ms >= least
    )
    for name, each in once_each(subject, top).items():
        statement = each.statement
        yield Finding(
            rule=ID,
            priority=Priority.P1 if touches_hot_table(subject, each.shape) else Priority.P2,
            object=name,
            message=f"{name} takes {statement.total_ms / total:.0%} of all execution time: "
            f"{statement.calls:,} calls of {statement.mean_ms:,.2f} ms; {shown(statement.text)}",
        )
