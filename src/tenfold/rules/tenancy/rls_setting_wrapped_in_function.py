"""A policy gets the tenant from a user-defined function that reads the setting.

## What it finds
Policies on tables with the tenant column whose USING calls a function of the user's, outside a sub-select,
whose source reads `current_setting`. By the function's volatility:

- IMMUTABLE: P0 where row-level security is on. It promises to depend on nothing, so the planner evaluates it
  once and keeps the result in the plan: a prepared statement answers with the rows of the tenant it was
  planned for.
- VOLATILE, the default of CREATE FUNCTION: it can be no index condition, so every statement filters all rows.
- STABLE: the bare call in disguise, and dearer. It is called for each row where no index leads with the
  tenant column, and not reported where one does.

## Why it matters
The call hides the setting from nobody but the reader. The planner cannot look into PL/pgSQL, and reckons a
call a hundred times as dear as one of `current_setting` (`procost`).

## How to fix
A sub-select around the call makes it run once a statement, whatever its volatility: `team_id = (SELECT
tenant_id())`. That is no cure for IMMUTABLE, which is a false promise: declare the function STABLE.

## When to ignore
The function is IMMUTABLE on purpose and no connection outlives the tenant that it served; there are better
ways.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.model.remedy import AlterPolicy
from tenfold.model.roles import Function
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._policies import (
    TenantPolicies,
    TenantPolicy,
    alter,
    is_served,
    written_names,
)

ID = "rls-setting-wrapped-in-function"
NEEDS_TENANCY = True

_IMMUTABLE, _STABLE, _VOLATILE = "i", "s", "v"


def check(subject: Subject) -> Iterator[Finding]:
    for entry in subject.once(TenantPolicies).effective:
        if entry.column is None or entry.using is None:
            continue
        for oid in entry.policy.functions:
            function = subject.snapshot.function_by_oid.get(oid)
            if function is not None and _reads_a_setting(function) and _is_fault(subject, entry, function):
                yield _finding(subject, entry, function)


def _reads_a_setting(function: Function) -> bool:
    # A body in BEGIN ATOMIC has no source, only a definition.
    return "current_setting" in (function.source or function.definition or "").lower()


def _is_fault(subject: Subject, entry: TenantPolicy, function: Function) -> bool:
    if function.volatility == _IMMUTABLE:
        return True
    assert entry.using is not None
    if not entry.using.calls_per_row.intersection(written_names(function)):
        return False
    return function.volatility == _VOLATILE or not is_served(subject, entry)


def _finding(subject: Subject, entry: TenantPolicy, function: Function) -> Finding:
    immutable = function.volatility == _IMMUTABLE
    remedy = None if immutable else _once(entry)
    return Finding(
        rule=ID,
        priority=entry.leak if immutable else subject.priority(entry.relation),
        object=entry.relation.display,
        detail=entry.policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} gets the tenant from {function.qualified}, {_consequence(function)}",
        remedies=(remedy,) if remedy is not None else (),
        advice=(f"ALTER FUNCTION {function.qualified} STABLE",) if immutable else (),
    )


def _consequence(function: Function) -> str:
    if function.volatility == _IMMUTABLE:
        return "which is declared IMMUTABLE: a prepared statement keeps the tenant that it was planned for"
    if function.volatility == _VOLATILE:
        return "which is VOLATILE: no index can serve it, and it runs for every row of the table"
    return "which is called for every row: no index leads with the column"


def _once(entry: TenantPolicy) -> AlterPolicy | None:
    from tenfold.rules.tenancy._rewrite import evaluated_once

    using = evaluated_once(entry.policy.using) if entry.policy.using is not None else None
    return alter(entry, using=using) if using is not None else None
