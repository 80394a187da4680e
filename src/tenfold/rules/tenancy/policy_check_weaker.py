"""A policy's WITH CHECK lets in rows that its USING hides.

## What it finds
Policies on tables of tenants with both expressions where USING isolates and WITH CHECK does not: it is always
true, it is the same for whichever tenant asks, or it does not mention the tenant column that USING compares.
A policy without WITH CHECK is right: the server then uses USING for new rows too. Silent where a restrictive
policy checks what this one does not. P0 where row-level security is on.

## Why it matters
A session cannot read another tenant's rows and still can write them: INSERT with the other tenant's id, or
UPDATE of the tenant column, hands a row over. The victim sees it as its own.

## How to fix
Make WITH CHECK the same as USING. (It cannot be removed again by ALTER POLICY, which is why it is not.)

## When to ignore
A trigger sets the tenant column on every write, and nobody can switch it off.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._expressions import Reading
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy, alter

ID = "policy-check-weaker"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    policies = subject.once(TenantPolicies)
    for entry in policies.effective:
        using, written = entry.using, entry.check
        if using is None or written is None or not is_weaker(written, using, entry):
            continue
        # A restrictive policy is the wall itself: its check matters where nothing behind it checks.
        others = policies.walls(entry) if entry.policy.permissive else policies.behind(entry)
        checks = [is_weaker(other.writing, using, entry) for other in others if other.writing is not None]
        holds = any(not weaker for weaker in checks) if entry.policy.permissive else not any(checks)
        if not holds:
            yield _finding(entry)


def is_weaker(check: Reading, using: Reading, entry: TenantPolicy) -> bool:
    """Whether the check surely lets in another tenant's row that USING, as far as is known, hides."""
    if using.whatever.always or check.whatever.never:
        return False
    if check.whatever.always or (check.names_nobody and not using.names_nobody):
        return True
    column = entry.column.name if entry.column is not None else None
    return column is not None and column in using.columns and check.ignores(column)


def _finding(entry: TenantPolicy) -> Finding:
    return Finding(
        rule=ID,
        priority=entry.leak,
        object=entry.relation.display,
        detail=entry.policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} hides other tenants' rows and lets a session write them: its WITH CHECK is "
        "weaker than its USING",
        remedies=(alter(entry, check=entry.policy.using),),
    )
