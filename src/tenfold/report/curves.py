"""The curves of a forecast: rows of the database against time, or cost where no time is known.

One chart of all queries with the budgets, and one for each query. What breaks differs in weight, has a ring
where it passes its budget, and a label; nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from tenfold.model.forecast import Forecast, QueryForecast, QueryPoint
from tenfold.report.chart import Canvas, Curve, Frame, Look, Places, Unit, draw
from tenfold.report.forecast_words import milliseconds_words
from tenfold.report.outline import legible

if TYPE_CHECKING:
    from markupsafe import Markup

#: Names are cut to this in the chart of all queries; the sections have them whole.
LABEL = 30
# Log axes have no zero: what takes less is drawn here. No measured statement takes less than a microsecond.
_FLOOR = 1e-3
OVERVIEW = Frame(width=1136, height=620, right=250, top=34, bottom=46, most_ticks=12, dots=1.6)
SINGLE = Frame(width=400, height=216, right=40, top=34, bottom=32, most_ticks=4, dots=2.6)


def unit_of(query: QueryForecast) -> Unit:
    return "time" if any(_time(point) is not None for point in query.points) else "cost"


def axis_words(queries: Iterable[QueryForecast], unit: Unit) -> str:
    """What the y axis shows, and what it rests on."""
    if unit == "cost":
        return "planner cost, not time"
    bases = {query.basis for query in queries}
    if bases == {"calibration"}:
        return "milliseconds, predicted by calibration"
    return "milliseconds, today's mean growing as the cost" if bases == {"mean time"} else "milliseconds"


def overview(forecast: Forecast, unit: Unit) -> Markup:
    """A curve for each query that has this unit."""
    queries = [query for query in forecast.queries if unit_of(query) == unit and any(query.points)]
    places = Places(forecast)
    ranks = {query.name: number for number, query in enumerate(forecast.broken, start=1)}
    curves = [_curve(query, unit, places, _look(query, forecast)) for query in queries]
    # The urgent ones last, so that they lie on top.
    curves.sort(key=lambda curve: ("pale", "later", "first").index(curve.look))
    by_name = {curve.name: curve for curve in curves}
    budgets = _budgets(queries, places) if unit == "time" else []
    axis = axis_words(queries, unit)
    number = sum(curve.look != "pale" for curve in curves)
    title = f"{axis[:1].upper()}{axis[1:]}, of {len(curves)} queries by rows of the database"
    desc = f"{number} of them are highlighted and labelled at the right: {_named(forecast, unit)}."

    def annotate(canvas: Canvas) -> None:
        canvas.caption(axis)
        for curve in budgets:
            canvas.budget_label(curve)
        for query in queries if unit == "time" else ():
            _ring(canvas, query, places, by_name[query.name])
        canvas.labels([(c, _label(c.name, ranks)) for c in reversed(curves) if c.look != "pale"])

    return draw(f"overview-{unit}", (title, desc), [*budgets, *curves], OVERVIEW, places, unit, annotate)


def single(query: QueryForecast, forecast: Forecast, anchor: str) -> Markup:
    """The query's curve, its budget, and where its plan changes, lettered in the order of `changes`."""
    unit, places = unit_of(query), Places(forecast)
    curve = _curve(query, unit, places, _look(query, forecast))
    budgets = _budgets([query], places) if unit == "time" else []
    axis = axis_words([query], unit)
    title = f"{query.name}: {axis}, by rows of the database"
    desc = f"{'; '.join(curve.titles)}."

    def annotate(canvas: Canvas) -> None:
        canvas.caption(axis)
        for budget in budgets:
            canvas.budget_label(budget)
        for number, change in enumerate(query.changes):
            canvas.change(places.of(change.at), letter(number), f"{change.at.label}: {change.what}", number)
        if unit == "time":
            _ring(canvas, query, places, curve)

    return draw(anchor, (title, desc), [*budgets, curve], SINGLE, places, unit, annotate)


def letter(number: int) -> str:
    """A, B, ... Z, and A again: two letters far apart are told apart by their place."""
    return chr(ord("A") + number % 26)


# --- what is drawn ---


def _curve(query: QueryForecast, unit: Unit, places: Places, look: Look) -> Curve:
    points, titles = [], []
    for x, point, (_, label, rows) in zip(places.x, query.points, places.ticks, strict=False):
        figure = None if point is None else point.cost if unit == "cost" else point.milliseconds
        if figure is not None:
            points.append((x, max(figure, _FLOOR)))
            titles.append(f"{label}, {rows}: {figure_words(figure, unit)}")
    return Curve(query.name, look, tuple(points), tuple(titles))


def figure_words(figure: float, unit: Unit) -> str:
    return milliseconds_words(figure) if unit == "time" else f"cost {figure:,.0f}"


def _look(query: QueryForecast, forecast: Forecast) -> Look:
    if query.name in forecast.first:
        return "first"
    return "pale" if query.breaks is None else "later"


def _ring(canvas: Canvas, query: QueryForecast, places: Places, curve: Curve) -> None:
    """On the curve where it passes the budget: above it after a jump, at the first point if already past."""
    if query.breaks is not None:
        x = places.x[0] if query.breaks.already else places.of(query.breaks.at)
        title = f"{query.name} passes {milliseconds_words(query.budget_ms)}: {query.breaks.at.label}"
        canvas.ring(x, _height(curve, x), title)


def _height(curve: Curve, x: float) -> float:
    """The curve at a place between its ends, by a straight line in logarithms."""
    for (left, low), (right, high) in pairwise(curve.points):
        if left <= x <= right:
            share = math.log(x / left) / math.log(right / left)
            return float(low ** (1 - share) * high**share)
    return curve.points[0 if x < curve.points[0][0] else -1][1]


def _budgets(queries: Iterable[QueryForecast], places: Places) -> list[Curve]:
    kinds: dict[float, set[str]] = {}
    for query in queries:
        kinds.setdefault(query.budget_ms, set()).add(query.kind)
    first, last = places.span
    return [
        Curve(
            f"{', '.join(sorted(of))}: {milliseconds_words(budget)}",
            "budget",
            ((first, budget), (last, budget)),
        )
        for budget, of in sorted(kinds.items())
    ]


def _named(forecast: Forecast, unit: Unit) -> str:
    names = [name for name in forecast.first if unit_of(forecast.query(name)) == unit]
    return ", ".join(legible(name) for name in names) or "none"


def _label(name: str, ranks: dict[str, int]) -> str:
    name = legible(name)
    short = name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"
    return f"{ranks[name]} {short}" if name in ranks else short


def _time(point: QueryPoint | None) -> float | None:
    return None if point is None else point.milliseconds
