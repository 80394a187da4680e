"""A tenant table's indexes have the tenant column only behind another key.

## What it finds
A table with an index that has the tenant column among its keys, such as `integrations (name, team_id)`, and
none that begins with it. Such a table looks indexed in a list of indexed columns, and is not.

## Why it matters
A B-tree is sorted by its first key. `WHERE team_id = 7` fits no range of an index on `(name, team_id)`: the
server reads the whole index, or the whole table. PostgreSQL 18 can skip from one value of the first key to
the next, which helps where that key has few values, and costs a descent for each of them.

## How to fix
Make an index that leads with the tenant column:
```sql
CREATE INDEX CONCURRENTLY idx_integrations_team_id ON integrations (team_id);
```
Where the statements that use the old index always name the tenant as well, build `(team_id, name)` instead
and drop the old one.

## When to ignore
A table that holds a few dozen rows for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import names
from tenfold.model.finding import Finding
from tenfold.model.relations import Index
from tenfold.rules.coverage import is_usable
from tenfold.rules.subject import Subject, TenantTable
from tenfold.rules.tenancy._tenant_column import covered, every_row, wants_index

ID = "tenant-index-not-leading"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    for table in covered(subject, "trailing"):
        nearest = min(_behind(subject, table), key=lambda index: index.key_columns.index(table.column.number))
        keys = names(subject.snapshot.column_names(table.relation.oid, nearest.key_columns))
        yield wants_index(
            subject,
            ID,
            table,
            f"{nearest.name} ({keys}) does not lead with {table.column.name}, nor does any other index "
            f"of {table.relation.display}: a statement for one tenant reads "
            f"{every_row(subject, table.relation)}",
        )


def _behind(subject: Subject, table: TenantTable) -> list[Index]:
    return [
        index
        for index in subject.snapshot.indexes_of(table.relation.oid)
        if is_usable(index) and table.column.number in index.key_columns
    ]
