"""A SELECT returns as many rows as there are: it has no LIMIT.

## What it finds
- A recorded `SELECT` without `LIMIT` that returned more than a thousand rows a call on average.
- A `SELECT` of the workload file, before there is any data: on one hot or busy table, without `LIMIT` and
  without aggregates, that nothing narrows but its tenant column and columns with few values (an
  enumeration, a boolean, fewer than five values by the statistics).

## Why it matters
Its cost grows with the tenant: 50 rows today, 50,000 for the first large customer, who then waits for all of
them to be read, sent and held in memory on both sides. It works in every test, and fails for the tenant that
matters most.

## How to fix
Page by a key, with a unique tie-breaker, and let an index give the order:
```sql
SELECT id, created_at, body FROM messages
 WHERE team_id = $1 AND (created_at, id) < ($2, $3)
 ORDER BY created_at DESC, id DESC LIMIT 50;
```
An export that does want all rows reads through a server-side cursor or `COPY`.

## When to ignore
Exports and jobs that read by cursor: what pg_stat_statements counts as one call is then fetched in parts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.rules.subject import Subject
from tenfold.rules.tenant_binding import tenant_column
from tenfold.rules.value_counts import has_few_values
from tenfold.rules.workload import Judged, judged, once_each
from tenfold.statements.shape import Shape, TableUse
from tenfold.statements.text import shown

ID = "query-unbounded"


def check(subject: Subject) -> Iterator[Finding]:
    found = (each for each in subject.once(judged) if _says(subject, each) is not None)
    for name, each in once_each(subject, found).items():
        tables = _tables(subject, each.shape)
        yield Finding(
            rule=ID,
            priority=min((subject.priority(table) for table in tables), default=Priority.P2, key=str),
            object=name,
            relation=tables[0].oid if tables else None,
            message=f"{name} has no LIMIT and {_says(subject, each)}; {shown(each.statement.text)}",
        )


def _says(subject: Subject, each: Judged) -> str | None:
    """What is wrong with it; None where nothing is known to be."""
    shape = each.shape
    if shape is None or shape.kind != "select" or shape.limited or not shape.uses:
        return None
    if not each.is_recorded:
        return _grows(subject, shape)
    statement = each.statement
    rows = statement.rows / statement.calls if statement.calls else 0.0
    if rows <= subject.thresholds.unbounded_rows:
        return None
    return f"returned {rows:,.0f} rows a call over {statement.calls:,} calls"


def _grows(subject: Subject, shape: Shape) -> str | None:
    if len(shape.uses) != 1 or shape.one_row or shape.condensed:
        return None
    (use,) = shape.uses
    (table,) = _tables(subject, shape)
    if not use.alone or subject.operations_per_day(table) < subject.thresholds.busy_operations_per_day:
        return None
    if not all(_keeps_many(subject, use, name) for name in use.mentioned):
        return None
    return f"returns ever more rows as {table.display} grows"


def _keeps_many(subject: Subject, use: TableUse, name: str) -> bool:
    """Whether a comparison of this column leaves many rows."""
    own = tenant_column(subject, use)
    if own is not None and name == own.name:
        return True
    column = subject.snapshot.column(use.relation, name)
    return column is not None and name in use.equal | use.listed and has_few_values(subject, column)


def _tables(subject: Subject, shape: Shape | None) -> list[Relation]:
    uses = shape.uses if shape is not None else ()
    return [subject.root_of(subject.snapshot.relation_by_oid[use.relation]) for use in uses]
