"""An index on one column with few values finds nothing.

## What it finds
A B-tree over all rows of a table with at least 10,000 of them, whose one key is a boolean, an enumeration
or a column with fewer than five values, every one of which (null among them) is in at least 5 % of the
rows. Not where a value is rare: that one can be found. Not the tenant column, foreign keys, unique and
constraint-backing indexes.

## Why it matters
To read every twentieth row or more by an index touches nearly every page of the table, in bad order: the
planner reads the whole table instead. The index costs at each write and, since such columns tend to change
(a status, a flag), keeps updates from being HOT.

## How to fix
Put the column behind the one that statements compare as well, the tenant's first of all:
```sql
CREATE INDEX CONCURRENTLY idx_leads_team_id_status ON leads (team_id, status);
DROP INDEX CONCURRENTLY idx_leads_status;
```
or into the predicate of a partial index, `... (scheduled_at) WHERE status = 'pending'`.

## When to ignore
The index only counts (`SELECT status, count(*) ... GROUP BY status` without touching the table), or the
rows of one value lie together.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Index, Relation
from tenfold.rules.coverage import is_tied, leads_with
from tenfold.rules.indexes._indexes import drop_statement, finding, judged_indexes, lone_column, spoken
from tenfold.rules.subject import Subject
from tenfold.rules.value_counts import has_few_values

ID = "index-low-cardinality"


def check(subject: Subject) -> Iterator[Finding]:
    for relation, index in judged_indexes(subject):
        column = None if is_tied(index) else lone_column(subject, index)
        if column is None or not has_few_values(subject, column):
            continue
        share = _rarest(subject, column)
        if share is None or share < subject.thresholds.low_cardinality_share:
            continue
        rows = subject.rows(relation)
        if rows >= subject.thresholds.low_cardinality_rows and not _has_another_purpose(
            subject, relation, index
        ):
            yield _finding(relation, index, column, rows, share)


def _rarest(subject: Subject, column: Column) -> float | None:
    """Share of the rows that have the rarest value, as the statistics see it; None where they do not."""
    statistics = subject.snapshot.statistics_of(column.relation, column.number)
    if statistics is None or not statistics.common_frequencies:
        return None
    shares = [*statistics.common_frequencies, statistics.null_frac]
    # What is neither common nor null is rarer than the common ones.
    shares.append(1.0 - sum(shares))
    return min((share for share in shares if share > 0.0001), default=None)


def _has_another_purpose(subject: Subject, relation: Relation, index: Index) -> bool:
    tenant = subject.tenant_column_of.get(relation.oid)
    return (tenant is not None and leads_with(index, tenant.number)) or any(
        constraint.kind == "f" and constraint.columns == index.key_columns
        for constraint in subject.snapshot.constraints_of(relation.oid)
    )


def _finding(relation: Relation, index: Index, column: Column, rows: float, share: float) -> Finding:
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} is on {column.name} alone, whose rarest value is in "
        f"{share:.0%} of {rows:,.0f} rows: reading the table is cheaper",
    )
    return msgspec.structs.replace(verdict, advice=(drop_statement(relation, index),))
