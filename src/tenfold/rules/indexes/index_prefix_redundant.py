"""An index is the beginning of another one.

## What it finds
A B-tree index whose keys, with operator class, collation and order, are the first keys of another valid
B-tree over all rows of the table. Not unique and constraint-backing indexes, the replica identity, the
index a table is clustered on, partial and expression indexes, parts of a partitioned index, nor one that
includes (`INCLUDE`) columns which the longer one lacks.

## Why it matters
`(team_id, email)` finds the rows of a team as `(team_id)` does. The shorter index costs an entry for every
row written, WAL, memory and vacuum time, and is one more reason why an update is not HOT.

## How to fix
```sql
DROP INDEX CONCURRENTLY leads_team_id_index;
```
It waits for statements that use the index and blocks nobody. Statements go on with the longer one.

## When to ignore
The shorter one is far smaller, since a B-tree stores equal keys once, and a hot statement scans large parts
of it: compare sizes, and the statement's buffers without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from tenfold.model.ddl import identifier, names
from tenfold.model.finding import Finding
from tenfold.model.relations import Index, Relation
from tenfold.rules.coverage import is_tied, is_usable, same_keys
from tenfold.rules.indexes._indexes import bytes_of, drop, finding, judged_by_table, megabytes, spoken
from tenfold.rules.subject import Subject

ID = "index-prefix-redundant"


def check(subject: Subject) -> Iterator[Finding]:
    for relation, indexes in judged_by_table(subject):
        first = Counter(index.columns[0] for index in indexes)
        for index in indexes if len(first) < len(indexes) else ():
            longer = _longer(index, indexes) if first[index.columns[0]] > 1 else None
            if longer is not None:
                yield _finding(subject, relation, index, longer)


def _longer(index: Index, others: Sequence[Index]) -> Index | None:
    """The index that does its work; the longest, which no other makes redundant in turn."""
    if index.method != "btree" or is_tied(index) or index.predicate is not None or 0 in index.columns:
        return None
    covering = [other for other in others if _covers(other, index)]
    return max(covering, key=lambda other: (other.key_count, other.unique, -other.oid), default=None)


def _covers(other: Index, index: Index) -> bool:
    return (
        other.key_count > index.key_count
        and is_usable(other)
        and same_keys(other, index, index.key_count)
        and set(index.included_columns) <= set(other.columns)
    )


def _finding(subject: Subject, relation: Relation, index: Index, longer: Index) -> Finding:
    size = bytes_of(subject, index)
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display}{_keys(subject, index)} is the beginning of "
        f"{identifier(longer.name)}{_keys(subject, longer)}, and every write keeps up both"
        + (f"; it takes {megabytes(size)}" if size >= subject.thresholds.index_min_bytes else ""),
    )
    return msgspec.structs.replace(verdict, remedies=(drop(relation, index),))


def _keys(subject: Subject, index: Index) -> str:
    if 0 in index.key_columns:
        return ""
    return f" on ({names(subject.snapshot.column_names(index.relation, index.key_columns))})"
