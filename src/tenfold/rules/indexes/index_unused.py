"""An index has not been used for a month.

## What it finds
An index without a single scan since the counters were reset, where that is at least 30 days ago and the
index takes at least 1 MB. Never unique and constraint-backing indexes, the replica identity and the index a
table is clustered on, which do their work without scans; never the only index on the tenant column or a
foreign key; of a partitioned table the index as a whole, by the scans of all its parts. On a standby
nothing is said, since it counts its own scans only.

## Why it matters
An index costs at every write: an entry, WAL, memory that useful blocks lack, vacuum time. If it is on a
column that changes it also keeps updates from being HOT.

## How to fix
```sql
DROP INDEX CONCURRENTLY idx_leads_zip_code;
```
Where standbys serve reads, their scans are counted there and not here: ask `pg_stat_user_indexes` on each
of them first. With standbys attached the statement is shown and not planned.

## When to ignore
An index for a job that runs less than once a month, or one that is younger than the counters: when it was
made is not in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Index, Relation
from tenfold.rules.coverage import is_tied
from tenfold.rules.indexes._indexes import (
    bytes_of,
    drop,
    drop_statement,
    finding,
    judged_indexes,
    megabytes,
    only_index_for,
    parts_of,
    spoken,
)
from tenfold.rules.subject import Subject

ID = "index-unused"


def check(subject: Subject) -> Iterator[Finding]:
    days = subject.counted_days
    if days is None or days < subject.thresholds.unused_index_days or subject.snapshot.server.in_recovery:
        return
    for relation, index in judged_indexes(subject):
        if _is_unused(subject, relation, index):
            yield _finding(subject, relation, index, days)


def _is_unused(subject: Subject, relation: Relation, index: Index) -> bool:
    return (
        not is_tied(index)
        and all(part.scans == 0 for part in parts_of(subject, index))
        and bytes_of(subject, index) >= subject.thresholds.index_min_bytes
        and only_index_for(subject, relation, index) is None
    )


def _finding(subject: Subject, relation: Relation, index: Index, days: float) -> Finding:
    said = (
        f"{spoken(index)} of {relation.display} takes {megabytes(bytes_of(subject, index))} and had no scan "
    )
    verdict = finding(ID, relation, index, f"{said}in {days:,.0f} days")
    if not subject.snapshot.replicas:
        return msgspec.structs.replace(verdict, remedies=(drop(relation, index),))
    return msgspec.structs.replace(
        verdict,
        message=f"{verdict.message} on this server; scans on its standbys are counted there",
        advice=(drop_statement(relation, index),),
    )
