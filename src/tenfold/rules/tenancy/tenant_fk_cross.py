"""A foreign key between two tenant tables lets one tenant's row refer to another's.

## What it finds
A foreign key from a tenant table to a tenant table that does not pair their tenant columns. It is silent
where a second key on the same columns does.

## Why it matters
The server checks foreign keys with the rights of the table's owner and past row-level security, so that a
policy does not stop it: tenant A can store a reference to an id of tenant B. Whether the insert succeeds
tells A that the id exists; a join that trusts the key shows B's row wherever a policy is missing; and B's
deletion cascades into A's rows.

It is P1 and not P0, because the key alone shows nothing of B's row beyond its existence, to somebody who
already has the id.

## How to fix
Make the tenant part of the key, on both sides:
```sql
CREATE UNIQUE INDEX CONCURRENTLY idx_leads_team_id_id ON leads (team_id, id);
ALTER TABLE messages ADD CONSTRAINT messages_team_id_lead_id_fkey
    FOREIGN KEY (team_id, lead_id) REFERENCES leads (team_id, id) ON DELETE SET NULL (lead_id) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_team_id_lead_id_fkey;
ALTER TABLE messages DROP CONSTRAINT messages_lead_id_fkey;
```
The unique index also serves the tenant policy. `VALIDATE` fails where a row already refers across tenants,
and that row is worth knowing. The old key then does nothing more, and dropping it is left to you. `ON
DELETE SET NULL` must name its column (PostgreSQL 15 and later), or it would clear the tenant too.

## When to ignore
Where a reference across tenants is meant, such as a message between two of them, or where the parent's rows
are shared.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.ddl import identifier, names
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Constraint
from tenfold.model.remedy import AddForeignKey, CreateIndex, DropConstraint, Remedy
from tenfold.model.remedy_sql import statements
from tenfold.rules.column_types import same_type
from tenfold.rules.foreign_keys import (
    ACTIONS,
    deferral,
    free_constraint_name,
    is_key,
    pairs,
    parts_with_keys,
)
from tenfold.rules.subject import Subject, TenantTable, table_of

ID = "tenant-fk-cross"
NEEDS_TENANCY = True

_CLEARS = ("n", "d")
# ON DELETE SET NULL (columns) came with 15.
_COLUMN_LIST = 15


class _Target(msgspec.Struct, frozen=True):
    """What a composite key to a parent refers to."""

    columns: tuple[str, ...]
    #: The unique index that it takes and that is not there yet.
    missing: CreateIndex | None


_Targets = dict[tuple[int, tuple[int, ...]], _Target | None]


def check(subject: Subject) -> Iterator[Finding]:
    tenant_tables = {table.relation.oid: table for table in subject.tenant_tables}
    # Many keys lead to a few parents.
    targets: _Targets = {}
    for table in subject.tenant_tables:
        keys = [
            key
            for key in subject.snapshot.foreign_keys_of(table.relation.oid)
            if key.foreign_relation in tenant_tables
        ]
        held = [key for key in keys if _pairs_tenants(table, tenant_tables[key.foreign_relation or 0], key)]
        for key in keys:
            parent = tenant_tables[key.foreign_relation or 0]
            if key not in held and not any(_includes(other, key) for other in held):
                yield _finding(subject, table, parent, key, targets)


def _pairs_tenants(table: TenantTable, parent: TenantTable, key: Constraint) -> bool:
    return (table.column.number, parent.column.number) in pairs(key)


def _includes(composite: Constraint, key: Constraint) -> bool:
    return composite.foreign_relation == key.foreign_relation and set(pairs(key)) < set(pairs(composite))


def _finding(
    subject: Subject, table: TenantTable, parent: TenantTable, key: Constraint, targets: _Targets
) -> Finding:
    remedies, advice = _way_out(subject, table, parent, key, targets)
    columns = names(subject.snapshot.column_names(key.relation, key.columns))
    return Finding(
        rule=ID,
        priority=Priority.P1,
        object=table.relation.display,
        detail=key.name,
        relation=table.relation.oid,
        message=f"{key.name} ({columns}) does not include {identifier(table.column.name)}: "
        f"a row of one tenant can refer to another tenant's row of {parent.relation.display}, "
        "and row-level security does not stop it",
        remedies=remedies,
        advice=advice,
    )


def _way_out(
    subject: Subject, table: TenantTable, parent: TenantTable, key: Constraint, targets: _Targets
) -> tuple[tuple[Remedy, ...], tuple[str, ...]]:
    """The unique index where there is none, and the composite key; dropping the old one is advice.

    Nothing where it takes more than that: types that differ, a key over the tenant column already, an action
    that cannot leave the tenant alone.
    """
    place = (parent.relation.oid, key.foreign_columns or ())
    if place not in targets:
        targets[place] = _target(subject, parent, key.foreign_columns or ())
    target, on_delete = targets[place], _on_delete(subject, key)
    if (
        target is None
        or on_delete is None
        or key.on_update in _CLEARS
        or table.column.number in key.columns
        or not same_type(subject.snapshot, table.column, parent.column)
    ):
        return (), ()
    here = subject.snapshot.column_names(key.relation, key.columns)
    composite = AddForeignKey(
        table=table_of(table.relation),
        name=free_constraint_name(subject, table.relation, table.column.name, *here),
        columns=(table.column.name, *here),
        parent=table_of(parent.relation),
        parent_columns=target.columns,
        on_delete=on_delete,
        on_update=ACTIONS[key.on_update],
        deferral=deferral(key),
        partitions=parts_with_keys(subject, table.relation),
    )
    # With the tenant null, a composite key checks nothing: then the old one still does something.
    old = DropConstraint(table=table_of(table.relation), name=key.name, definition=key.definition)
    advice = statements(old) if table.column.not_null else ()
    return (composite,) if target.missing is None else (target.missing, composite), advice


def _target(subject: Subject, parent: TenantTable, columns: tuple[int, ...]) -> _Target | None:
    """None where a unique index over tenant and key cannot be proposed."""
    if parent.column.number in columns:
        return None
    named = (parent.column.name, *subject.snapshot.column_names(parent.relation.oid, columns))
    if is_key(subject.snapshot, parent.relation.oid, frozenset((parent.column.number, *columns))):
        return _Target(named, None)
    if parent.relation.kind == "p":
        # It would have to include the partition key.
        return None
    return _Target(named, subject.create_index(parent.relation, *named, unique=True))


def _on_delete(subject: Subject, key: Constraint) -> str | None:
    """The same action as now, leaving the tenant column alone; None where the server cannot say so."""
    action = ACTIONS[key.on_delete]
    if key.on_delete not in _CLEARS:
        return action
    if subject.snapshot.server.major < _COLUMN_LIST:
        return None
    return f"{action} ({names(subject.snapshot.column_names(key.relation, key.columns))})"
