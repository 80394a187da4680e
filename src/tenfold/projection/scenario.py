"""Turns a scenario into sizes at dates: rows of every table, rows that a month adds, and what columns hold.

Every table's rows are a curve over months, each made from the curve that the table hangs on. Arrivals are
summed by trapezoids four times a month, which is exact where parents grow by a number and within 1 in 1,000
where they grow by up to half a month.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping

from tenfold.errors import ScenarioError
from tenfold.model.growth import Assumption, ColumnHint, Growth
from tenfold.model.relations import Column
from tenfold.model.scenario import MONTH_DAYS, ColumnContent, Point, Scenario, Tenants, rate_of
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.curve import Curve, arriving, constant, retained, scaled, times
from tenfold.projection.ground import Ground
from tenfold.projection.months import months_between
from tenfold.projection.scenario_check import check_scenario
from tenfold.projection.skew import tenant_hint
from tenfold.projection.told import ToldTable, When, in_order, points_of, told_tables

#: Steps a month between the points that were asked for, and the most of them in all.
_STEPS, _MOST_STEPS = 4, 400
#: No table of anybody's has more rows.
_MOST_ROWS = 1e15


def resolve(
    scenario: Scenario, snapshot: Snapshot, tenancy: Tenancy, today: datetime.date
) -> tuple[Point, ...]:
    """The database at each point of the scenario. `today` is the start where the scenario tells none.

    Raises ScenarioError as `check_scenario`, and where a table outgrows all measure.
    """
    check_scenario(scenario, snapshot, tenancy, today)
    ground = Ground(snapshot, tenancy)
    told = told_tables(scenario, ground)
    points = points_of(scenario, today)
    grid = _grid([point.months for point in points])
    try:
        tenants = _tenants(scenario.tenants, ground, scenario.start or today, grid)
        curves = _curves(told, ground, tenants)
    except OverflowError as error:
        raise ScenarioError("growth is beyond all numbers; correct it, or look less far ahead") from error
    assumptions = _assumptions(scenario, told, ground)
    return tuple(
        _point(when, grid.index(when.months), scenario.tenants, told, ground, tenants, curves, assumptions)
        for when in points
    )


def _grid(months: list[float]) -> list[float]:
    step = max(1 / _STEPS, months[-1] / _MOST_STEPS)
    between = (number * step for number in range(int(months[-1] / step) + 1))
    return sorted({0.0, *between, *months})


# --- curves ---


def _tenants(tenants: Tenants, ground: Ground, start: datetime.date, grid: list[float]) -> Curve:
    count = float(tenants.count) if tenants.count is not None else ground.tenants
    rate = rate_of(tenants.growth)
    if tenants.target is not None:
        months = months_between(start, tenants.target.date)
        share = (tenants.target.count / count) ** (1 / months) - 1
        return scaled(constant(grid, 1.0), count, share, is_share=True)
    return scaled(
        constant(grid, 1.0), count, rate.amount if rate else 0.0, is_share=bool(rate and rate.is_share)
    )


def _curves(told: Mapping[int, ToldTable], ground: Ground, tenants: Curve) -> dict[int, Curve]:
    """Rows by relation oid."""
    follows = ground.follows({oid: table.parent for oid, table in told.items()})
    curves: dict[int, Curve] = {}
    for oid in in_order(follows, ground):
        parent = follows[oid]
        if oid == ground.tenancy.tenant_table:
            curves[oid] = tenants
        elif oid in told:
            curves[oid] = _told_curve(told[oid], oid, ground, tenants, curves)
        else:
            curves[oid] = _usual_curve(oid, parent, ground, tenants, curves)
        last = curves[oid].rows[-1]
        if last > _MOST_ROWS:
            name = ground.by_oid[oid].display
            raise ScenarioError(
                f"{name} would have {last:.0e} rows; correct its growth, or look less far ahead"
            )
    return curves


def _told_curve(
    told: ToldTable, oid: int, ground: Ground, tenants: Curve, curves: Mapping[int, Curve]
) -> Curve:
    table, today = told.growth, 1.0
    parent = constant(tenants.months, 1.0)
    if told.parent is not None:
        parent, today = curves[told.parent], ground.rows(told.parent)
    elif told.per_tenant:
        parent, today = tenants, ground.tenants
    if table.monthly is not None and table.retention_days is not None:
        return retained(parent, table.monthly, table.retention_days)
    rows = table.rows if table.rows is not None else ground.rows(oid) / today if today else 0.0
    if table.monthly is not None:
        return arriving(parent, rows, table.monthly)
    rate = rate_of(table.growth)
    return scaled(parent, rows, rate.amount if rate else 0.0, is_share=bool(rate and rate.is_share))


def _usual_curve(
    oid: int, parent: int | None, ground: Ground, tenants: Curve, curves: Mapping[int, Curve]
) -> Curve:
    """Of a table that is not named: as it is to its parent today, or else to the tenants; or as it is."""
    rows = ground.rows(oid)
    if parent is not None and ground.rows(parent):
        return times(curves[parent], rows, ground.rows(parent))
    belongs = not ground.is_shared(oid) and ground.tenants
    return times(tenants, rows, ground.tenants) if belongs else constant(tenants.months, rows)


# --- a point ---


def _point(
    when: When,
    position: int,
    tenants: Tenants,
    told: Mapping[int, ToldTable],
    ground: Ground,
    course: Curve,
    curves: Mapping[int, Curve],
    assumptions: tuple[Assumption, ...],
) -> Point:
    count = course.rows[position]
    hints = _tenant_hints(tenants, ground, count)
    for oid, table in told.items():
        for name, content in table.growth.columns.items():
            column = ground.snapshot.column(oid, name)
            if column is not None:
                known = ground.snapshot.statistics_of(oid, column.number)
                hints[oid, column.number] = _hint(content, column, known.null_frac if known else 0.0)
    growth = Growth(
        rows={oid: float(round(curve.rows[position])) for oid, curve in curves.items()},
        hints=hints,
        retained=frozenset(oid for oid, curve in curves.items() if curve.leaves),
        days=when.months * MONTH_DAYS,
    )
    monthly = {oid: curve.arrivals[position] for oid, curve in curves.items()}
    return Point(when.date, when.months, count, growth, monthly, assumptions)


def _tenant_hints(tenants: Tenants, ground: Ground, count: float) -> dict[tuple[int, int], ColumnHint]:
    hints = {}
    for oid, column in ground.tenant_columns.items():
        hint = tenant_hint(tenants, ground, oid, column, count)
        if hint is not None:
            hints[oid, column.number] = hint
    return hints


def _hint(content: ColumnContent, column: Column, nulls: float) -> ColumnHint:
    """Values in the text form of their type, the commonest first.

    Where they leave less than today's share of nulls, there are as many nulls as they leave.
    """
    left = max(0.0, 1 - math.fsum(content.values.values()))
    told = content.null_share if content.null_share is not None or not content.values else min(nulls, left)
    shares = sorted(content.values.items(), key=lambda item: -item[1])
    return ColumnHint(
        distinct=content.distinct,
        null_share=told,
        values=tuple(_text(value, column) for value, _ in shares) or None,
        frequencies=tuple(share for _, share in shares) or None,
        low=None if content.low is None else _text(content.low, column),
        high=None if content.high is None else _text(content.high, column),
    )


def _text(value: str | int | float | bool, column: Column) -> str:
    if column.type == "boolean" and str(value).lower() in ("true", "false"):
        return str(value)[0].lower()
    return str(value)


# --- what is taken for granted ---


def _assumptions(scenario: Scenario, told: Mapping[int, ToldTable], ground: Ground) -> tuple[Assumption, ...]:
    found: list[Assumption] = []
    root = ground.tenancy.tenant_table or next(iter(ground.tenant_columns), None)
    if scenario.tenants.assumed and root is not None:
        found.append(Assumption(root, f"tenants: {scenario.tenants.assumed}"))
    for oid, table in told.items():
        if table.growth.assumed:
            found.append(Assumption(oid, f"{table.name}: {table.growth.assumed}"))
        for name, content in table.growth.columns.items():
            column = ground.snapshot.column(oid, name)
            if content.assumed and column is not None:
                found.append(Assumption(oid, f"{table.name}.{name}: {content.assumed}", column.number))
    for relation in ground.relations:
        oid = relation.oid
        if oid in told or ground.rows(oid) or (ground.is_shared(oid) and not ground.is_unknown(oid)):
            continue
        why = "empty and not named, so it stays empty"
        if ground.is_unknown(oid):
            why = "never analyzed and not named, so it counts as empty and stays so"
        found.append(Assumption(oid, f"{ground.name_of(relation)}: {why}"))
    return tuple(found)
