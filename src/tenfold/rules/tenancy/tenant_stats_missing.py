"""The planner does not know how a table's rows are spread over tenants.

## What it finds
A tenant table of some size (1) whose tenant column was never analysed, (2) whose statistics count far more
tenants than the tenant table has rows, or (3) that has many more tenants than the list of common values can
hold, with some of them far above the mean.

## Why it matters
Without statistics the planner takes 200 distinct values for any column. With a full list, every tenant
outside it is planned as the mean of the rest; where tenants differ a hundredfold, the mean fits nobody, and
joins are ordered by numbers that are wrong by as much.

## How to fix
```sql
ALTER TABLE messages ALTER COLUMN team_id SET STATISTICS 1000;
ANALYZE messages (team_id);
```
The target is the length of the list, and 300 times the target is the number of rows that ANALYZE samples
(see `std_typanalyze` in analyze.c): a higher one costs a longer ANALYZE and a little planning time, no lock
that stops reads or writes.

## When to ignore
Where every tenant has about as many rows as every other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding
from tenfold.model.remedy import SetStatistics
from tenfold.rules.subject import Subject, TenantTable, table_of
from tenfold.rules.tenancy._distribution import Distribution, distribution

ID = "tenant-stats-missing"
NEEDS = ("statistics",)
NEEDS_TENANCY = True

#: `default_statistics_target` as it comes, and the most that a column may have (MAX_STATISTICS_TARGET).
_DEFAULT_TARGET, _MAX_TARGET = 100, 10_000


def check(subject: Subject) -> Iterator[Finding]:
    known = _tenants(subject)
    default = int(subject.snapshot.setting("default_statistics_target") or _DEFAULT_TARGET)
    for table in subject.tenant_tables:
        if subject.rows(table.relation) < subject.thresholds.small_table_rows:
            continue
        if not subject.snapshot.sees("statistics", table.relation.oid):
            continue
        spread = distribution(subject, table)
        own = table.column.statistics_target
        fault = _fault(subject, spread, known, default if own < 0 else own)
        if fault is not None:
            wanted = spread.tenants if spread and not _counts_too_many(subject, spread, known) else known
            yield _finding(subject, table, fault, _target(wanted, own, default))


def _tenants(subject: Subject) -> float:
    """Rows of the tenant table; 0 where it is unknown."""
    root = subject.tenancy.tenant_table
    return subject.rows(subject.snapshot.relation_by_oid[root]) if root is not None else 0.0


def _fault(subject: Subject, spread: Distribution | None, known: float, target: int) -> str | None:
    if spread is None:
        return "was never analysed: the planner takes 200 tenants, whatever there are"
    if _counts_too_many(subject, spread, known):
        return f"is planned for {spread.tenants:,.0f} tenants, where there are {known:,.0f}"
    skewed = spread.times_mean >= subject.thresholds.tenant_skew_times_mean
    if skewed and spread.tenants > target and spread.common >= target:
        return (
            f"has about {spread.tenants:,.0f} tenants and room for {target} in its list of common values, "
            f"and the largest is {spread.times_mean:,.0f} times the mean: the rest are planned as the mean"
        )
    return None


def _counts_too_many(subject: Subject, spread: Distribution, known: float) -> bool:
    return known >= 1 and spread.tenants > known * subject.thresholds.tenant_count_error


def _target(tenants: float, own: int, default: int) -> int:
    """Room for every tenant, in steps of a hundred; as it is where that is enough."""
    wanted = min(math.ceil(tenants / 100) * 100, _MAX_TARGET)
    return own if wanted <= (default if own < 0 else own) else wanted


def _finding(subject: Subject, table: TenantTable, fault: str, target: int) -> Finding:
    return Finding(
        rule=ID,
        priority=subject.priority(table.relation),
        object=table.relation.display,
        relation=table.relation.oid,
        message=f"{table.relation.display}.{identifier(table.column.name)} {fault}",
        remedies=(
            SetStatistics(
                table=table_of(table.relation),
                column=table.column.name,
                target=target,
                old_target=table.column.statistics_target,
            ),
        ),
    )
