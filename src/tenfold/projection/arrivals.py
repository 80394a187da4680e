"""How many rows arrive in a table a month, as its statistics and the activity counters show it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

import msgspec

from tenfold.model.relations import Column, Relation
from tenfold.model.scenario import MONTH_DAYS
from tenfold.model.snapshot import Snapshot

#: Columns that hold when a row came, the surest first; and those that tell that rows change afterwards.
_CAME = tuple(
    re.compile(pattern)
    for pattern in (
        r"(created|inserted)_?(at|on|date|time)?",
        r"(occurred|received|recorded|logged|sent|placed|started|event)_?(at|on|date|time)",
        r"timestamp|time|ts",
    )
)
_CHANGED = re.compile(r"(updated|modified|changed)_?(at|on|date|time)?")
#: Names of tables whose rows tell what happened.
_EVENTS = re.compile(
    r"(.*_)?(activit(y|ies)|audit|clicks?|deliver(y|ies)|entr(y|ies)|events?|executions?|history|logs?|messages?|"
    r"metrics?|orders?|payments?|runs?|transactions?|views?|visits?)"
)
#: Fewer rows, bounds or days tell nothing of a month.
_FEWEST_ROWS, _FEWEST_BOUNDS, _FEWEST_DAYS = 20, 8, 7.0
#: The share of the rows that arrived last, from which the present rate is taken.
_LATEST = 0.25
#: Rows deleted for each row inserted from which rows leave again after a time.
_LEAVING = 0.5


class Arrivals(msgspec.Struct, frozen=True):
    """Rows that arrive a month, and from what that was told, as a clause."""

    monthly: float
    why: str
    #: Days after which rows leave again; None where they stay.
    retention_days: float | None = None


def arrivals_of(snapshot: Snapshot, relation: Relation) -> Arrivals | None:
    """None where nothing tells: few rows, no column of times, counters too young."""
    rows = snapshot.rows_of(relation.oid)
    if rows < _FEWEST_ROWS:
        return None
    now = datetime.datetime.fromisoformat(snapshot.server.now)
    times = _times(snapshot, relation)
    return (
        _leaving(snapshot, relation, rows, times, now)
        or _by_times(rows, times)
        or _by_counters(snapshot, relation, now)
    )


def time_column(snapshot: Snapshot, relation: Relation) -> Column | None:
    """The column that holds when a row came."""
    columns = [column for column in snapshot.columns_of(relation.oid) if column.type_category == "D"]
    return next(
        (column for pattern in _CAME for column in columns if pattern.fullmatch(column.name.lower())), None
    )


def is_event(snapshot: Snapshot, relation: Relation) -> bool:
    """Whether its rows tell what happened: each has a time at which it came, and none of a change.

    A row that goes with its parent's, as a person's telephone number does, is a part of it, unless the
    table's name says otherwise.
    """
    names = [column.name.lower() for column in snapshot.columns_of(relation.oid)]
    if time_column(snapshot, relation) is None or any(map(_CHANGED.fullmatch, names)):
        return False
    return _EVENTS.fullmatch(relation.name.lower()) is not None or not _is_part(snapshot, relation)


def _is_part(snapshot: Snapshot, relation: Relation) -> bool:
    """Whether its rows are deleted with those of another table that is told apart by more than a tenant."""
    return any(
        key.on_delete == "c" and snapshot.foreign_keys_of(key.foreign_relation or 0)
        for key in snapshot.foreign_keys_of(relation.oid)
    )


# --- what tells ---


def _leaving(
    snapshot: Snapshot,
    relation: Relation,
    rows: float,
    times: list[datetime.datetime],
    now: datetime.datetime,
) -> Arrivals | None:
    """Of a table whose rows leave: it is steady, so what it holds arrived within the time it keeps them."""
    inserted, deleted = _counted(snapshot, relation)
    if deleted < _LEAVING * inserted or inserted < _LEAVING * rows:
        return None
    window = _window_days(snapshot, now)
    if len(times) >= _FEWEST_BOUNDS:
        days, told = (now - times[0]).total_seconds() / 86_400, f"oldest of {times[0].date()}"
    elif window is not None:
        days, told = rows / (inserted / window), f"{inserted:,} rows inserted in {window:.0f} days"
    else:
        return None
    if days <= 0:
        return None
    days = float(f"{days:.2g}")
    return Arrivals(rows / days * MONTH_DAYS, f"{told}, {deleted:,} deleted", days)


def _by_times(rows: float, times: list[datetime.datetime]) -> Arrivals | None:
    if len(times) < _FEWEST_BOUNDS or (times[-1] - times[0]).total_seconds() < _FEWEST_DAYS * 86_400:
        return None
    # The bounds part the rows into shares alike.
    shares = len(times) - 1
    latest = max(1, round(shares * _LATEST))
    days = (times[-1] - times[-1 - latest]).total_seconds() / 86_400
    if days < 1:
        return None
    monthly = rows * latest / shares / days * MONTH_DAYS
    return Arrivals(monthly, f"the latest came from {times[-1 - latest].date()} to {times[-1].date()}")


def _by_counters(snapshot: Snapshot, relation: Relation, now: datetime.datetime) -> Arrivals | None:
    inserted, deleted = _counted(snapshot, relation)
    days = _window_days(snapshot, now)
    if days is None or inserted <= deleted:
        return None
    monthly = (inserted - deleted) / days * MONTH_DAYS
    return Arrivals(monthly, f"{inserted:,} rows inserted, {deleted:,} deleted in {days:.0f} days")


def _times(snapshot: Snapshot, relation: Relation) -> list[datetime.datetime]:
    column = time_column(snapshot, relation)
    known = snapshot.statistics_of(relation.oid, column.number) if column is not None else None
    return _parsed(known.histogram or ()) if known is not None else []


def _parsed(bounds: Iterable[str]) -> list[datetime.datetime]:
    """Empty where a bound is none that can be counted with, such as infinity."""
    try:
        times = [datetime.datetime.fromisoformat(bound) for bound in bounds]
    except ValueError:
        return []
    return [time if time.tzinfo else time.replace(tzinfo=datetime.UTC) for time in times]


def _counted(snapshot: Snapshot, relation: Relation) -> tuple[int, int]:
    """Rows inserted and deleted, of all partitions."""
    parts = snapshot.leaves_of(relation.oid) if relation.kind == "p" else (relation.oid,)
    found = [snapshot.activity_by_relation[part] for part in parts if part in snapshot.activity_by_relation]
    return sum(each.inserted for each in found), sum(each.deleted for each in found)


def _window_days(snapshot: Snapshot, now: datetime.datetime) -> float | None:
    """Days that the counters have run; None where too few."""
    since = datetime.datetime.fromisoformat(snapshot.database.statistics_reset or snapshot.server.started)
    days = (now - since).total_seconds() / 86_400
    return days if days >= _FEWEST_DAYS else None
