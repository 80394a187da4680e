"""A policy lets every row through while the tenant setting is absent or empty.

## What it finds
Policies on tables of tenants whose expression is true for other tenants' rows when the setting was never set,
or is empty: `setting IS NULL OR ...`, `COALESCE(setting, '') = '' OR ...`, `tenant = COALESCE(setting,
tenant)`, `CASE WHEN setting = '' THEN true ...`. The expression is evaluated in the server's three-valued
logic; what is not understood counts as closed. Silent where a restrictive policy closes it. P0 where
row-level security is on.

## Why it matters
A session that forgets to set the tenant is exactly the one that row-level security is for. The setting is
absent in a fresh connection and empty, not absent, after a transaction that used `SET LOCAL`; a pooled
connection sees both. Migrations and background jobs are no reason: they have roles of their own.

## How to fix
Without the opening term an absent setting compares as NULL, and no row passes. An expression that says
nothing but "the tenant, or all when there is none" becomes the tenant condition; of any other the term is
taken out.

## When to ignore
Never on a table that an application reaches. Work for all tenants gets a role, and a policy `TO` that role.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy, closed

ID = "policy-open-when-unset"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    policies = subject.once(TenantPolicies)
    for entry in policies.effective:
        states = policies.opens(entry)
        if states:
            yield _finding(subject, entry, states)


def _finding(subject: Subject, entry: TenantPolicy, states: tuple[str, ...]) -> Finding:
    remedy = closed(subject, entry)
    return Finding(
        rule=ID,
        priority=entry.leak,
        object=entry.relation.display,
        detail=entry.policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} lets in every tenant's rows while the setting is {' or '.join(states)}",
        remedies=(remedy,) if remedy is not None else (),
    )
