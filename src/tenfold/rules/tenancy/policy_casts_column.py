"""A policy casts the tenant column to compare it with the setting, so that no index on the column serves.

## What it finds
Policies on tables with the tenant column whose USING compares the column through a cast, as in `team_id::text
= current_setting('app.team_id')`. A cast that costs nothing is not meant (`varchar` to `text`, a domain to
its base type), nor is a column whose index is on the very cast.

## Why it matters
An index on `team_id` is sorted by `team_id`, not by its text. The condition becomes a filter that converts
the column of every row of every tenant.

## How to fix
Cast the setting to the column's type instead: once a statement, and the index serves. A setting that is not
of the type then fails the statement, which is right; an empty one is made NULL first and hides all rows.

## When to ignore
Never on a table that grows.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.model.relations import Column
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy, alter, tenant_only

ID = "policy-casts-column"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for entry in subject.once(TenantPolicies).effective:
        column, reading = entry.column, entry.using
        if column is None or reading is None or not reading.cast_columns:
            continue
        to = dict(reading.cast_columns).get(column.name)
        if to is not None and not _costs_nothing(column, to) and not _is_indexed(subject, entry, column):
            yield _finding(subject, entry, column, to)


def _costs_nothing(column: Column, to: str) -> bool:
    """Whether the cast only changes the name of the type: the index still serves."""
    if column.type_kind == "d":
        return True
    return column.type.startswith(("character varying", "text")) and to.startswith(("text", "varchar"))


def _is_indexed(subject: Subject, entry: TenantPolicy, column: Column) -> bool:
    """Whether an index leads with an expression on the column."""
    return any(
        index.columns[:1] == (0,) and column.number in (index.depends or ())
        for index in subject.snapshot.indexes_of(entry.relation.oid)
    )


def _finding(subject: Subject, entry: TenantPolicy, column: Column, to: str) -> Finding:
    policy = entry.policy
    using = _uncast(subject, entry, column)
    return Finding(
        rule=ID,
        priority=subject.priority(entry.relation),
        object=entry.relation.display,
        detail=policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} casts {column.name} from {column.type} to {to}: no index on the column "
        "serves it, every row is converted",
        remedies=(alter(entry, using=using),) if using is not None else (),
    )


def _uncast(subject: Subject, entry: TenantPolicy, column: Column) -> str | None:
    from tenfold.rules.tenancy._rewrite import uncast

    whole = tenant_only(subject, entry, entry.using)
    if whole is not None or entry.policy.using is None:
        return whole
    return uncast(entry.policy.using, column.name, column.type)
