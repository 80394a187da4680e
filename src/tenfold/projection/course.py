"""The way that a database takes from now on: points to look at, and every size between them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from tenfold.errors import UsageError
from tenfold.growth import uniform
from tenfold.model.forecast import Moment
from tenfold.model.growth import Growth
from tenfold.model.scenario import Point, Scenario
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.months import date_after
from tenfold.projection.scenario import resolve

#: Where no factors are given.
FACTORS = (1.0, 10.0, 100.0, 1000.0)
#: Rows of month 0 that differ by less from today's are today's.
_ALIKE = 0.02
# Spans below which a search stops: a factor of 1.1, and a week.
_NARROW_FACTOR, _NARROW_MONTHS = math.log(1.1), 0.25


class Stop(msgspec.Struct, frozen=True):
    """One size on the way. `point` is what a scenario says of it."""

    at: Moment
    growth: Growth
    point: Point | None = None


class Course(Protocol):
    """`stops` are the points to look at, the first the database as it is."""

    stops: tuple[Stop, ...]
    #: A span of positions in which nothing is searched for.
    narrow: float

    def between(self, position: float) -> Stop:
        """The size at a position between two stops."""

    def moment(self, position: float) -> Moment:
        """Where that is, as people say it."""

    def jumps_to(self, number: int) -> bool:
        """Whether there is nothing between the stop of that number and the one before."""


class FactorCourse:
    """All of a product's data times one factor."""

    narrow = _NARROW_FACTOR

    def __init__(self, snapshot: Snapshot, tenancy: Tenancy, factors: Sequence[float] = FACTORS) -> None:
        """Raises UsageError for a factor below 1: a forecast looks ahead."""
        for factor in factors:
            if not (math.isfinite(factor) and factor >= 1):
                raise UsageError(f"a factor of --scale is 1 or more, not {factor:g}")
        self._snapshot, self._tenancy = snapshot, tenancy
        later = sorted({factor for factor in factors if factor != 1.0})
        now = Stop(Moment("now", 0.0, factor=1.0), Growth())
        self.stops = (now, *(self._stop(factor) for factor in later))

    def between(self, position: float) -> Stop:
        return self._stop(math.exp(position))

    def moment(self, position: float) -> Moment:
        factor = math.exp(position)
        return Moment(factor_label(factor), position, factor=factor)

    def jumps_to(self, number: int) -> bool:
        return False

    def _stop(self, factor: float) -> Stop:
        moment = Moment(factor_label(factor), math.log(factor), factor=factor)
        return Stop(moment, uniform(self._snapshot, self._tenancy, factor))


class ScenarioCourse:
    """The dates of a scenario, after the database as it is."""

    narrow = _NARROW_MONTHS

    def __init__(self, snapshot: Snapshot, tenancy: Tenancy, scenario: Scenario) -> None:
        """Raises ScenarioError."""
        self._snapshot, self._tenancy, self._scenario = snapshot, tenancy, scenario
        self._today = datetime.datetime.fromisoformat(snapshot.server.now).date()
        points = self._points(scenario)
        start = points[0] if points[0].months == 0 else self._points(_only(scenario, 0.0))[0]
        self._jumps = not is_today(snapshot, start)
        later = tuple(point for point in points if point.months > 0)
        points = (start, *later) if self._jumps else later
        # A scenario may begin long before or after today, with other rows: up to its start is one step.
        now = Stop(Moment("now", -1.0 if self._jumps else 0.0, date=self._today), Growth())
        self.stops = (now, *map(_dated, points))

    def between(self, position: float) -> Stop:
        return _dated(self._points(_only(self._scenario, position))[0])

    def moment(self, position: float) -> Moment:
        date = date_after(self._scenario.start or self._today, position)
        return Moment(date.isoformat(), position, date=date, months=position)

    def jumps_to(self, number: int) -> bool:
        return self._jumps and number == 1

    def _points(self, scenario: Scenario) -> tuple[Point, ...]:
        return resolve(scenario, self._snapshot, self._tenancy, self._today)


def _only(scenario: Scenario, months: float) -> Scenario:
    return msgspec.structs.replace(scenario, at=(months,))


def is_today(snapshot: Snapshot, point: Point) -> bool:
    """Whether the point has the rows that the database has, table by table."""
    then = point.growth.rows.items()
    return all(abs(rows - snapshot.rows_of(oid)) <= max(_ALIKE * rows, 1.0) for oid, rows in then)


def factor_label(factor: float) -> str:
    """`10x`, `1,000x`, `1.5x`."""
    return f"{factor:,.0f}x" if factor >= 100 else f"{factor:.3g}x"


def _dated(point: Point) -> Stop:
    moment = Moment(point.date.isoformat(), point.months, date=point.date, months=point.months)
    return Stop(moment, point.growth, point)
