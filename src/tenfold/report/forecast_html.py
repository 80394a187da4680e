"""A forecast as one HTML file that loads nothing: what breaks when, curves, plans, sizes, what it rests on.

Complete without a script. No value of a row is in it: plans are written without their constants.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from tenfold import __version__
from tenfold.model.forecast import Forecast, IndexAdvice, QueryForecast, QueryPoint, TableForecast
from tenfold.model.wording import counted
from tenfold.report.chart import Unit
from tenfold.report.curves import letter, overview, single, unit_of
from tenfold.report.forecast import change_sentence, grouped
from tenfold.report.forecast_words import (
    bytes_words,
    cost_words,
    exponent_words,
    milliseconds_words,
    rows_words,
)
from tenfold.report.page import asset, environment, policy
from tenfold.report.plan_text import plan_text

if TYPE_CHECKING:
    from markupsafe import Markup

#: Tables and indexes that are listed, the largest first, before the rest is counted.
TABLES, INDEXES = 200, 200
#: Indexes that are listed before the rest is folded away.
UNFOLDED = 40
#: Queries that have a section with a chart; those that break come first.
QUERIES = 200


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A query as the page shows it."""

    anchor: str
    query: QueryForecast
    #: Its place among those that pass their budget, the first is 1.
    rank: int | None
    #: Where it passes its budget, or what else is to be said of it.
    when: str
    #: From the first to the last point.
    course: str
    growth: str
    chart: Markup | None
    #: Letter and sentence.
    changes: tuple[tuple[str, str], ...]
    advice: str | None
    scans: tuple[str, ...]
    #: (heading, tree) of the first and the last plan; one where they are of the same shape.
    plans: tuple[tuple[str, str], ...]


class SizeRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    #: By point: rows, bytes of heap and TOAST, bytes of indexes.
    cells: tuple[tuple[str, str, str], ...]
    #: At the last point, rows and bytes; None where no scenario tells.
    monthly: tuple[str, str] | None


class IndexRow(msgspec.Struct, frozen=True):
    name: str
    table: str
    method: str
    #: By point.
    bytes: tuple[str, ...]


def render_forecast_html(forecast: Forecast) -> str:
    style = asset("report.css") + asset("forecast.css")
    sections = tuple(_sections(forecast))
    by_name = {section.query.name: section for section in sections}
    indexes = _indexes(forecast)
    return (
        environment()
        .get_template("forecast.html.j2")
        .render(
            forecast=forecast,
            version=__version__,
            style=style,
            policy=policy(style),
            taken=_taken(forecast),
            scope=_scope(forecast),
            headline=headline(forecast),
            timing=tuple(timing_sentences(forecast)),
            first=[by_name[name] for name in forecast.first if name in by_name],
            overviews=[overview(forecast, unit) for unit in _units(forecast)],
            sections=sections,
            unlisted=len(forecast.queries) - len(sections),
            sizes=tuple(_size(table, forecast) for table in _tables(forecast)),
            total=_total(forecast),
            smaller=len(forecast.tables) - len(_tables(forecast)),
            indexes=(indexes[:UNFOLDED], indexes[UNFOLDED:INDEXES]),
            more_indexes=max(0, len(indexes) - INDEXES),
            assumptions=grouped(forecast.assumptions),
            notes=_notes(forecast),
            time=milliseconds_words,
            rows=rows_words,
        )
    )


# --- sentences ---


def headline(forecast: Forecast) -> str:
    """What the forecast comes to."""
    broken = forecast.broken
    if not any(query.basis is not None for query in forecast.queries):
        return "No times are known: queries by how fast their planner cost grows."
    if not broken:
        return f"No query passes its budget up to {forecast.points[-1].label}."
    number, of = counted(len(broken), "query", "queries"), len(forecast.queries)
    verb = "passes its" if len(broken) == 1 else "pass their"
    assert broken[0].breaks is not None
    at = "on" if forecast.axis == "date" else "at"
    sooner = (
        "the first already today"
        if broken[0].breaks.already
        else f"the first {at} {broken[0].breaks.at.label}"
    )
    return f"{number} of {of:,} {verb} budget by {forecast.points[-1].label}, {sooner}."


def timing_sentences(forecast: Forecast) -> Iterator[str]:
    """What times rest on, or that there are none."""
    known = forecast.calibration
    if known is not None:
        yield (
            f"Times are predicted from a calibration of {known.measured_at[:10]} on PostgreSQL "
            f"{known.server_version}: {counted(known.measurements, 'measurement')}. Predicted through "
            f"measured time of those themselves: median {known.median_ratio:.2f}, "
            f"worst {known.worst_ratio:.2g}."
        )
    means = sum(query.basis == "mean time" for query in forecast.queries)
    if means:
        number = counted(means, "query", "queries")
        yield f"Times of {number} are today's mean times, taken to grow as the cost grows: an estimate."
    costs = sum(query.basis is None and query.reason is None for query in forecast.queries)
    if costs and known is None and not means:
        yield (
            "There is no calibration and no recorded time, so what is shown is planner cost, not time. "
            "tenfold calibrate measures the server."
        )
    elif costs:
        number = counted(costs, "query has no known time and is", "queries have no known time and are")
        yield f"{number} shown by planner cost, not time."


def _notes(forecast: Forecast) -> list[str]:
    """Without what the calibration says of itself, which is beside the times."""
    said = forecast.calibration.notes if forecast.calibration is not None else ()
    return [note for note in forecast.notes if note not in said]


