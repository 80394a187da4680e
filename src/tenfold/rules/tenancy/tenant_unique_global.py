"""A tenant table enforces uniqueness over all tenants.

## What it finds
A unique index or constraint on a tenant table that does not include the tenant column. Silent where the
values cannot meet: keys that the server or the application makes (identity, serial, uuid, a computed
default, a primary key named `id`), columns that refer to a row of a tenant (that row has one tenant
already), and secrets such as tokens and key hashes.

## Why it matters
Uniqueness is checked past row-level security. If A stores an e-mail address that B has, A's insert fails:
A's user is told that the address is taken, by a row that nobody of A can see, and A has learned that some
other tenant has it. An import of two tenants with one customer in common stops.

## How to fix
Put the tenant first, and drop the global one:
```sql
CREATE UNIQUE INDEX CONCURRENTLY idx_leads_team_id_email ON leads (team_id, email);
ALTER TABLE leads DROP CONSTRAINT leads_email_key,
    ADD CONSTRAINT leads_email_key UNIQUE USING INDEX idx_leads_team_id_email;
```
Shown and not applied: an `ON CONFLICT (email)` in the application must become `ON CONFLICT (team_id,
email)` in the same moment. The new index also serves the tenant policy.

## When to ignore
Where the value is looked up before the tenant is known, such as a login name or a public slug: then it must
be unique over all tenants, and belongs in a table of its own that says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier, names
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Constraint, Index, Relation
from tenfold.model.remedy import CreateIndex, Key
from tenfold.model.remedy_sql import statements
from tenfold.rules.column_types import INTEGER_BYTES, base_type
from tenfold.rules.coverage import conjuncts
from tenfold.rules.subject import Subject, TenantTable, table_of

ID = "tenant-unique-global"
NEEDS_TENANCY = True

# Endings of names of columns whose values nobody can guess.
_SECRETS = ("token", "secret", "nonce", "api_key", "key_hash", "token_hash", "secret_hash", "key_digest")


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tenant_tables:
        suspects = [
            index
            for index in subject.snapshot.indexes_of(table.relation.oid)
            if index.unique
            and index.valid
            and not _is_surrogate(subject, table.relation, index)
            and not _names_tenant(index, table.column)
        ]
        if suspects:
            safe = frozenset(_columns_that_never_meet(subject, table))
            for index in suspects:
                if safe.isdisjoint(index.key_columns):
                    yield _finding(subject, table, index)


def _names_tenant(index: Index, column: Column) -> bool:
    """Whether the tenant is among the keys, or inside one, or the rows are those without a tenant."""
    if column.number in index.key_columns:
        return True
    if column.number not in (index.depends or ()):
        return False
    return 0 in index.key_columns or (
        index.predicate is not None and _is_without_tenant(index.predicate, column)
    )


def _is_without_tenant(predicate: str, column: Column) -> bool:
    return not conjuncts(predicate).isdisjoint((f"{column.name} IS NULL", f'"{column.name}" IS NULL'))


def _columns_that_never_meet(subject: Subject, table: TenantTable) -> Iterator[int]:
    """Columns in which two tenants cannot have the same value, or cannot know it."""
    for key in subject.snapshot.foreign_keys_of(table.relation.oid):
        if _belongs_to_a_tenant(subject, key):
            yield from key.columns
    for column in subject.snapshot.columns_of(table.relation.oid):
        # A constant has no parenthesis, and would be no sense under a unique index.
        computed = column.default is not None and "(" in column.default
        if column.identity or computed or column.name.lower().endswith(_SECRETS):
            yield column.number
    for index in subject.snapshot.indexes_of(table.relation.oid):
        if _is_surrogate(subject, table.relation, index):
            yield index.columns[0]


def _belongs_to_a_tenant(subject: Subject, key: Constraint) -> bool:
    """Whether it refers to a row that has one tenant already."""
    parent = subject.tenancy.of(key.foreign_relation or 0)
    return parent is not None and parent.table_class != "shared"


def _is_surrogate(subject: Subject, relation: Relation, index: Index) -> bool:
    """Whether it is a primary key of one column that holds ids which somebody makes, by name or type."""
    if not index.primary or index.key_count > 1:
        return False
    column = subject.snapshot.column_by_number[relation.oid, index.columns[0]]
    name = column.name.lower()
    return (
        name in ("id", "uuid", "guid", "ulid")
        or name.removesuffix("id").rstrip("_") in (relation.name, relation.name.removesuffix("s"))
        or base_type(subject.snapshot, column) in ("uuid", *INTEGER_BYTES)
    )


def _finding(subject: Subject, table: TenantTable, index: Index) -> Finding:
    keys = ", ".join(key.sql for key in _keys(subject, index))
    return Finding(
        rule=ID,
        priority=Priority.P1,
        object=table.relation.display,
        detail=index.name,
        relation=table.relation.oid,
        message=f"{index.name} makes ({keys}) unique over all tenants: one tenant's value keeps another's "
        "out, and so tells that it exists",
        advice=_advice(subject, table, index),
    )


def _keys(subject: Subject, index: Index) -> Iterator[Key]:
    expressions = iter(index.expressions or ())
    for number, opclass in zip(index.key_columns, index.opclasses, strict=True):
        found = subject.snapshot.operator_class_by_oid.get(opclass)
        special = None if found is None or found.is_default else found.name
        if number == 0:
            yield Key(expression=next(expressions), opclass=special)
        else:
            yield Key(column=subject.snapshot.column_by_number[index.relation, number].name, opclass=special)


def _advice(subject: Subject, table: TenantTable, index: Index) -> tuple[str, ...]:
    """The index that takes its place, and the swap. None where the swap takes more than these statements."""
    snapshot, relation = subject.snapshot, table.relation
    owner = next((c for c in snapshot.constraints_of(relation.oid) if c.oid == index.constraint), None)
    if index.nulls_not_distinct or relation.kind == "p" or (owner is not None and owner.deferrable):
        return ()
    unique = CreateIndex(
        table=table_of(relation),
        keys=(Key(column=table.column.name), *_keys(subject, index)),
        include=snapshot.column_names(relation.oid, index.included_columns),
        where=index.predicate,
        unique=True,
    )
    if index.oid in subject.once(_referred_indexes):
        # Foreign keys to these columns must move to the new ones before the old go.
        return statements(unique)
    return (*statements(unique), _swap(relation, index, owner, unique.index_name))


def _swap(relation: Relation, index: Index, owner: Constraint | None, new: str) -> str:
    if owner is None:
        return f"DROP INDEX CONCURRENTLY {identifier(relation.schema)}.{identifier(index.name)}"
    name = identifier(owner.name)
    kind = "PRIMARY KEY" if owner.kind == "p" else "UNIQUE"
    return (
        f"ALTER TABLE {relation.qualified} DROP CONSTRAINT {name}, "
        f"ADD CONSTRAINT {name} {kind} USING INDEX {names((new,))}"
    )


def _referred_indexes(subject: Subject) -> frozenset[int]:
    """Indexes that foreign keys rely on."""
    return frozenset(
        constraint.index
        for constraint in subject.snapshot.constraints
        if constraint.kind == "f" and constraint.index is not None
    )
