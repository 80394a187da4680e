"""A tenant column may be null.

## What it finds
A tenant column without `NOT NULL`. A validated `CHECK (team_id IS NOT NULL)` and a domain that is `NOT
NULL` serve as well.

## Why it matters
A row without a tenant belongs to nobody. `team_id = ...` is never true of it, so that under row-level
security no tenant sees it again: data that is lost while it is there. It escapes foreign keys too: with one
column null, the check of a composite key is left out. And one forgotten assignment in an application is
enough to make it.

## How to fix
Where statistics show no nulls, the plan adds a `CHECK ... NOT VALID`, validates it while reads and writes
go on, sets `NOT NULL` without another scan and drops the check. Where there are nulls, decide first whose
rows they are:
```sql
SELECT count(*) FROM prompts WHERE team_id IS NULL;
```

## When to ignore
Where null means "shared by all tenants", such as built-in templates, and the policy says so (`team_id = ...
OR team_id IS NULL`, for SELECT only). A table of its own for shared rows is clearer and faster.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import Remedy, SetNotNull
from tenfold.model.remedy_sql import statements
from tenfold.rules.coverage import is_not_null_test
from tenfold.rules.subject import Subject, TenantTable, table_of
from tenfold.rules.tenancy._tenant_column import has_no_nulls

ID = "tenant-column-nullable"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tenant_tables:
        if table.column.not_null or _is_checked(subject, table) or _is_domain_not_null(subject, table):
            continue
        remedy, advice, known = _way_out(subject, table)
        yield Finding(
            rule=ID,
            priority=max(Priority.P1, subject.priority(table.relation)),
            object=table.relation.display,
            relation=table.relation.oid,
            message=f"{table.relation.display}.{identifier(table.column.name)} may be null: "
            f"such a row belongs to no tenant and no policy shows it to anyone; {known}",
            remedies=remedy,
            advice=advice,
        )


def _way_out(subject: Subject, table: TenantTable) -> tuple[tuple[Remedy, ...], tuple[str, ...], str]:
    remedy = SetNotNull(table=table_of(table.relation), column=table.column.name)
    if has_no_nulls(subject, table.relation, table.column):
        return (remedy,), (), "none is known"
    count = f"SELECT count(*) FROM {remedy.table.sql} WHERE {identifier(remedy.column)} IS NULL"
    statistics = subject.snapshot.statistics_of(table.relation.oid, table.column.number)
    if statistics is None:
        return (), (count, *statements(remedy)), "no statistics tell of any"
    return (), (count,), f"about {statistics.null_frac:.1%} of the rows are so"


def _is_checked(subject: Subject, table: TenantTable) -> bool:
    return any(
        constraint.kind == "c"
        and constraint.validated
        and constraint.columns == (table.column.number,)
        and is_not_null_test(constraint.definition.removeprefix("CHECK "), table.column.name)
        for constraint in subject.snapshot.constraints_of(table.relation.oid)
    )


def _is_domain_not_null(subject: Subject, table: TenantTable) -> bool:
    domain = subject.snapshot.type_by_oid.get(table.column.type_oid)
    return domain is not None and domain.not_null
