"""A table has no primary key.

## What it finds
A table, or partitioned table, without a primary key. Partitions are judged through their parent; temporary
tables are left out. An inheriting table needs one of its own: keys are not inherited.

## Why it matters
Nothing names one row. A duplicate cannot be deleted alone, a foreign key cannot refer to the table, and
nothing that goes over it in batches, such as a backfill or a keyset page, knows where it stopped. Logical
replication refuses UPDATE and DELETE as soon as the table is published, unless it is told to compare whole
rows.

## How to fix
Where a unique index over `NOT NULL` columns is there already, it becomes the primary key without another
build:
```sql
ALTER TABLE persona_merge_history ADD PRIMARY KEY USING INDEX persona_merge_history_idx;
```
Else choose the columns that name a row, or add an identity column. That rewrites the table under a lock
that stops reads and writes, so it is shown and not applied.

## When to ignore
An append-only log of which rows are never looked up, changed or replicated one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit, identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Index, Relation
from tenfold.rules.subject import Subject

ID = "pk-missing"


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        if table.persistence == "t" or subject.snapshot.primary_key_of(table.oid) is not None:
            continue
        yield Finding(
            rule=ID,
            priority=max(Priority.P1, subject.priority(table)),
            object=table.display,
            relation=table.oid,
            message=f"{table.display} has no primary key: nothing names one row of it",
            advice=_advice(subject, table),
        )


def _advice(subject: Subject, table: Relation) -> tuple[str, ...]:
    if table.kind == "p":
        # Its key must include the partition key, and what else names a row cannot be known here.
        return ()
    ready = next((i for i in subject.snapshot.indexes_of(table.oid) if _could_be_primary(subject, i)), None)
    if ready is None:
        taken = {column.name for column in subject.snapshot.columns_of(table.oid)}
        column = identifier(fit("id", taken))
        action = f"ADD COLUMN {column} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    elif ready.constraint is None:
        action = f"ADD PRIMARY KEY USING INDEX {identifier(ready.name)}"
    else:
        # A constraint owns the index already; the key gets one of its own.
        columns = ", ".join(map(identifier, subject.snapshot.column_names(table.oid, ready.key_columns)))
        action = f"ADD PRIMARY KEY ({columns})"
    return (f"ALTER TABLE {table.qualified} {action}",)


def _could_be_primary(subject: Subject, index: Index) -> bool:
    """Whether ALTER TABLE ... USING INDEX takes it, and no column would have to be made NOT NULL."""
    return (
        index.unique
        and index.valid
        and index.method == "btree"
        and index.predicate is None
        and not any(index.option_bits)
        and all(
            number > 0 and subject.snapshot.column_by_number[index.relation, number].not_null
            for number in index.key_columns
        )
    )
