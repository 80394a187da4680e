"""An index on a column that nearly every update changes keeps updates from being HOT.

## What it finds
A table with at least 10,000 updates of which fewer than half were HOT, and an index on a column that nearly
every update changes: one that nine in ten recorded or configured `UPDATE`s of the table set, or a time of
last change by its name (`updated_at`, `modified_at`, ...). Unique and constraint-backing indexes and BRIN
are left out.

## Why it matters
An update that changes no indexed column is *heap-only*: the new version of the row stays on its page, no
index hears of it, and the next reader may clean up the old one. If a single indexed column changes, all
indexes of the table get a new entry, each with its WAL, and vacuum has to remove the old ones from all of
them.

## How to fix
Ask who reads by this index. If it is a job that looks for what has changed, it can read by the primary key,
an outbox, or a BRIN index, whose changes leave an update HOT (PostgreSQL 16 and later):
```sql
CREATE INDEX CONCURRENTLY inbox_items_updated_at_brin ON inbox_items USING brin (updated_at);
DROP INDEX CONCURRENTLY idx_inbox_items_updated_at;
```
A lower fillfactor gives HOT updates room, and helps only once no changed column is indexed.

## When to ignore
The index serves a statement that people wait for: `ORDER BY updated_at DESC LIMIT 20` is worth its price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Index, Relation
from tenfold.rules.coverage import is_tied
from tenfold.rules.indexes._indexes import drop_statement, finding, judged_by_table, spoken
from tenfold.rules.subject import Subject
from tenfold.rules.workload import judged

ID = "index-breaks-hot"

_NAMES = frozenset(
    """
    updated_at updated_on modified_at modified_on changed_at last_updated last_updated_at last_modified
    last_modified_at last_changed_at update_time modification_time mtime date_modified date_updated
    """.split()
)
#: Share of the updates that set a column from which nearly every one does.
_NEARLY_EVERY = 0.9
_SUMMARISING = 16


def check(subject: Subject) -> Iterator[Finding]:
    thresholds = subject.thresholds
    for relation, indexes in judged_by_table(subject):
        updates, hot = _updates(subject, relation)
        if updates < thresholds.hot_update_min or hot / updates >= thresholds.hot_update_ratio:
            continue
        for index in indexes:
            if not is_tied(index) and not _leaves_updates_hot(subject, index):
                changing = _changing(subject, relation, index)
                if changing is not None:
                    yield _finding(relation, index, changing, updates, hot)


def _leaves_updates_hot(subject: Subject, index: Index) -> bool:
    return index.method == "brin" and subject.snapshot.server.major >= _SUMMARISING


def _updates(subject: Subject, relation: Relation) -> tuple[int, int]:
    counted = [
        activity
        for part in subject.storage_of(relation)
        if (activity := subject.snapshot.activity_by_relation.get(part.oid)) is not None
    ]
    return sum(each.updated for each in counted), sum(each.hot_updated for each in counted)


def _changing(subject: Subject, relation: Relation, index: Index) -> Column | None:
    """A column of the index that nearly every update changes."""
    shares = subject.once(_assigned).get(relation.oid, {})
    for number in dict.fromkeys((*index.columns, *(index.depends or ()))):
        column = subject.snapshot.column_by_number.get((relation.oid, number))
        if column is not None and (
            shares.get(column.name, 0.0) >= _NEARLY_EVERY or _is_time_of_change(column)
        ):
            return column
    return None


def _is_time_of_change(column: Column) -> bool:
    return column.name.lower() in _NAMES and column.type_category == "D"


def _assigned(subject: Subject) -> Mapping[int, Mapping[str, float]]:
    """By table, the share of its UPDATE calls that set each column. A configured statement is one call."""
    calls: Counter[int] = Counter()
    sets: Counter[tuple[int, str]] = Counter()
    for each in subject.once(judged):
        for use in each.shape.uses if each.shape is not None else ():
            if use.access == "update":
                weight = max(each.statement.calls, 1)
                calls[use.relation] += weight
                sets.update({(use.relation, column): weight for column in use.assigned})
    shares: dict[int, dict[str, float]] = {}
    for (relation, column), weight in sets.items():
        shares.setdefault(relation, {})[column] = weight / calls[relation]
    return shares


def _finding(relation: Relation, index: Index, column: Column, updates: int, hot: int) -> Finding:
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} holds {column.name}, which nearly every update changes: "
        f"{hot / updates:.0%} of {updates:,} updates were HOT",
    )
    return msgspec.structs.replace(verdict, advice=(drop_statement(relation, index),))
