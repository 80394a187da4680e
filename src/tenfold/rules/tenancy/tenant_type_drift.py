"""A tenant column's type differs from that of the tenant key.

## What it finds
A tenant column of another type than the tenant table's key: `text` beside `bigint`, `integer` beside
`bigint`. Lengths, domains and `varchar` beside `text` make no difference. Where there is no tenant table,
the commonest type is the measure.

## Why it matters
Values that do not compare without a cast cannot have a foreign key, so that rows of tenants that never
existed go in. A policy made for the key's type fails on this table, or casts the column, and a cast column
uses no index. An `integer` beside a `bigint` compares well, and refuses the first tenant whose id no longer
fits.

## How to fix
```sql
ALTER TABLE sdr_sessions ALTER COLUMN team_id TYPE bigint USING team_id::bigint;
```
This rewrites the table and its indexes under a lock that stops reads and writes, so it is never applied by
itself. On a large table, add a second column, fill it in batches, and swap the names. Values that do not
convert must be found first.

## When to ignore
Never for long; a table that is about to be dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.rules.column_types import INTEGER_BYTES, bare_type, base_type, retype
from tenfold.rules.subject import Subject, TenantTable

ID = "tenant-type-drift"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    root = subject.tenancy.tenant_table
    key = subject.tenant_column_of.get(root) if root is not None else None
    wanted = base_type(subject.snapshot, key) if key else bare_type(subject.tenancy.column_type or "")
    whose = "the tenant key" if key else "the other tables'"
    for table in subject.tenant_tables:
        if table.column.type != wanted and base_type(subject.snapshot, table.column) != wanted:
            yield _finding(subject, table, wanted, whose)


def _finding(subject: Subject, table: TenantTable, wanted: str, whose: str) -> Finding:
    column = identifier(table.column.name)
    both_integers = wanted in INTEGER_BYTES and table.column.type in INTEGER_BYTES
    harm = "ids past its range are refused" if both_integers else "no foreign key can hold it to the tenants"
    return Finding(
        rule=ID,
        priority=max(Priority.P1, subject.priority(table.relation)),
        object=table.relation.display,
        relation=table.relation.oid,
        message=f"{table.relation.display}.{column} is {table.column.type}, {whose} is {wanted}: {harm}",
        advice=retype(subject.snapshot, table.relation, table.column, wanted, f"{column}::{wanted}"),
    )
