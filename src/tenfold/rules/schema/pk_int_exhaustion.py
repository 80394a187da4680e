"""A primary key is running out of numbers.

## What it finds
A `smallint` or `integer` column of a primary key that has used up more than half of its type's range: by
the sequence that fills it, and by the highest value that statistics know.

## Why it matters
The insert after 2,147,483,647 fails, and every one after it. A sequence may be `bigint` while the column is
not, so that the sequence never warns. Sequences also give numbers to inserts that fail, roll back or meet
`ON CONFLICT DO NOTHING`, so that a key runs out long before the table has so many rows.

## How to fix
Make the column, and every column that refers to it, `bigint`:
```sql
ALTER TABLE outreach_logs ALTER COLUMN id TYPE bigint;
```
This rewrites the tables and their indexes under a lock that stops reads and writes. On a large table, add a
`bigint` column, keep it equal by a trigger, fill it in batches, build its unique index concurrently and
swap the names in one short transaction. Time to do so is what this finding is early for.

## When to ignore
A table that is filled once and grows no more.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Relation
from tenfold.rules.column_types import largest_integer, retype
from tenfold.rules.schema._ranges import exhaustion_priority, sequences_by_column
from tenfold.rules.subject import Subject

ID = "pk-int-exhaustion"


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        for column in _narrow_key_columns(subject, table):
            limit = largest_integer(column.type) or 0
            used = _highest(subject, column) / limit
            if used >= subject.thresholds.key_exhaustion_warn:
                yield _finding(subject, table, column, used, limit)


def _narrow_key_columns(subject: Subject, table: Relation) -> Iterator[Column]:
    key = subject.snapshot.primary_key_of(table.oid)
    for number in key.columns if key else ():
        column = subject.snapshot.column_by_number[table.oid, number]
        if column.type in ("integer", "smallint"):
            yield column


def _highest(subject: Subject, column: Column) -> int:
    """The highest value that is known of; values themselves are not told."""
    statistics = subject.snapshot.statistics_of(column.relation, column.number)
    sequences = subject.once(sequences_by_column).get((column.relation, column.number), ())
    known = [sequence.last_value for sequence in sequences if sequence.last_value is not None]
    if statistics is not None:
        known += map(int, (statistics.histogram or ())[-1:])
        known += map(int, statistics.common_values or ())
    return max(known, default=0)


def _finding(subject: Subject, table: Relation, column: Column, used: float, limit: int) -> Finding:
    name = identifier(column.name)
    referring = subject.once(_referring_columns).get((table.oid, column.number), ())
    return Finding(
        rule=ID,
        priority=exhaustion_priority(subject, used),
        object=table.display,
        detail=column.name,
        relation=table.oid,
        message=f"{table.display}.{name} is {column.type} and has used {used:.0%} of its range: "
        f"the insert after {limit:,} fails",
        advice=tuple(text for each in (column, *referring) for text in _widen(subject, each)),
    )


def _widen(subject: Subject, column: Column) -> tuple[str, ...]:
    return retype(subject.snapshot, subject.snapshot.relation_by_oid[column.relation], column, "bigint")


def _referring_columns(subject: Subject) -> dict[tuple[int, int], tuple[Column, ...]]:
    """Columns of foreign keys that are narrower than bigint, by the column that they refer to."""
    found: dict[tuple[int, int], dict[Column, None]] = {}
    for key in subject.snapshot.constraints:
        if key.kind != "f" or key.parent is not None or key.foreign_relation is None:
            continue
        for here, there in zip(key.columns, key.foreign_columns or (), strict=True):
            column = subject.snapshot.column_by_number[key.relation, here]
            if column.type in ("integer", "smallint"):
                found.setdefault((key.foreign_relation, there), {})[column] = None
    return {target: tuple(columns) for target, columns in found.items()}
