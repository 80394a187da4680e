"""Row-level security is on and no policy lets any row through.

## What it finds
Tables with row-level security on which no permissive policy exists: none at all, or restrictive ones only. P1
on tables of tenants, P2 on others.

## Why it matters
Without a permissive policy the server denies every row to everybody it binds. Either the application gets
nothing from this table, or it reads as the owner or as a role above policies, and then nothing is isolated.

## How to fix
Give it the tenant policy. On a table that belongs to no tenant say in a policy who may see what, or turn
row-level security off.

## When to ignore
The table is closed on purpose: only its owner and functions that run as its owner are to reach it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.rules.isolation import isolate
from tenfold.rules.subject import Subject

ID = "rls-no-policy"


def check(subject: Subject) -> Iterator[Finding]:
    for relation in subject.tables:
        if relation.rls_enabled and not any(
            policy.permissive for policy in subject.snapshot.policies_of(relation.oid)
        ):
            yield _finding(subject, relation)


def _finding(subject: Subject, relation: Relation) -> Finding:
    part = subject.tenancy.of(relation.oid)
    of_tenants = part is not None and part.table_class != "shared"
    what = "only restrictive policies" if subject.snapshot.policies_of(relation.oid) else "no policy"
    return Finding(
        rule=ID,
        priority=Priority.P1 if of_tenants else Priority.P2,
        object=relation.display,
        relation=relation.oid,
        message=f"{relation.display} has row-level security and {what}: no row is visible to any bound role",
        remedies=isolate(subject, relation) if relation.oid in subject.tenant_column_of else (),
    )
