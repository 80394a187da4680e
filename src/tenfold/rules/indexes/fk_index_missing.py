"""A foreign key has no index on its columns.

## What it finds
A foreign key whose columns are not the leading keys of any index of the table that declares it, in whatever
order. A composite primary key or unique index that begins with them serves; included (`INCLUDE`) columns do
not, and neither does an index on other rows than all. One that leaves out nulls does, since nobody checks
for null. Of a composite key that repeats the tenant, such as `(team_id, lead_id)`, an index on `lead_id`
serves, where that alone is a key of the parent. On a partitioned table, an index on every partition serves.
The key to the tenant table is `tenant-index-missing`.

## Why it matters
The server checks every row that is deleted from the parent, and every change of its key, against the child
table, one lookup a row. Without an index each lookup reads the whole child table, while it holds the row
locks of the delete: removing a customer with 1,000 leads reads all messages 1,000 times. `ON DELETE
CASCADE` and `SET NULL` work the same way. Joins from parent to child pay as well.

## How to fix
```sql
CREATE INDEX CONCURRENTLY idx_messages_lead_id ON messages (lead_id);
```
The foreign key's columns alone are right even on a tenant table: the check does not know the tenant column,
so an index `(team_id, lead_id)` does not serve it. Of a composite key, the tenant column comes first. Where
nearly all values are null, the index leaves them out.

## When to ignore
The parent is a list of constants whose rows are never deleted and never get another key.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.ddl import identifier, names
from tenfold.model.finding import Finding
from tenfold.model.relations import Constraint, Relation
from tenfold.model.remedy import CreateIndex
from tenfold.model.snapshot import Snapshot
from tenfold.rules.coverage import serves_key
from tenfold.rules.subject import Subject

ID = "fk-index-missing"


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        found: dict[frozenset[int], Constraint] = {}
        for key in subject.snapshot.foreign_keys_of(table.oid):
            if _is_unserved(subject, table, key):
                found.setdefault(frozenset(key.columns), key)
        for key in found.values():
            # One index on the narrower key serves both.
            if not any(frozenset(part) in found for part in _selective_parts(subject.snapshot, key)):
                yield _finding(subject, table, key)


def _is_unserved(subject: Subject, table: Relation, key: Constraint) -> bool:
    tenant = subject.tenant_column_of.get(table.oid)
    if tenant is not None and key.columns == (tenant.number,):
        return False
    snapshot = subject.snapshot
    ways = (key.columns, *_selective_parts(snapshot, key))
    if any(serves_key(snapshot, table, snapshot.column_names(table.oid, columns)) for columns in ways):
        return False
    return not _is_being_built(subject, table, key)


def _selective_parts(snapshot: Snapshot, key: Constraint) -> Iterator[tuple[int, ...]]:
    """Columns of a composite key that alone find the rows of one parent, its side of them being unique."""
    here = dict(zip(key.foreign_columns or (), key.columns, strict=True))
    for index in snapshot.indexes_of(key.foreign_relation or 0):
        there = index.key_columns
        unique = index.unique and index.valid and index.predicate is None and 0 not in there
        if unique and set(there) < set(here):
            yield tuple(here[number] for number in there)


def _is_being_built(subject: Subject, table: Relation, key: Constraint) -> bool:
    if all(build.relation != table.oid for build in subject.snapshot.index_builds):
        return False
    return any(
        not index.valid and set(index.key_columns[: len(key.columns)]) == set(key.columns)
        for index in subject.snapshot.indexes_of(table.oid)
    )


def _finding(subject: Subject, table: Relation, key: Constraint) -> Finding:
    columns = _in_order(subject, table, key)
    parent = subject.snapshot.relation_by_oid.get(key.foreign_relation or 0)
    of = parent.display if parent is not None else "the parent"
    rows = subject.rows(table)
    reads = f"all {rows:,.0f} rows" if rows >= 1 else "the whole table"
    return Finding(
        rule=ID,
        priority=subject.priority(table),
        object=table.display,
        detail=", ".join(columns),
        relation=table.oid,
        message=f"{table.display} has no index on ({names(columns)}), which refers to {of}: "
        f"each row deleted from {of} reads {reads}",
        remedies=(_index(subject, table, columns),),
    )


def _in_order(subject: Subject, table: Relation, key: Constraint) -> tuple[str, ...]:
    """The key's columns, the tenant column first."""
    tenant = subject.tenant_column_of.get(table.oid)
    columns = subject.snapshot.column_names(table.oid, key.columns)
    return tuple(sorted(columns, key=lambda name: tenant is None or name != tenant.name))


def _index(subject: Subject, table: Relation, columns: tuple[str, ...]) -> CreateIndex:
    whole = subject.create_index(table, *columns)
    if len(columns) > 1:
        return whole
    column = subject.snapshot.column(table.oid, columns[0])
    statistics = subject.snapshot.statistics_of(table.oid, column.number) if column is not None else None
    if statistics is None or statistics.null_frac < subject.thresholds.null_heavy_fraction:
        return whole
    return msgspec.structs.replace(whole, where=f"{identifier(columns[0])} IS NOT NULL")