def _scope(forecast: Forecast) -> str:
    first, last = forecast.points[0], forecast.points[-1]
    return (
        f"{counted(len(forecast.tables), 'table')}, {counted(len(forecast.queries), 'query', 'queries')}. "
        f"From {rows_words(first.rows)} rows and {bytes_words(first.bytes)} ({first.label}) "
        f"to {rows_words(last.rows)} rows and {bytes_words(last.bytes)} ({last.label})."
    )


def _taken(forecast: Forecast) -> str:
    when = datetime.datetime.fromisoformat(forecast.taken)
    return f"{when.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def _units(forecast: Forecast) -> list[Unit]:
    drawn = {unit_of(query) for query in forecast.queries if any(query.points)}
    return [unit for unit in ("time", "cost") if unit in drawn]


# --- queries ---


def _sections(forecast: Forecast) -> Iterator[Section]:
    """Those that break by when, then the other first ones, then all others as they were given."""
    ranks = {query.name: number for number, query in enumerate(forecast.broken, start=1)}
    order = dict.fromkeys([*ranks, *forecast.first, *(query.name for query in forecast.queries)])
    for number, name in enumerate(list(order)[:QUERIES], start=1):
        yield _section(forecast.query(name), forecast, f"q{number}", ranks.get(name))


def _section(query: QueryForecast, forecast: Forecast, anchor: str, rank: int | None) -> Section:
    last = forecast.points[-1].label
    return Section(
        anchor=anchor,
        query=query,
        rank=rank,
        when=_when(query, forecast),
        course=_course(query),
        growth="" if query.exponent is None else exponent_words(query.exponent),
        chart=single(query, forecast, f"{anchor}-chart") if any(query.points) else None,
        changes=tuple((letter(n), change_sentence(each, forecast)) for n, each in enumerate(query.changes)),
        advice=None if query.advice is None else _advice(query.advice, last),
        scans=tuple(f"{rows_words(rows)} rows of {name}" for name, rows in query.full_scans),
        plans=tuple(_plans(query, forecast)),
    )


def _when(query: QueryForecast, forecast: Forecast) -> str:
    if query.reason is not None:
        return "not plannable"
    if query.breaks is not None:
        return "already" if query.breaks.already else query.breaks.at.label
    if query.basis is None:
        return "no time known"
    return f"not by {forecast.points[-1].label}"


def _course(query: QueryForecast) -> str:
    unit = unit_of(query)
    figures = [_figure(point, unit) for point in query.points if point is not None]
    known = [figure for figure in figures if figure is not None]
    if not known:
        return ""
    say = milliseconds_words if unit == "time" else cost_words
    course = " to ".join(dict.fromkeys(say(figure) for figure in (known[0], known[-1])))
    return course if unit == "time" else f"cost {course}"


def _figure(point: QueryPoint, unit: Unit) -> float | None:
    return point.cost if unit == "cost" else point.milliseconds


def _advice(advice: IndexAdvice, last: str) -> str:
    time = "" if advice.milliseconds_with is None else f", {milliseconds_words(advice.milliseconds_with)}"
    return (
        f"would be {bytes_words(advice.bytes)} at {last} and take the query's cost from "
        f"{cost_words(advice.cost_without)} to {cost_words(advice.cost_with)}{time}"
    )


def _plans(query: QueryForecast, forecast: Forecast) -> Iterator[tuple[str, str]]:
    planned = [(at.label, point) for at, point in zip(forecast.points, query.points, strict=False) if point]
    if not planned:
        return
    (first, start), (last, end) = planned[0], planned[-1]
    if start.plan.shape == end.plan.shape:
        yield (
            f"Plan: {last}" + (f", of the same shape as {first}" if last != first else ""),
            plan_text(end.plan),
        )
    else:
        yield f"Plan: {first}", plan_text(start.plan)
        yield f"Plan: {last}", plan_text(end.plan)


# --- sizes ---


def _tables(forecast: Forecast) -> Sequence[TableForecast]:
    return [table for table in forecast.tables if table.rows[-1] > 0][:TABLES]


def _size(table: TableForecast, forecast: Forecast) -> SizeRow:
    points = range(len(forecast.points))
    return SizeRow(
        name=table.name,
        cells=tuple(
            (
                rows_words(table.rows[point]),
                bytes_words(table.heap_bytes[point] + table.toast_bytes[point]),
                bytes_words(table.index_bytes[point]),
            )
            for point in points
        ),
        monthly=_monthly(table),
    )


def _monthly(table: TableForecast) -> tuple[str, str] | None:
    rows, size = table.monthly_rows[-1], table.monthly_bytes(-1)
    if rows is None or size is None:
        return None
    if table.transient:
        return rows_words(rows), "as many leave"
    return f"+{rows_words(rows)}", f"+{bytes_words(round(size))}"


def _total(forecast: Forecast) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (
            rows_words(point.rows),
            bytes_words(sum(table.heap_bytes[n] + table.toast_bytes[n] for table in forecast.tables)),
            bytes_words(sum(table.index_bytes[n] for table in forecast.tables)),
        )
        for n, point in enumerate(forecast.points)
    )


def _indexes(forecast: Forecast) -> list[IndexRow]:
    """The largest at the last point first."""
    found = [(index, table) for table in forecast.tables for index in table.indexes]
    found.sort(key=lambda pair: -pair[0].bytes[-1])
    return [IndexRow(i.name, t.name, i.method, tuple(map(bytes_words, i.bytes))) for i, t in found]
