"""A policy reads the tenant setting for each row, on a table where no index leads with the tenant column.

## What it finds
Policies on tables with the tenant column whose USING calls `current_setting(...)` outside a sub-select, on a
table without a whole index that leads with the column. Silent where such an index exists: then the setting is
an index condition, read once a scan, and the bare call has a merit of its own (below).

## Why it matters
Without an index the condition is a filter, and a filter calls `current_setting`, NULLIF and the cast again
for every row of every tenant that the scan meets.

## How to fix
In a sub-select the setting is read once a statement: `team_id = (SELECT NULLIF(current_setting('app.team_id',
true), '')::bigint)`. Its price: the planner no longer sees which tenant asks, and plans for the average one.
An index on the tenant column (`tenant-index-missing`) is the better half of the cure and needs no change of
the policy.

## When to ignore
The index is coming and tenants differ much in size: leave the bare call, so that the planner sees each
tenant's own frequency.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy, alter, is_served, tenant_only

ID = "rls-setting-per-row"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for entry in subject.once(TenantPolicies).effective:
        reading = entry.using
        if entry.column is None or reading is None or not reading.settings_per_row:
            continue
        if not is_served(subject, entry):
            yield _finding(subject, entry)


def _finding(subject: Subject, entry: TenantPolicy) -> Finding:
    from tenfold.rules.tenancy._rewrite import evaluated_once

    assert entry.column is not None and entry.policy.using is not None
    using = tenant_only(subject, entry, entry.using) or evaluated_once(entry.policy.using)
    return Finding(
        rule=ID,
        priority=subject.priority(entry.relation),
        object=entry.relation.display,
        detail=entry.policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} reads its setting again for every row: no index leads with "
        f"{entry.column.name}, and the call is not in a sub-select",
        remedies=(alter(entry, using=using),) if using is not None else (),
    )
