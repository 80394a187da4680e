"""The default partition of a range-partitioned table holds rows: a partition was missing when they came.

## What it finds
Tables partitioned by range whose DEFAULT partition has rows.

## Why it matters
A row lands there when no partition covers its key, most often because the job that creates the next months
has stopped. From then on the missing partition cannot simply be created: the server must scan the default
partition under an ACCESS EXCLUSIVE lock to prove that none of its rows belongs to the new one, and refuses if
one does. Meanwhile queries with a time range must always read the default partition too, since its bounds
exclude nothing, and retention that drops partitions passes its rows by.

## How to fix
For each missing range: create a table `LIKE` the parent, move its rows over in batches (`WITH moved AS
(DELETE FROM the_default WHERE ... RETURNING *) INSERT INTO the_new SELECT * FROM moved`), then attach it; a
validated CHECK on the default partition that excludes the range spares the scan. Create partitions ahead of
time, and watch this rule.

## When to ignore
Where stray keys, such as dates far in the future, are meant to land there and are few. Tables partitioned by
list are not judged: a default partition for the many small tenants is a good design.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject

ID = "default-partition-filling"


def check(subject: Subject) -> Iterator[Finding]:
    snapshot = subject.snapshot
    for relation in subject.relations:
        if relation.partition_bound != "DEFAULT":
            continue
        for oid in snapshot.parents_of(relation.oid):
            parent = snapshot.relation_by_oid[oid]
            rows = subject.rows(relation)
            if rows <= 0 or not (parent.partition_key or "").startswith("RANGE"):
                continue
            root = subject.root_of(parent)
            yield Finding(
                rule=ID,
                priority=subject.priority(root),
                object=relation.display,
                relation=root.oid,
                message=f"{relation.display}, the default partition of {parent.display}, holds {rows:,.0f} "
                "rows: no partition covered them, and the one that should cannot be added before they move",
            )
