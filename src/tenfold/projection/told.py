"""What a scenario names, found in the schema: tables by oid, and what each one's rows are counted for."""

from __future__ import annotations

import datetime
import math
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from tenfold.errors import ScenarioError
from tenfold.model.scenario import TENANT, Scenario, TableGrowth
from tenfold.projection.ground import Ground
from tenfold.projection.months import date_after, months_between

#: Fifty years: nobody knows what comes later, and dates end.
MOST_MONTHS = 600


class ToldTable(NamedTuple):
    """A table as the scenario names it, and what it says of it."""

    name: str
    growth: TableGrowth
    #: The table that `per` names; None for the tenants and for the whole table.
    parent: int | None

    @property
    def per_tenant(self) -> bool:
        return self.growth.per is not None and self.parent is None


def told_tables(scenario: Scenario, ground: Ground) -> dict[int, ToldTable]:
    """By relation oid. Raises ScenarioError for names that are not there, and for tables named twice."""
    told: dict[int, ToldTable] = {}
    for name, growth in scenario.tables.items():
        oid = ground.named(name, f"[tables.{name}]").oid
        if oid in told:
            raise ScenarioError(f"[tables.{name}] and [tables.{told[oid].name}] are the same table; keep one")
        told[oid] = ToldTable(name, growth, _parent(name, growth, ground))
    return told


def _parent(name: str, growth: TableGrowth, ground: Ground) -> int | None:
    if growth.per is None or growth.per == TENANT:
        return None
    parent = ground.named(growth.per, f"[tables.{name}] per").oid
    return None if parent == ground.tenancy.tenant_table else parent


def in_order(follows: dict[int, int | None], ground: Ground) -> tuple[int, ...]:
    """The tables, each after the one that it grows with. Raises ScenarioError where that goes round."""
    graph = {oid: () if parent is None else (parent,) for oid, parent in follows.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = " per ".join(ground.name_of(ground.by_oid[oid]) for oid in reversed(error.args[1]))
        raise ScenarioError(f"[tables] go round: {names}; count one of them per {TENANT}") from error


class When(NamedTuple):
    months: float
    date: datetime.date


def points_of(scenario: Scenario, today: datetime.date) -> tuple[When, ...]:
    """What to look at, in order. Raises ScenarioError where `at` is empty, goes back or too far."""
    start = scenario.start or today
    if not scenario.at:
        raise ScenarioError("at names no point to look at; give months or dates, such as [0, 6, 12]")
    found: list[When] = []
    for entry in scenario.at:
        found.append(_point(entry, start))
        if len(found) > 1 and found[-1].months <= found[-2].months:
            raise ScenarioError(f"at has {entry} after {scenario.at[len(found) - 2]}; put them in order")
    return tuple(found)


def _point(entry: float | datetime.date, start: datetime.date) -> When:
    if isinstance(entry, datetime.date):
        if entry < start:
            raise ScenarioError(f"at has {entry}, before the start on {start}")
        months = months_between(start, entry)
    else:
        months = entry
    if not (math.isfinite(months) and 0 <= months <= MOST_MONTHS):
        raise ScenarioError(f"at has {entry}; a point is from 0 to {MOST_MONTHS} months after the start")
    try:
        return When(months, entry if isinstance(entry, datetime.date) else date_after(start, months))
    except (ValueError, OverflowError) as error:
        raise ScenarioError(f"at has {entry}, and dates end before that; check start") from error
