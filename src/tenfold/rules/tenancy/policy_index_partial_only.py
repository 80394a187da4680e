"""The only index that leads with the tenant column holds some rows only.

## What it finds
A tenant table whose only indexes that begin with the tenant column are partial, such as `(team_id) WHERE
deleted_at IS NULL`. A condition `team_id IS NOT NULL` does no harm, and neither does one that every policy
of the table repeats: then each statement carries it.

## Why it matters
The planner uses a partial index only where the statement's own conditions imply the index's. A tenant
policy adds `team_id = ...` and nothing else, so every statement that does not repeat `deleted_at IS NULL`,
among them foreign-key checks, exports, counts and the deletion of a tenant, reads the whole table.

## How to fix
Make an index over all rows; the partial one then often becomes needless:
```sql
CREATE INDEX CONCURRENTLY idx_messages_team_id ON messages (team_id);
```
Or, where rows outside the condition must never be seen, put the condition into the policy.

## When to ignore
Where all statements repeat the index's condition, and rows outside it are few and never looked for by
tenant.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.coverage import leads_with
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._tenant_column import covered, every_row, wants_index

ID = "policy-index-partial-only"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for table in covered(subject, "partial"):
        partial = next(
            index
            for index in subject.snapshot.indexes_of(table.relation.oid)
            if index.valid and index.predicate is not None and leads_with(index, table.column.number)
        )
        yield wants_index(
            subject,
            ID,
            table,
            f"{partial.name}, the only index of {table.relation.display} that leads with "
            f"{table.column.name}, holds only rows with {partial.predicate}: without that condition "
            f"a statement for one tenant reads {every_row(subject, table.relation)}",
        )
