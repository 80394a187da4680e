"""A policy lets every row through, whatever the tenant.

## What it finds
Permissive policies on tables of tenants whose expression is true for every row in every session, such as
`USING (true)`, `1 = 1` or `team_id = team_id`: the USING expression, or the WITH CHECK of an INSERT policy.
Silent where a restrictive policy stands beside it and isolates, and where the policy is for roles that the
application's role does not have. P0 where row-level security is on. Where the application's role is not
known, a policy for named roles is P1.

## Why it matters
Permissive policies are OR-ed: one that is always true cancels all others. The table looks protected in every
listing and every tenant reads, or writes, every row.

## How to fix
Where another permissive policy serves the same commands and isolates, drop this one. Otherwise give it the
tenant condition.

## When to ignore
The policy is for a back-office role that must see all tenants. Name the application's role in `tenfold.toml`,
and policies that are not for it are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import DropPolicy, Remedy
from tenfold.rules.isolation import tenant_condition
from tenfold.rules.privileges import PUBLIC, Privileges
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._policies import COMMANDS, TenantPolicies, TenantPolicy, alter, as_created

ID = "policy-always-true"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    policies = subject.once(TenantPolicies)
    for entry in policies.effective:
        if policies.cancels_isolation(entry):
            yield _finding(subject, policies, entry)


def _finding(subject: Subject, policies: TenantPolicies, entry: TenantPolicy) -> Finding:
    policy = entry.policy
    verb = {"r": "read", "a": "insert", "w": "update", "d": "delete"}.get(policy.command, "read and write")
    # A named role may be the back office; only the application's role tells.
    deliberate = PUBLIC not in policy.roles and subject.once(Privileges).application is None
    return Finding(
        rule=ID,
        priority=Priority.P1 if deliberate else entry.leak,
        object=entry.relation.display,
        detail=policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} ({COMMANDS[policy.command]}) is true for every row: each tenant can {verb} "
        "all tenants' rows",
        remedies=() if deliberate else _remedies(subject, policies, entry),
    )


def _remedies(subject: Subject, policies: TenantPolicies, entry: TenantPolicy) -> tuple[Remedy, ...]:
    if any(policies.replaces(other, entry) for other in policies.of[entry.policy.relation]):
        return (DropPolicy(table=table_of(entry.relation), was=as_created(subject, entry)),)
    if entry.column is None:
        return ()
    condition = tenant_condition(subject, entry.column.name, entry.column.type)
    open_check = entry.check is not None and entry.check.whatever.always
    return (alter(entry, using=condition, check=condition if open_check else None),)
