"""A composite foreign key checks nothing where one of its columns is null.

## What it finds
A foreign key of several columns (`MATCH SIMPLE`, the default) of which some may be null, where that leaves
something unchecked: a tenant column that may be null, several columns that may be null one without the
other, or a column that no other key checks when its neighbour is null. An optional reference, `(team_id,
lead_id)` with only `lead_id` nullable, is as it should be.

## Why it matters
With `MATCH SIMPLE` one null is enough, and the row is taken whatever its other columns say. A composite key
that holds a reference inside the tenant is then open for every row without a tenant.

## How to fix
Make the columns `NOT NULL`, or let them be null together only:
```sql
ALTER TABLE messages ADD CONSTRAINT messages_whole CHECK (num_nulls(kind, lead_id) IN (0, 2)) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_whole;
```
`MATCH FULL` demands the same of all columns of the key at once.

## When to ignore
Where half a reference has a meaning of its own, such as a country without a region.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit, identifier, names
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.remedy import SetNotNull
from tenfold.model.remedy_sql import statements
from tenfold.rules.subject import Subject, table_of

ID = "composite-fk-nullable"


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        for key in subject.snapshot.foreign_keys_of(table.oid):
            if len(key.columns) > 1 and key.match == "s":
                nullable = _nullable(subject, key)
                if nullable and _leaves_unchecked(subject, table, key, nullable):
                    yield _finding(subject, table, key, nullable)


def _nullable(subject: Subject, key: Constraint) -> list[Column]:
    columns = (subject.snapshot.column_by_number[key.relation, number] for number in key.columns)
    return [column for column in columns if not column.not_null]


def _leaves_unchecked(subject: Subject, table: Relation, key: Constraint, nullable: list[Column]) -> bool:
    tenant = subject.tenant_column_of.get(table.oid)
    if tenant in nullable and len(nullable) < len(key.columns):
        return True
    if len(nullable) > 1 and not _null_together(subject, table, nullable):
        return True
    firm = set(key.columns) - {column.number for column in nullable}
    if tenant is not None:
        firm.discard(tenant.number)
    return not firm <= _checked_otherwise(subject, key)


def _checked_otherwise(subject: Subject, key: Constraint) -> set[int]:
    return {
        number
        for other in subject.snapshot.foreign_keys_of(key.relation)
        if other is not key and len(other.columns) == 1
        for number in other.columns
    }


def _null_together(subject: Subject, table: Relation, nullable: list[Column]) -> bool:
    """Whether a check sees to it that these columns are null all at once or not at all."""
    wanted = {column.number for column in nullable}
    return any(
        constraint.kind == "c"
        and constraint.validated
        and wanted <= set(constraint.columns)
        and _counts_nulls(constraint, nullable)
        for constraint in subject.snapshot.constraints_of(table.oid)
    )


def _counts_nulls(constraint: Constraint, columns: list[Column]) -> bool:
    """Whether a check is about which of these columns are null: by IS NULL of each, or by num_nulls."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    condition = constraint.definition.removeprefix("CHECK ").removesuffix(" NO INHERIT")
    try:
        tree = sqlglot.parse_one(condition, dialect="postgres")
    except SqlglotError:
        return False
    asked = [test.this for test in tree.find_all(exp.Is)]
    for call in tree.find_all(exp.Anonymous):
        if call.name.lower() in ("num_nulls", "num_nonnulls"):
            asked += call.expressions
    return {column.name for column in columns} <= {part.name for part in asked}


def _finding(subject: Subject, table: Relation, key: Constraint, nullable: list[Column]) -> Finding:
    tenant = subject.tenant_column_of.get(table.oid)
    columns = names(subject.snapshot.column_names(table.oid, key.columns))
    may = "may be null" if len(nullable) == 1 else "may be null one without the other"
    return Finding(
        rule=ID,
        # Without its tenant, a reference can go to any tenant's row.
        priority=Priority.P1 if tenant in nullable else Priority.P2,
        object=table.display,
        detail=key.name,
        relation=table.oid,
        message=f"{key.name} ({columns}) is not checked at all where one of its columns is null, and "
        f"{names([column.name for column in nullable])} {may}",
        advice=_advice(subject, table, key, nullable),
    )


def _advice(subject: Subject, table: Relation, key: Constraint, nullable: list[Column]) -> tuple[str, ...]:
    tenant = subject.tenant_column_of.get(table.oid)
    if len(nullable) == 1 or tenant in nullable:
        column = tenant if tenant in nullable and tenant is not None else nullable[0]
        return statements(SetNotNull(table=table_of(table), column=column.name))
    taken = {constraint.name for constraint in subject.snapshot.constraints_of(table.oid)}
    name = identifier(fit(f"{key.name}_whole", taken))
    counted = f"num_nulls({names([column.name for column in nullable])}) IN (0, {len(nullable)})"
    return (
        f"ALTER TABLE {table.qualified} ADD CONSTRAINT {name} CHECK ({counted}) NOT VALID",
        f"ALTER TABLE {table.qualified} VALIDATE CONSTRAINT {name}",
    )
