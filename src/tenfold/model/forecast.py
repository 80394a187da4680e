"""What will be, and when: sizes of tables and costs of queries at each point, what breaks, what would help.

Tuples that are said to be *by point* have one entry for each of `Forecast.points`, in their order. Bytes are
bytes of files, costs are planner units, times are milliseconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Literal

import msgspec

from tenfold.model.calibration import Calibration
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.twin import NotCarried

#: By which budget a query is held: it returns rows, changes them, counts them, or keeps a screen up to date.
QueryKind = Literal["read", "write", "aggregation", "realtime"]
#: What a predicted time rests on: measured times of the planner's units, or the time that the query takes
#: today, which is taken to grow as its cost.
TimeBasis = Literal["calibration", "mean time"]


class Moment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place on the way from now on: a date of a scenario, or a factor."""

    #: As people say it: `2026-05-01`, `37x`, `now`.
    label: str
    #: Grows along the way: months after the start, or the natural logarithm of the factor.
    position: float
    date: datetime.date | None = None
    months: float | None = None
    factor: float | None = None


class ForecastPoint(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One size of the database that was looked at. The first point is the database as it is."""

    at: Moment
    tenants: float | None = None
    #: Of all tables of the forecast.
    rows: float
    #: Heaps, TOAST and indexes of all tables.
    bytes: int

    @property
    def label(self) -> str:
        return self.at.label


class IndexForecast(msgspec.Struct, frozen=True):
    name: str
    method: str
    #: By point.
    bytes: tuple[int, ...]


class TableForecast(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One table, a partitioned one with all of its partitions. All tuples are by point."""

    name: str
    rows: tuple[float, ...]
    heap_bytes: tuple[int, ...]
    toast_bytes: tuple[int, ...]
    index_bytes: tuple[int, ...]
    indexes: tuple[IndexForecast, ...] = ()
    #: Rows that arrive a month from that point on; None where no scenario tells.
    monthly_rows: tuple[float | None, ...]
    #: Rows leave as they arrive: the table is as large as it keeps them long.
    transient: bool = False

    def total_bytes(self, point: int) -> int:
        return self.heap_bytes[point] + self.toast_bytes[point] + self.index_bytes[point]

    def monthly_bytes(self, point: int) -> float | None:
        """Bytes a month, at the bytes a row of that point; 0 of a transient table."""
        monthly = self.monthly_rows[point]
        if monthly is None or self.transient:
            return None if monthly is None else 0.0
        return monthly * self.total_bytes(point) / self.rows[point] if self.rows[point] else 0.0


class QueryPoint(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One query at one size."""

    cost: float
    #: Rows that the planner expects it to return.
    rows: float
    milliseconds: float | None = None
    plan: PlanNode


class PlanChange(msgspec.Struct, frozen=True):
    """Between two points the planner turns to another way."""

    #: The point before; the change is between it and the next one.
    after: int
    #: About where: the middle of the narrowest span in which it was seen.
    at: Moment
    #: One clause: what is gone, and what came instead.
    what: str


class Break(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a query passes its budget."""

    at: Moment
    #: Past it already at the first point.
    already: bool = False


class IndexAdvice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An index that would make a query cheaper at the last point, tried on the twin."""

    definition: str
    #: Estimated, at the last point.
    bytes: int
    #: Of the query at the last point, without and with it.
    cost_without: float
    cost_with: float
    milliseconds_with: float | None = None


class QueryForecast(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    name: str
    #: On one line, without constants.
    text: str
    kind: QueryKind
    budget_ms: float
    #: As recorded today; 0 and None where it was not.
    calls: int = 0
    mean_ms: float | None = None
    #: Who asks; None is a superuser, whom no policy binds.
    role: str | None = None
    #: Planned without values, for none could be drawn from statistics.
    generic: bool = False
    #: By point; None where the twin could not plan it there. Empty where `reason` says why it never could.
    points: tuple[QueryPoint | None, ...] = ()
    reason: str | None = None
    basis: TimeBasis | None = None
    #: The cost grows as this power of the rows of its tables; None where those do not grow.
    exponent: float | None = None
    changes: tuple[PlanChange, ...] = ()
    breaks: Break | None = None
    advice: IndexAdvice | None = None
    #: At the last point: rows that are read in whole tables, the largest first, as (table, rows).
    full_scans: tuple[tuple[str, float], ...] = ()

    @property
    def last(self) -> QueryPoint | None:
        return self.points[-1] if self.points else None

    @property
    def first(self) -> QueryPoint | None:
        return self.points[0] if self.points else None


class Forecast(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    database: str
    server_version: str
    #: ISO time at which the source was read.
    taken: str
    #: `factor`: points are factors; `date`: points are dates of a scenario.
    axis: Literal["factor", "date"]
    points: tuple[ForecastPoint, ...]
    #: The largest at the last point first.
    tables: tuple[TableForecast, ...]
    #: In the order in which they were given.
    queries: tuple[QueryForecast, ...]
    #: Names of the queries to look at first: by when they pass their budget; where no times are known, by how
    #: fast they grow.
    first: tuple[str, ...] = ()
    budgets: Budgets
    assumptions: tuple[str, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

    def query(self, name: str) -> QueryForecast:
        return next(query for query in self.queries if query.name == name)

    @property
    def broken(self) -> tuple[QueryForecast, ...]:
        """The queries that pass their budget, the first to do so first."""
        return broken(self.queries)


def broken(queries: Iterable[QueryForecast]) -> tuple[QueryForecast, ...]:
    """Those that pass their budget: by where, then by how far they are past it at the end."""
    return tuple(sorted((query for query in queries if query.breaks is not None), key=_break_order))


def _break_order(query: QueryForecast) -> tuple[float, float]:
    assert query.breaks is not None
    at = float("-inf") if query.breaks.already else query.breaks.at.position
    longest = max((point.milliseconds or 0.0 for point in query.points if point is not None), default=0.0)
    return (at, -longest / query.budget_ms)
