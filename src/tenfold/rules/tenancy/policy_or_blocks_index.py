"""A policy's OR with a term that is the same for every row keeps the planner off the tenant index.

## What it finds
Policies on tables with the tenant column in whose USING the column stands only under an OR beside a term
without columns: `current_setting('app.admin', true) = 'on' OR team_id = ...`, `is_admin() OR team_id = ...`.

## Why it matters
The term is not known when the statement is planned. An OR can use an index only where each of its arms can,
so every statement on the table scans all of it, every tenant's rows, however good the index on the tenant
column. Wrapping the setting in a sub-select does not help.

## How to fix
Leave only the tenant's comparison in this policy, and give the work that may see all tenants a role and a
policy of its own. Policies are chosen by role when a statement is planned, so the OR is gone:

```sql
ALTER POLICY tenant_isolation ON messages
  USING (team_id = (SELECT NULLIF(current_setting('app.team_id', true), '')::bigint));
CREATE POLICY all_tenants ON messages TO back_office USING (true);
```

Where the term only opens the policy while no tenant is set, it is taken out: see `policy-open-when-unset`.

## When to ignore
The table is small enough that scanning it costs nothing, and stays so.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.model.remedy import AlterPolicy
from tenfold.model.remedy_sql import statements
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._expressions import read
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy, alter, closed

ID = "policy-or-blocks-index"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for entry in subject.once(TenantPolicies).effective:
        column, reading = entry.column, entry.using
        if column is not None and reading is not None and column.name in reading.or_columns:
            yield _finding(subject, entry, column.name)


def _finding(subject: Subject, entry: TenantPolicy, column: str) -> Finding:
    remedy = _closing(subject, entry)
    return Finding(
        rule=ID,
        priority=subject.priority(entry.relation),
        object=entry.relation.display,
        detail=entry.policy.name,
        relation=entry.relation.oid,
        message=f"{entry.label} compares {column} only under an OR with a term that is the same for every "
        "row: no index can serve it and every statement scans the whole table",
        remedies=(remedy,) if remedy is not None else (),
        advice=_advice(entry) if remedy is None else (),
    )


def _closing(subject: Subject, entry: TenantPolicy) -> AlterPolicy | None:
    """The remedy of policy-open-when-unset, where it removes the OR as well."""
    remedy = closed(subject, entry)
    using = remedy.using if remedy is not None else None
    return remedy if using is not None and not read(using).or_columns else None


def _advice(entry: TenantPolicy) -> tuple[str, ...]:
    from tenfold.rules.tenancy._rewrite import without_exemptions

    using = without_exemptions(entry.policy.using) if entry.policy.using is not None else None
    return statements(alter(entry, using=using)) if using is not None else ()
