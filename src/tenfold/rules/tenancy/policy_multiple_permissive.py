"""Several permissive policies serve the same command, and any one of them lets a row in.

## What it finds
Tables with the tenant column on which two or more permissive policies apply to the same command and the same
role, without a restrictive tenant policy beside them. P0 where one of them surely does not bind the tenant,
P1 where one of them is not understood, P2 where each compares the tenant. A policy that is always true is
`policy-always-true` and not counted here.

## Why it matters
Permissive policies are OR-ed: the weakest decides, and each new one can undo the isolation of all. The
planner gets the OR too: every row is tested against every expression, and an index serves only what all arms
share.

## How to fix
A restrictive twin of the tenant policy, which is AND-ed: whatever the permissive ones let in, only the
tenant's own rows pass. (A restrictive policy alone would let nothing in.) It is given to the application's
role where that is known. Where policies for named roles exist besides, and it is not known, the statement is
only shown: it would bind those roles as well.

## When to ignore
Rows of other tenants are meant to be seen, such as templates marked public; then see that nothing can write
them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import CreatePolicy
from tenfold.model.remedy_sql import statements
from tenfold.rules.isolation import restrict, tenant_condition
from tenfold.rules.privileges import PUBLIC, Privileges
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._policies import COMMANDS, TenantPolicies, TenantPolicy

ID = "policy-multiple-permissive"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    policies = subject.once(TenantPolicies)
    for entries in policies.of.values():
        if len(entries) > 1 and entries[0].column is not None:
            together = _together(policies, entries)
            if together:
                yield _finding(subject, entries, together)


def _together(policies: TenantPolicies, entries: tuple[TenantPolicy, ...]) -> tuple[TenantPolicy, ...]:
    """The permissive policies that share a command and an audience with another, and no wall."""
    open_ones = [
        entry
        for entry in entries
        if entry.policy.permissive
        and not policies.cancels_isolation(entry)
        and not any(_binds(wall) for wall in policies.walls(entry))
    ]
    return tuple(
        entry for entry in open_ones if any(policies.is_alternative(other, entry) for other in open_ones)
    )


def _binds(entry: TenantPolicy) -> bool:
    """Whether it compares the tenant column with something of the session."""
    reading = entry.deciding
    return (
        reading is not None
        and entry.column is not None
        and entry.column.name in reading.columns
        and not reading.names_nobody
    )


def _surely_unbound(entry: TenantPolicy) -> bool:
    reading, column = entry.deciding, entry.column
    if reading is None or column is None:
        return False
    return reading.lets_anybody_in or (reading.ignores(column.name) and not reading.whatever.never)


def _finding(
    subject: Subject, entries: tuple[TenantPolicy, ...], together: tuple[TenantPolicy, ...]
) -> Finding:
    relation = together[0].relation
    unbound = [entry for entry in together if _surely_unbound(entry)]
    listed = ", ".join(f"{entry.policy.name} ({COMMANDS[entry.policy.command]})" for entry in together)
    message = f"{relation.display} has {len(together)} permissive policies that are OR-ed: {listed}"
    if unbound:
        message += f"; {unbound[0].policy.name} does not compare the tenant, so that other tenants' rows pass"
        priority = together[0].leak
    elif all(_binds(entry) for entry in together):
        message += "; every row is tested against each"
        priority = Priority.P2
    else:
        message += "; the weakest of them decides"
        priority = Priority.P1
    twin, shown = _twin(subject, entries, together)
    return Finding(
        rule=ID,
        priority=priority,
        object=relation.display,
        relation=relation.oid,
        message=message,
        remedies=() if shown else (twin,),
        advice=statements(twin) if shown else (),
    )


def _twin(
    subject: Subject, entries: tuple[TenantPolicy, ...], together: tuple[TenantPolicy, ...]
) -> tuple[CreatePolicy, bool]:
    """The restrictive policy, and whether it is the user's decision."""
    column = together[0].column
    assert column is not None
    condition = tenant_condition(subject, column.name, column.type)
    application = subject.once(Privileges).application
    if application is not None:
        return restrict(subject, together[0].relation, condition, (application.name,)), False
    others = [entry for entry in entries if entry.policy.permissive and PUBLIC not in entry.policy.roles]
    return restrict(subject, together[0].relation, condition), bool(others)
