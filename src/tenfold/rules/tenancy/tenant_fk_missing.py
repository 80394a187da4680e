"""A tenant column has no foreign key to the tenant table.

## What it finds
A tenant column that no foreign key holds to the tenant table: neither directly, nor as part of a composite
key to a tenant table whose columns are all `NOT NULL`, which holds it just as well.

## Why it matters
Nothing stops a row of a tenant that does not exist, and nothing happens to the rows of a tenant that is
deleted: they stay, count, are backed up, and come to whoever gets the id next. A deletion that the law
demands is then not one.

## How to fix
```sql
ALTER TABLE messages ADD CONSTRAINT messages_team_id_fkey
    FOREIGN KEY (team_id) REFERENCES teams (id) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_team_id_fkey;
```
`NOT VALID` needs a brief lock and binds new rows at once; `VALIDATE` reads the table while reads and writes
go on, and names the constraint if orphans are found: delete them first. The key is made without `ON
DELETE`, so that deleting a tenant that still has rows is refused rather than made far-reaching; choose
`CASCADE` if you mean it. Each insert then looks up the tenant by its key, and deleting a tenant looks for
its rows, so index the column first.

## When to ignore
Where tenants live in another database, or an append-only log is written so fast that one look-up a row
counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.remedy import AddForeignKey
from tenfold.rules.column_types import same_type
from tenfold.rules.foreign_keys import (
    every_column_is_set,
    free_constraint_name,
    is_key,
    pairs,
    parts_with_keys,
)
from tenfold.rules.subject import Subject, TenantTable, table_of

ID = "tenant-fk-missing"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    root_oid = subject.tenancy.tenant_table
    key = subject.tenant_column_of.get(root_oid) if root_oid is not None else None
    if root_oid is None or key is None:
        return
    root = subject.snapshot.relation_by_oid[root_oid]
    target = key if is_key(subject.snapshot, root.oid, frozenset((key.number,))) else None
    for table in subject.tenant_tables:
        keys = subject.snapshot.foreign_keys_of(table.relation.oid)
        if not any(_holds(subject, constraint, table.column) for constraint in keys):
            yield _finding(subject, table, root, key, target)


def _holds(subject: Subject, constraint: Constraint, column: Column) -> bool:
    there = constraint.foreign_relation or 0
    tenant = subject.tenant_column_of.get(there)
    if tenant is None or (column.number, tenant.number) not in pairs(constraint):
        return False
    return there == subject.tenancy.tenant_table or every_column_is_set(subject.snapshot, constraint)


def _finding(
    subject: Subject, table: TenantTable, root: Relation, key: Column, target: Column | None
) -> Finding:
    typed = same_type(subject.snapshot, table.column, key)
    column = f"{table.relation.display}.{identifier(table.column.name)}"
    but = "" if typed else f"; its type, {table.column.type}, must become {key.type} first"
    return Finding(
        rule=ID,
        priority=max(Priority.P1, subject.priority(table.relation)),
        object=table.relation.display,
        relation=table.relation.oid,
        message=f"{column} has no foreign key to {root.display}: rows of tenants that do not exist go in, "
        f"and those of deleted tenants stay{but}",
        remedies=(_reference(subject, table, root, target),) if typed and target is not None else (),
    )


def _reference(subject: Subject, table: TenantTable, root: Relation, target: Column) -> AddForeignKey:
    return AddForeignKey(
        table=table_of(table.relation),
        name=free_constraint_name(subject, table.relation, table.column.name),
        columns=(table.column.name,),
        parent=table_of(root),
        parent_columns=(target.name,),
        partitions=parts_with_keys(subject, table.relation),
    )
