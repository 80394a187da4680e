"""An index is invalid: a build of it failed.

## What it finds
An index that is marked as invalid, or as not ready, while no build is in flight on its table: what a
`CREATE INDEX CONCURRENTLY` or `REINDEX CONCURRENTLY` leaves behind that was cancelled, met a deadlock or
found a duplicate. Not the index of a partitioned table, which is invalid until every partition has its
part.

## Why it matters
No statement can use it, and every write may still maintain it: all of the cost and none of the use. A
unique one may refuse rows all the same. `CREATE INDEX IF NOT EXISTS` takes it for done.

## How to fix
```sql
REINDEX INDEX CONCURRENTLY idx_messages_team_id;
```
builds it again under its name. What `REINDEX CONCURRENTLY` left (`..._ccnew`, `..._ccold`) and what has a
valid twin is dropped. If a unique index failed because of duplicate rows, they must go first.

## When to ignore
Never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import DropIndex, RebuildIndex
from tenfold.model.snapshot import Sight
from tenfold.rules.coverage import same_keys
from tenfold.rules.indexes._indexes import drop, finding, spoken
from tenfold.rules.subject import Subject, table_of

ID = "index-invalid"
NEEDS: tuple[Sight, ...] = ("index_builds",)

# What REINDEX CONCURRENTLY calls what it builds and what it replaces (src/backend/commands/indexcmds.c).
_LEFTOVER = re.compile(r"_cc(new|old)\d*\Z")


def check(subject: Subject) -> Iterator[Finding]:
    building = {build.relation for build in subject.snapshot.index_builds}
    for index in subject.snapshot.indexes:
        if (
            (index.valid and index.ready)
            or index.relation not in subject.judged
            or index.relation in building
        ):
            continue
        relation = subject.snapshot.relation_by_oid[index.relation]
        if relation.kind != "p":
            yield _finding(subject, relation, index)


def _finding(subject: Subject, relation: Relation, index: Index) -> Finding:
    remedy = _remedy(subject, relation, index)
    done = "is a leftover" if isinstance(remedy, DropIndex) else "is invalid"
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} {done}: its build failed, no statement can use it "
        "and writes may still maintain it",
        priority=subject.priority(subject.root_of(relation)),
    )
    return msgspec.structs.replace(verdict, remedies=(remedy,))


def _remedy(subject: Subject, relation: Relation, index: Index) -> DropIndex | RebuildIndex:
    others = subject.snapshot.indexes_of(relation.oid)
    if _LEFTOVER.search(index.name) or any(_is_valid_twin(other, index) for other in others):
        return drop(relation, index)
    return RebuildIndex(table=table_of(relation), name=index.name)


def _is_valid_twin(other: Index, index: Index) -> bool:
    return (
        other.valid
        and other.columns == index.columns
        and other.key_count == index.key_count
        and other.unique == index.unique
        and other.predicate == index.predicate
        and same_keys(other, index, index.key_count)
    )
