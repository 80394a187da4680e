"""When autovacuum would start on a table, by its own arithmetic, and what it has left undone.

The formulas are those of relation_needs_vacanalyze() (src/backend/postmaster/autovacuum.c). The share
of frozen pages that version 18 takes off the insert trigger is not known here: it is an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from tenfold.model.relations import Relation
from tenfold.model.remedy import SetTableOptions
from tenfold.model.snapshot import Snapshot
from tenfold.rules.settings import is_off, number
from tenfold.rules.subject import Subject, table_of

#: Values that PostgreSQL comes with. Before 18 there is no maximum: -1.
FACTORY = {
    "autovacuum_vacuum_threshold": 50.0,
    "autovacuum_vacuum_scale_factor": 0.2,
    "autovacuum_vacuum_max_threshold": -1.0,
    "autovacuum_vacuum_insert_threshold": 1000.0,
    "autovacuum_vacuum_insert_scale_factor": 0.2,
    "autovacuum_analyze_threshold": 50.0,
    "autovacuum_analyze_scale_factor": 0.1,
    "autovacuum_freeze_max_age": 200_000_000.0,
    "autovacuum_multixact_freeze_max_age": 400_000_000.0,
}

#: For tables whose rows change all day. Vacuum starts at 2 % dead rows, so that it ends before the 5 % that
#: the outreach platform aims at; inserted pages are frozen and marked all-visible at 5 %.
EAGER = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
}


class Overdue(msgspec.Struct, frozen=True):
    """Work that autovacuum should have begun."""

    table: Relation
    task: Literal["vacuum", "analyze"]
    #: Rows that wait for it, and how many make it start.
    pending: int
    trigger: float
    days: float
    #: Whether it was done at all since the counters began.
    ever: bool


def parameter(snapshot: Snapshot, relation: Relation, name: str) -> float:
    """An autovacuum parameter in force for the table: its own, else the server's."""
    own = relation.option(name)
    if own is not None:
        return float(own)
    server = number(snapshot, name)
    return FACTORY[name] if server is None else server


def is_disabled(relation: Relation) -> bool:
    """Whether the table itself turns autovacuum off."""
    own = relation.option("autovacuum_enabled")
    return own is not None and is_off(own)


def vacuum_trigger(snapshot: Snapshot, relation: Relation) -> float:
    """Dead rows above which autovacuum vacuums the table."""
    trigger = _trigger(snapshot, relation, "vacuum")
    maximum = parameter(snapshot, relation, "autovacuum_vacuum_max_threshold")
    return min(trigger, maximum) if maximum >= 0 else trigger


def insert_trigger(snapshot: Snapshot, relation: Relation) -> float:
    """Inserted rows above which it vacuums; infinite where that is turned off."""
    if parameter(snapshot, relation, "autovacuum_vacuum_insert_threshold") < 0:
        return math.inf
    return _trigger(snapshot, relation, "vacuum_insert")


def analyze_trigger(snapshot: Snapshot, relation: Relation) -> float:
    """Changed rows above which it analyzes the table."""
    return _trigger(snapshot, relation, "analyze")


def overdue(subject: Subject) -> tuple[Overdue, ...]:
    """What autovacuum has left undone for longer than the threshold, on tables that are not small."""
    if subject.snapshot.server.in_recovery:
        return ()
    return tuple(work for table in subject.stored for work in _undone(subject, table))


def eager(subject: Subject, relation: Relation) -> SetTableOptions | None:
    """What makes autovacuum start early on the table; None where it does already."""
    snapshot = subject.snapshot
    wanted = tuple(
        (name, value)
        for name, value in EAGER.items()
        if parameter(snapshot, relation, name) > subject.thresholds.dead_tuple_ratio_target
    )
    if not wanted:
        return None
    old = tuple((name, relation.option(name)) for name, _ in wanted)
    return SetTableOptions(table=table_of(relation), options=wanted, old=old)


def _undone(subject: Subject, relation: Relation) -> Iterator[Overdue]:
    snapshot = subject.snapshot
    activity = snapshot.activity_by_relation.get(relation.oid)
    if activity is None or subject.rows(relation) < subject.thresholds.small_table_rows:
        return
    dead, fresh = activity.dead_rows, activity.inserted_since_vacuum
    dead_limit, fresh_limit = vacuum_trigger(snapshot, relation), insert_trigger(snapshot, relation)
    by_dead = dead > dead_limit
    pending, limit = (dead, dead_limit) if by_dead else (fresh, fresh_limit)
    yield from _late(
        subject, relation, "vacuum", pending, limit, (activity.last_vacuum, activity.last_autovacuum)
    )
    yield from _late(
        subject,
        relation,
        "analyze",
        activity.modified_since_analyze,
        analyze_trigger(snapshot, relation),
        (activity.last_analyze, activity.last_autoanalyze),
    )


def _late(
    subject: Subject,
    relation: Relation,
    task: Literal["vacuum", "analyze"],
    pending: int,
    trigger: float,
    times: tuple[str | None, str | None],
) -> Iterator[Overdue]:
    if pending <= trigger:
        return
    ages = [age for when in times if (age := subject.days_since(when)) is not None]
    days = min(ages) if ages else subject.counted_days
    if days is not None and days > subject.thresholds.vacuum_overdue_days:
        yield Overdue(relation, task, pending, trigger, days, ever=bool(ages))


def _trigger(snapshot: Snapshot, relation: Relation, task: str) -> float:
    base = parameter(snapshot, relation, f"autovacuum_{task}_threshold")
    share = parameter(snapshot, relation, f"autovacuum_{task}_scale_factor")
    return base + share * max(relation.rows, 0.0)
