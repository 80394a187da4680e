"""One tenant has so many rows that plans for the average tenant fail it.

## What it finds
A tenant table whose largest tenant has at least the share of rows that the thresholds name, and many times
the mean. Read from the column's statistics; no tenant is named. Small tables are left out.

## Why it matters
The planner has one frequency for each common tenant, and the mean for the rest. It uses a tenant's own only
where it sees the value while it plans. A generic plan of a prepared statement, and a policy that reads the
setting in a sub-select, hide it: the statement is then planned for the mean, and a plan that is right for a
thousand rows (nested loops, a sort in memory) is run over millions, or the large tenant's plan makes the
small ones wait.

## How to fix
Verify plans for the largest, the median and the newest tenant. Where they differ, leave the sub-select out
of the policy, so that the planner sees the tenant; with `plan_cache_mode = force_custom_plan` for the
application's role prepared statements see it too. Where one tenant outgrows the rest for good, give it a
partition or a server of its own.

## When to ignore
Where every statement of the table is served by an index that leads with the tenant and matches its order:
then one plan is right for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._distribution import distribution

ID = "tenant-skew"
NEEDS = ("statistics",)
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    limits = subject.thresholds
    for table in subject.tenant_tables:
        if subject.rows(table.relation) < limits.small_table_rows:
            continue
        spread = distribution(subject, table)
        if (
            spread is None
            or spread.largest_share < limits.tenant_skew_share
            or spread.times_mean < limits.tenant_skew_times_mean
        ):
            continue
        yield Finding(
            rule=ID,
            priority=subject.priority(table.relation),
            object=table.relation.display,
            relation=table.relation.oid,
            message=f"the largest tenant has {spread.largest_share:.0%} of the rows of "
            f"{table.relation.display}, {spread.times_mean:,.0f} times the mean: "
            "a plan for the average tenant does not fit it",
        )
