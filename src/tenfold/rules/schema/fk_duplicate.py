"""A table has the same foreign key twice.

## What it finds
Two foreign keys of a table on the same columns, to the same columns of the same table. The one that is kept
is the validated one, then the older one.

## Why it matters
Each insert looks its parent up twice, and each deletion of a parent looks for children twice. Duplicates
come from migrations that were generated again after a rename. Where their actions differ, one deletes the
children and the other forbids it, and which is first is decided by their names.

## How to fix
Drop one; the other goes on checking:
```sql
ALTER TABLE appointments DROP CONSTRAINT appointments_lead_id_leads_id_fk;
```
It takes a lock on both tables for a moment. Where the actions differ, which is meant is yours to say, so
the statement is shown and not applied.

## When to ignore
Never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tenfold.model.ddl import names
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Constraint, Relation
from tenfold.model.remedy import DropConstraint
from tenfold.model.remedy_sql import statements
from tenfold.rules.foreign_keys import pairs
from tenfold.rules.subject import Subject, table_of

ID = "fk-duplicate"


def check(subject: Subject) -> Iterator[Finding]:
    for table in subject.tables:
        for keys in _alike(subject.snapshot.foreign_keys_of(table.oid)):
            kept, *others = sorted(keys, key=lambda key: (not key.validated, key.oid))
            for other in others:
                yield _finding(subject, table, kept, other)


def _alike(keys: tuple[Constraint, ...]) -> Iterator[list[Constraint]]:
    """Keys that pair the same columns, whatever their order; a table with one key has none."""
    if len(keys) > 1:
        groups: defaultdict[object, list[Constraint]] = defaultdict(list)
        for key in keys:
            groups[key.foreign_relation, frozenset(pairs(key))].append(key)
        yield from (group for group in groups.values() if len(group) > 1)


def _finding(subject: Subject, table: Relation, kept: Constraint, other: Constraint) -> Finding:
    remedy = DropConstraint(table=table_of(table), name=other.name, definition=other.definition)
    alike = _behaviour(kept) == _behaviour(other)
    columns = names(subject.snapshot.column_names(table.oid, other.columns))
    parent = subject.snapshot.relation_by_oid[other.foreign_relation or 0]
    cost = (
        "every insert looks its parent up twice"
        if alike
        else "and they do not do the same when the parent changes, so which is meant must be decided"
    )
    return Finding(
        rule=ID,
        priority=Priority.P2,
        object=table.display,
        detail=other.name,
        relation=table.oid,
        message=f"{other.name} refers from ({columns}) to {parent.display}, as {kept.name} does: {cost}",
        remedies=(remedy,) if alike else (),
        advice=() if alike else statements(remedy),
    )


def _behaviour(key: Constraint) -> tuple[object, ...]:
    return key.on_update, key.on_delete, key.match, key.deferrable
