"""Two indexes of a table are the same.

## What it finds
Valid indexes of one table with the same method, key and included columns, expressions, predicate, operator
classes, collations and order. One is kept: the primary key's, a constraint's, the replica identity's or the
one the table is clustered on, a unique one, and else the oldest. An index that a foreign key refers to is
never among those to go, nor is a partition's part of a partitioned index. A second *constraint* on the same
columns is named too, and its `DROP CONSTRAINT` shown, never applied.

## Why it matters
Each copy costs what the first one does: an entry for every row written, WAL, memory, vacuum time and disk.
It wins nothing: the planner uses one of them. One more index can also be what keeps updates from being HOT.

## How to fix
```sql
DROP INDEX CONCURRENTLY idx_leads_email_2;
```
It waits for statements that use the index and blocks nobody.

## When to ignore
For the minutes in which a bloated index is being replaced by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding
from tenfold.model.relations import Constraint, Index, Relation
from tenfold.model.remedy import DropConstraint
from tenfold.model.remedy_sql import statements
from tenfold.rules.indexes._indexes import drop, finding, judged_by_table, spoken
from tenfold.rules.subject import Subject, table_of

ID = "index-duplicate"


def check(subject: Subject) -> Iterator[Finding]:
    for relation, indexes in judged_by_table(subject, parts=True):
        if len({index.columns for index in indexes}) == len(indexes):
            continue
        alike: defaultdict[tuple[object, ...], list[Index]] = defaultdict(list)
        for index in indexes:
            alike[_signature(index)].append(index)
        for group in alike.values():
            kept, *others = sorted(group, key=lambda index: _worth(subject, index))
            for index in others:
                if index.parent is None and _does_all_that(subject, kept, index):
                    yield _finding(subject, relation, index, kept)


def _signature(index: Index) -> tuple[object, ...]:
    return (
        index.method,
        index.columns,
        index.key_count,
        index.expressions,
        index.predicate,
        index.opclasses,
        index.collations,
        index.option_bits,
        index.exclusion,
    )


def _worth(subject: Subject, index: Index) -> tuple[int, ...]:
    """Sorts what is kept first."""
    return (
        not index.primary,
        index.parent is None,
        index.oid not in subject.once(_referred_to),
        index.constraint is None,
        not index.replica_identity,
        not index.clustered,
        not index.unique,
        index.oid,
    )


def _does_all_that(subject: Subject, kept: Index, index: Index) -> bool:
    """Whether nothing is lost with the second index but its name."""
    if index.exclusion or index.replica_identity or index.clustered:
        return False
    if index.oid in subject.once(_referred_to):
        return False
    if not index.unique:
        return True
    return (
        kept.unique and kept.nulls_not_distinct == index.nulls_not_distinct and not _may_wait(subject, kept)
    )


def _may_wait(subject: Subject, index: Index) -> bool:
    """Whether its constraint is deferrable, so that ON CONFLICT cannot use it."""
    constraint = _constraint(subject, index)
    return constraint is not None and constraint.deferrable


def _constraint(subject: Subject, index: Index) -> Constraint | None:
    constraints = subject.snapshot.constraints_of(index.relation) if index.constraint is not None else ()
    return next((each for each in constraints if each.oid == index.constraint), None)


def _referred_to(subject: Subject) -> frozenset[int]:
    """Unique indexes that a foreign key of any table relies on."""
    return frozenset(
        constraint.index
        for constraint in subject.snapshot.constraints
        if constraint.kind == "f" and constraint.index is not None
    )


def _finding(subject: Subject, relation: Relation, index: Index, kept: Index) -> Finding:
    verdict = finding(
        ID, relation, index, f"{spoken(index)} of {relation.display} is the same as {identifier(kept.name)}"
    )
    constraint = _constraint(subject, index)
    if constraint is not None:
        removal = DropConstraint(
            table=table_of(relation), name=constraint.name, definition=constraint.definition
        )
        return msgspec.structs.replace(verdict, advice=statements(removal))
    return msgspec.structs.replace(verdict, remedies=(drop(relation, index),))
