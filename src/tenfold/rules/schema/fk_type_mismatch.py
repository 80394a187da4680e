"""A foreign key's column has another type than the column it refers to.

## What it finds
A foreign key that pairs columns of different types, such as `integer` and `bigint`. Lengths, domains and
`varchar` beside `text` make no difference. A tenant column's type is `tenant-type-drift`.

## Why it matters
An `integer` that refers to a `bigint` works until the parent's ids pass 2,147,483,647; from then on no row
can refer to a new parent. Other pairs are worse at once: a comparison that casts the indexed side uses no
index, so that joins and every check of the key read the whole table.

## How to fix
```sql
ALTER TABLE skiptrace_results ALTER COLUMN job_id TYPE bigint;
```
This rewrites the table and its indexes under a lock that stops reads and writes, so it is shown and not
applied. On a large table, add a second column, fill it in batches, and swap the names.

## When to ignore
Where the referring column is the wider of two integers: that costs four bytes a row and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.rules.column_types import INTEGER_BYTES, base_type, retype, same_type
from tenfold.rules.subject import Subject

ID = "fk-type-mismatch"


def check(subject: Subject) -> Iterator[Finding]:
    columns = subject.snapshot.column_by_number
    for table in subject.tables:
        for key in subject.snapshot.foreign_keys_of(table.oid):
            for here, there in zip(key.columns, key.foreign_columns or (), strict=True):
                own, referred = columns[table.oid, here], columns[key.foreign_relation or 0, there]
                # Almost all are equal: what costs more than a comparison comes after it.
                if own.type_oid != referred.type_oid and _is_fault(subject, own, referred):
                    yield _finding(subject, table, key, own, referred)


def _is_fault(subject: Subject, own: Column, referred: Column) -> bool:
    is_tenant = own is subject.tenant_column_of.get(own.relation)
    return not is_tenant and not same_type(subject.snapshot, own, referred)


def _finding(subject: Subject, table: Relation, key: Constraint, own: Column, referred: Column) -> Finding:
    parent = subject.snapshot.relation_by_oid[referred.relation]
    column = identifier(own.name)
    harm, urgent = _harm(subject, own, referred)
    return Finding(
        rule=ID,
        priority=max(Priority.P1, subject.priority(table)) if urgent else Priority.P2,
        object=table.display,
        # One composite key can have several such pairs.
        detail=f"{key.name}.{own.name}" if len(key.columns) > 1 else key.name,
        relation=table.oid,
        message=f"{table.display}.{column} is {own.type} and refers to {parent.display}."
        f"{identifier(referred.name)}, which is {referred.type}: {harm}",
        advice=retype(subject.snapshot, table, own, referred.type),
    )


def _harm(subject: Subject, own: Column, referred: Column) -> tuple[str, bool]:
    here = INTEGER_BYTES.get(base_type(subject.snapshot, own))
    there = INTEGER_BYTES.get(base_type(subject.snapshot, referred))
    if here is None or there is None:
        return "comparing them casts one side, and a cast column uses no index", True
    if here < there:
        return "it cannot hold the higher ids", True
    return "it is wider than it needs to be", False
