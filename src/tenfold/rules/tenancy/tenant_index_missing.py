"""A tenant table has no index on its tenant column.

## What it finds
A table with the tenant column, and no index that has this column among its keys. Indexes that failed to
build, included (`INCLUDE`) columns and BRIN do not count. An index that has the tenant column behind
another key is `tenant-index-not-leading`; one that holds only some of the rows is
`policy-index-partial-only`.

## Why it matters
Nearly every statement of a multi-tenant product says `tenant = ...`, and under row-level security every one
does, because the policy adds it. Without an index the server reads the rows of all tenants and throws
nearly all of them away: each tenant's page gets slower as the *other* tenants grow.

## How to fix
```sql
CREATE INDEX CONCURRENTLY idx_messages_team_id ON messages (team_id);
```
`CONCURRENTLY` lets reads and writes go on; it waits for transactions that are older than itself. A B-tree
keeps equal keys once (deduplication, PostgreSQL 13 and later), so that such an index takes about 7 bytes a
row. Where statements also filter or sort by another column, one index that leads with the tenant, such as
`(team_id, created_at)`, serves both and makes this one needless; `tenfold plan` joins the two.

## When to ignore
A table that holds a few dozen rows for ever: the server reads its one block faster than any index.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._tenant_column import covered, every_row, wants_index

ID = "tenant-index-missing"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for table in covered(subject, "none"):
        rows = every_row(subject, table.relation)
        yield wants_index(
            subject,
            ID,
            table,
            f"{table.relation.display} has no index on {table.column.name}: "
            f"a statement for one tenant reads {rows}",
        )
