"""Transaction ids or multixacts are not being frozen in time.

## What it finds
The database, tables and partitions whose oldest transaction id, or multixact id, is older than one and a half
times the age at which autovacuum should have frozen it (`autovacuum_freeze_max_age`,
`autovacuum_multixact_freeze_max_age`); P0 from 40 % of the 2,147,483,648 that there are.

## Why it matters
Ids are 32 bits and are compared in a circle, so rows older than two thousand million transactions must have
been frozen by vacuum. At `autovacuum_freeze_max_age` autovacuum starts a run for that alone, even where it is
turned off. An age well past it means that these runs do not end: cancelled, starved, or held back by an old
transaction or slot. With three million ids left the server refuses every write until somebody vacuums.

## How to fix
End what holds the horizon back: idle transactions, abandoned replication slots, prepared transactions. Then
`VACUUM` the oldest tables, the largest ages first; give it more `maintenance_work_mem` and no cost delay.
Where the database is old but none of its tables is listed, it is a system catalog or a TOAST table:
`vacuumdb --freeze` takes them all.

## When to ignore
Never at P0. At P1, while a vacuum of that table is visibly under way.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.rules.settings import number
from tenfold.rules.subject import Subject
from tenfold.rules.vacuum import FACTORY

ID = "xid-age"

_WRAPAROUND = 2**31


class _Ids(msgspec.Struct, frozen=True):
    name: str
    setting: str
    #: Of Database and Relation alike.
    field: str


_TRANSACTIONS = _Ids("transaction ids", "autovacuum_freeze_max_age", "xid_age")
_MULTIXACTS = _Ids("multixacts", "autovacuum_multixact_freeze_max_age", "multixact_age")


def check(subject: Subject) -> Iterator[Finding]:
    for ids in (_TRANSACTIONS, _MULTIXACTS):
        server = number(subject.snapshot, ids.setting)
        freeze_age = FACTORY[ids.setting] if server is None else server
        yield from _judge(subject, ids, freeze_age, None)
        for table in subject.stored:
            own = table.option(ids.setting)
            # A table can be frozen earlier than the server says, not later.
            yield from _judge(subject, ids, freeze_age if own is None else min(float(own), freeze_age), table)


def _judge(subject: Subject, ids: _Ids, freeze_age: float, table: Relation | None) -> Iterator[Finding]:
    """Of a table, or of the database where there is none."""
    database = subject.snapshot.database
    age = getattr(table or database, ids.field)
    stop = subject.thresholds.xid_age_stop_ratio * _WRAPAROUND
    if age <= min(subject.thresholds.xid_age_ratio * freeze_age, stop):
        return
    name = table.display if table else identifier(database.name)
    yield Finding(
        rule=ID,
        priority=Priority.P0 if age > stop else Priority.P1,
        object=name,
        detail=ids.name,
        relation=subject.root_of(table).oid if table else None,
        message=f"{name} holds {ids.name} {age:,} old; autovacuum should have frozen them at "
        f"{freeze_age:,.0f}, and writes stop at {_WRAPAROUND:,}",
        advice=(f"VACUUM (FREEZE) {table.qualified}",) if table else (),
    )
