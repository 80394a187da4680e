"""Policies exist on a table whose row-level security is off.

## What it finds
Tables with at least one policy on which row-level security is not enabled. P0 on tables of tenants, P1 on
others.

## Why it matters
`CREATE POLICY` succeeds on any table and changes nothing until `ALTER TABLE ... ENABLE ROW LEVEL SECURITY`.
Whoever wrote the policy believes that the rows are guarded; everybody with SELECT reads all of them.

## How to fix
Enable and force row-level security. Where all policies are restrictive, the tenant policy is added first:
restrictive policies alone let nothing through. Sessions that do not set the tenant see no row from that
moment.

## When to ignore
Row-level security was switched off for a migration that is still under way.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy import EnableRls, ForceRls, Remedy
from tenfold.rules.isolation import isolate
from tenfold.rules.subject import Subject, table_of

ID = "policy-without-rls"


def check(subject: Subject) -> Iterator[Finding]:
    for relation in subject.tables:
        policies = subject.snapshot.policies_of(relation.oid)
        if not policies or relation.rls_enabled:
            continue
        part = subject.tenancy.of(relation.oid)
        of_tenants = part is not None and part.table_class != "shared"
        yield Finding(
            rule=ID,
            priority=Priority.P0 if of_tenants else Priority.P1,
            object=relation.display,
            relation=relation.oid,
            message=f"{relation.display} has {_count(len(policies))} that nothing enforces: "
            "row-level security is off",
            remedies=_remedies(subject, relation),
        )


def _count(policies: int) -> str:
    return "a policy" if policies == 1 else f"{policies} policies"


def _remedies(subject: Subject, relation: Relation) -> tuple[Remedy, ...]:
    permissive = any(policy.permissive for policy in subject.snapshot.policies_of(relation.oid))
    if not permissive and relation.oid in subject.tenant_column_of:
        return isolate(subject, relation)
    table = table_of(relation)
    return (EnableRls(table=table),) + (() if relation.rls_forced else (ForceRls(table=table),))
