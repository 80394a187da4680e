"""A table belongs to tenants only through another table, and has no tenant column of its own.

## What it finds
A *child* table: foreign keys lead from it to a table with the tenant column, and it has none itself.

## Why it matters
A policy on it has to look the tenant up in the parent, for every row: a sub-select or a join that no index
can answer by itself, because no index of this table can hold a value that is in another. So such tables are
left without a policy, and are the ones through which tenants see each other. Nor can it be partitioned,
moved or counted by tenant.

## How to fix
Add the column, fill it from the parent in batches, make it `NOT NULL`, and let a composite foreign key
`(team_id, campaign_id)` hold it to the parent's tenant for ever:
```sql
ALTER TABLE campaign_executions ADD COLUMN team_id bigint;
```
Adding a column without a default changes no row. The application must fill it from then on, or a trigger
must. Where the table has no primary key to walk by, or rows may have no parent, the statements are shown
and not applied: what a row without a parent belongs to is yours to say.

## When to ignore
A small table that only privileged jobs read, or one whose parent is itself shared by all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.remedy import AddTenantColumn, Remedy
from tenfold.model.remedy_sql import statements
from tenfold.model.tenancy import TableTenancy
from tenfold.rules.foreign_keys import ACTIONS, deferral
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._tenant_column import has_no_nulls

ID = "tenant-column-missing"
NEEDS_TENANCY = True


class _Way(msgspec.Struct, frozen=True):
    """How the tenant of a child's row is found: foreign keys, nearest first, and the column they end at."""

    keys: tuple[Constraint, ...]
    #: Tables on the way, the first being the child's parent.
    tables: tuple[Relation, ...]
    tenant: Column


def check(subject: Subject) -> Iterator[Finding]:
    constraints = {
        constraint.oid: constraint for constraint in subject.snapshot.constraints if constraint.kind == "f"
    }
    for table in subject.tables:
        part = subject.tenancy.of(table.oid)
        if part is None or part.table_class != "child":
            continue
        way = _way(subject, part, constraints)
        remedies, advice = _way_out(subject, table, way) if way else ((), ())
        yield Finding(
            rule=ID,
            priority=subject.priority(table),
            object=table.display,
            relation=table.oid,
            message=_message(subject, table, way),
            remedies=remedies,
            advice=advice,
        )


def _way(subject: Subject, part: TableTenancy, constraints: dict[int, Constraint]) -> _Way | None:
    keys = tuple(constraints[oid] for oid in part.path)
    if not keys:
        return None
    tables = tuple(subject.snapshot.relation_by_oid[key.foreign_relation or 0] for key in keys)
    tenant = subject.tenant_column_of.get(tables[-1].oid)
    return _Way(keys, tables, tenant) if tenant else None


def _message(subject: Subject, table: Relation, way: _Way | None) -> str:
    if way is None:
        return f"{table.display} is said to belong to tenants, and no foreign key tells which row to which"
    column = _column_name(subject, way)
    through = " and ".join(relation.display for relation in way.tables)
    return (
        f"{table.display} has no {column} and reaches its tenant only through {through}: "
        "no policy can protect it without a look-up for every row"
    )


def _column_name(subject: Subject, way: _Way) -> str:
    """The parent's name for it; where the way ends at the tenant table, the name that other tables use."""
    if way.tables[-1].oid == subject.tenancy.tenant_table:
        return subject.tenancy.column or way.tenant.name
    return way.tenant.name


def _way_out(subject: Subject, table: Relation, way: _Way) -> tuple[tuple[Remedy, ...], tuple[str, ...]]:
    remedy = _remedy(subject, table, way)
    if remedy.key_columns and all(_always_leads(subject, key) for key in way.keys):
        return (remedy,), ()
    # The column stays nullable: a row without a parent has no tenant.
    add, fill, _not_null = statements(remedy)
    return (), (add, fill)


def _remedy(subject: Subject, table: Relation, way: _Way) -> AddTenantColumn:
    snapshot, key, parent = subject.snapshot, way.keys[0], way.tables[0]
    name = _column_name(subject, way)
    at_root = parent.oid == subject.tenancy.tenant_table
    return AddTenantColumn(
        table=table_of(table),
        column=name,
        type=way.tenant.type,
        foreign_columns=snapshot.column_names(table.oid, key.columns),
        parent=table_of(parent),
        parent_columns=snapshot.column_names(parent.oid, key.foreign_columns or ()),
        parent_tenant_column=way.tenant.name if at_root else name,
        key_columns=_primary_key(subject, table),
        on_delete=ACTIONS[key.on_delete],
        deferral=deferral(key),
    )


def _primary_key(subject: Subject, table: Relation) -> tuple[str, ...]:
    key = subject.snapshot.primary_key_of(table.oid)
    return subject.snapshot.column_names(table.oid, key.columns) if key else ()


def _always_leads(subject: Subject, key: Constraint) -> bool:
    """Whether every row has a parent, as far as constraints and statistics tell."""
    relation = subject.snapshot.relation_by_oid[key.relation]
    columns = [subject.snapshot.column_by_number[key.relation, number] for number in key.columns]
    return (
        key.validated
        and key.enforced
        and all(column.not_null or has_no_nulls(subject, relation, column) for column in columns)
    )
