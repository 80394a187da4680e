"""An index holds mostly nulls.

## What it finds
A B-tree over all rows with one key column, of at least 1 MB, not unique and not tied to a constraint, where
at least 80 % of the column's values are null by the statistics.

## Why it matters
Nobody looks for those entries: `IS NULL` finds nearly the whole table, which is read faster without an
index, and `=`, `<` and joins never match a null. They are written, vacuumed and kept in memory all the
same.

## How to fix
```sql
CREATE INDEX CONCURRENTLY idx_inbox_items_snoozed_until_not_null
    ON inbox_items (snoozed_until) WHERE snoozed_until IS NOT NULL;
DROP INDEX CONCURRENTLY idx_inbox_items_snoozed_until;
```
The planner knows that `snoozed_until < now()` is true of no null and uses the partial index, for checks of
foreign keys too. It is shown and not planned, because of the one statement that it cannot serve: `ORDER BY
snoozed_until` over all rows.

## When to ignore
The column is about to be filled.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.ddl import fit, identifier
from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Index, Relation
from tenfold.model.remedy_sql import statements
from tenfold.rules.coverage import is_tied
from tenfold.rules.indexes._indexes import (
    bytes_of,
    drop_statement,
    finding,
    judged_indexes,
    lone_column,
    megabytes,
    spoken,
)
from tenfold.rules.subject import Subject

ID = "index-null-heavy"


def check(subject: Subject) -> Iterator[Finding]:
    for relation, index in judged_indexes(subject):
        column = None if is_tied(index) else lone_column(subject, index)
        if column is None or column.not_null:
            continue
        statistics = subject.snapshot.statistics_of(column.relation, column.number)
        if statistics is None or statistics.null_frac < subject.thresholds.null_heavy_fraction:
            continue
        if bytes_of(subject, index) >= subject.thresholds.index_min_bytes:
            yield _finding(subject, relation, index, column, statistics.null_frac)


def _finding(subject: Subject, relation: Relation, index: Index, column: Column, nulls: float) -> Finding:
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} takes {megabytes(bytes_of(subject, index))}, and "
        f"{nulls:.0%} of its entries are nulls that nobody looks for",
    )
    taken = frozenset(other.name for other in subject.snapshot.indexes_of(relation.oid))
    partial = msgspec.structs.replace(
        subject.create_index(relation, column.name),
        name=fit(f"{index.name}_not_null", taken),
        where=f"{identifier(column.name)} IS NOT NULL",
        include=subject.snapshot.column_names(relation.oid, index.included_columns),
    )
    return msgspec.structs.replace(verdict, advice=(*statements(partial), drop_statement(relation, index)))
