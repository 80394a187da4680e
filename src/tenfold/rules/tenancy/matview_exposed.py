"""A materialized view holds tenants' rows and can be read by roles that policies bind.

## What it finds
Materialized views that read tables of tenants, directly or through views, and on which PUBLIC or a login role
that is not their owner has SELECT. P0 where row-level security is on for one of the tables, else P1.

## Why it matters
A materialized view is filled with the rights of its owner and holds every tenant's rows. It cannot have
policies: whoever has SELECT reads all of it.

## How to fix
Take SELECT away from the application's role, and let it read through a view that filters by the tenant and is
a `security_barrier`, so that no function of the caller's sees a row before the filter does. That view is
shown where the materialized view has the tenant column. Create it first; statements that name the
materialized view fail once the right is gone.

## When to ignore
It adds up over all tenants on purpose, and nothing in it belongs to one.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit, identifier, qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy import RevokeTable
from tenfold.rules.isolation import tenant_condition
from tenfold.rules.privileges import Privileges, readers
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._application import tenants_tables

ID = "matview-exposed"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    tables = {relation.oid: relation for relation in tenants_tables(subject)}
    reads = {view.relation: view.reads for view in subject.snapshot.views}
    for relation in subject.relations:
        if relation.kind != "m" or not relation.acl:
            continue
        read = [tables[oid] for oid in _read(subject, reads, relation.oid) if oid in tables]
        grantees = _grantees(subject, relation) if read else ()
        if grantees:
            yield _finding(subject, relation, read, grantees)


def _read(subject: Subject, reads: dict[int, tuple[int, ...]], start: int) -> list[int]:
    """Roots of all relations that it reads, through views."""
    found: dict[int, None] = {}
    pending = list(reads.get(start, ()))
    while pending:
        relation = subject.snapshot.relation_by_oid.get(pending.pop())
        if relation is None:
            continue
        root = subject.root_of(relation).oid
        if root not in found:
            found[root] = None
            pending.extend(reads.get(root, ()))
    return sorted(found)


def _grantees(subject: Subject, relation: Relation) -> tuple[str | None, ...]:
    """Who has SELECT, itself or for its members, can log in, and is bound by policies elsewhere."""
    privileges = subject.once(Privileges)
    bound = {role.oid for role in privileges.bound_readers(relation)}
    return tuple(
        grantee
        for grantee in sorted(readers(relation), key=lambda name: name or "")
        if any(role.oid in bound for role in privileges.bound_logins(grantee))
    )


def _finding(
    subject: Subject, relation: Relation, read: list[Relation], grantees: tuple[str | None, ...]
) -> Finding:
    guarded = any(table.rls_enabled for table in read)
    names = ", ".join(grantee or "PUBLIC" for grantee in grantees)
    return Finding(
        rule=ID,
        priority=Priority.P0 if guarded else Priority.P1,
        object=relation.display,
        relation=relation.oid,
        message=f"materialized view {relation.display} holds all tenants' rows of {read[0].display} and "
        f"{names} can read it: no policy applies to it",
        remedies=tuple(
            RevokeTable(table=table_of(relation), role=grantee or "public", privileges=("SELECT",))
            for grantee in grantees
        ),
        advice=_doorway(subject, relation, grantees),
    )


def _doorway(subject: Subject, relation: Relation, grantees: tuple[str | None, ...]) -> tuple[str, ...]:
    """A view of the tenant's own rows of it."""
    columns = (subject.snapshot.column(relation.oid, name) for name in subject.tenancy.columns)
    column = next((column for column in columns if column is not None), None)
    if column is None:
        return ()
    taken = frozenset(name for schema, name in subject.snapshot.relation_by_name if schema == relation.schema)
    view = qualified(relation.schema, fit(f"{relation.name}_own", taken))
    condition = tenant_condition(subject, column.name, column.type)
    return (
        f"CREATE VIEW {view} WITH (security_barrier = true) AS SELECT * FROM {relation.qualified} "
        f"WHERE {condition}",
        *(
            f"GRANT SELECT ON {view} TO {identifier(grantee) if grantee is not None else 'PUBLIC'}"
            for grantee in grantees
        ),
    )
