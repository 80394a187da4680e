"""A forecast for a terminal, which fits 100 columns, and as JSON: sizes, what breaks, what it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.forecast import Forecast, PlanChange, QueryForecast, TableForecast
from tenfold.model.wording import counted
from tenfold.report.forecast_words import (
    bytes_words,
    cost_words,
    exponent_words,
    milliseconds_words,
    rows_words,
    when_words,
)
from tenfold.report.json import indented
from tenfold.report.outline import legible
from tenfold.report.terminal import to_text

#: Tables, points, plan changes, assumptions and refused queries that are named before the rest is counted.
TABLES, POINTS, CHANGES, ASSUMPTIONS, REFUSED = 12, 6, 3, 12, 5
#: Tables and columns of which the same is assumed.
NAMES = 6
# What a recorded statement is called, which nobody gave a name: its text says more.
_UNNAMED = re.compile(r"statement [0-9a-f]{8}")
#: Columns that a figure takes: a date, or `+17.8 GB`.
FIGURE = 10


def render_forecast(forecast: Forecast, *, coloured: bool = False) -> str:
    """The page as lines; `coloured` adds terminal escape sequences."""
    return to_text(forecast_page(forecast), coloured=coloured)


def render_forecast_json(forecast: Forecast) -> str:
    """All of it: `tenfold.model.forecast.Forecast`, plans and all."""
    return indented(forecast)


def forecast_page(forecast: Forecast) -> RenderableType:
    parts: list[RenderableType] = [_head(forecast), _sizes(forecast), _first(forecast)]
    parts.extend(_rest(forecast))
    return Group(*parts)


def shown_points(forecast: Forecast) -> list[int]:
    """At most POINTS of them: the first, the last, and others spread between."""
    last = len(forecast.points) - 1
    if last < POINTS:
        return list(range(last + 1))
    return sorted({round(number * last / (POINTS - 1)) for number in range(POINTS)})


def _head(forecast: Forecast) -> RenderableType:
    queries = len(forecast.queries)
    refused = sum(query.reason is not None for query in forecast.queries)
    roles = {query.role for query in forecast.queries}
    asked = f" as {legible(next(iter(roles)) or '')}" if len(roles) == 1 and None not in roles else ""
    planned = f", {refused} of them not plannable" if refused else ""
    return Text.assemble(
        (legible(forecast.database), "bold"),
        f" on PostgreSQL {forecast.server_version}, read {forecast.taken[:16]}: "
        f"{counted(len(forecast.tables), 'table')}, {counted(queries, 'query', 'queries')}{asked}{planned}",
    )


# --- sizes ---


def _sizes(forecast: Forecast) -> RenderableType:
    """Rows at each point, and under them the bytes of table and indexes."""
    points = shown_points(forecast)
    dated = forecast.axis == "date"
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("rows, bytes", no_wrap=True, overflow="ellipsis")
    for point in points:
        table.add_column(forecast.points[point].label, justify="right", no_wrap=True, min_width=FIGURE)
    if dated:
        table.add_column("a month", justify="right", no_wrap=True, min_width=FIGURE)
    largest = [each for each in forecast.tables if each.rows[-1] > 0][:TABLES]
    for each in largest:
        cells = [_cell(each.rows[point], each.total_bytes(point)) for point in points]
        table.add_row(Text(legible(each.name)), *cells, *([_monthly(each)] if dated else []))
    rest = len(forecast.tables) - len(largest)
    total = [_cell(forecast.points[point].rows, forecast.points[point].bytes) for point in points]
    label = f"\nwith {rest:,} smaller" if rest else ""
    table.add_row(Text.assemble(("all", "bold"), (label, "dim")), *total, *([""] if dated else []))
    heading = Text.assemble(("\nSizes", "bold"), (": rows, and bytes with indexes", "dim"))
    return Group(heading, Padding(table, (0, 0, 0, 2)))


def _cell(rows: float, size: int) -> Text:
    return Text.assemble(rows_words(rows), ("\n" + bytes_words(size), "dim"))


def _monthly(table: TableForecast) -> Text:
    """At the last point."""
    monthly, size = table.monthly_rows[-1], table.monthly_bytes(-1)
    if monthly is None or size is None:
        return Text("-")
    if table.transient:
        return Text.assemble(rows_words(monthly), ("\ntransient", "dim"))
    return Text.assemble(f"+{rows_words(monthly)}", (f"\n+{bytes_words(round(size))}", "dim"))


# --- what breaks first ---


def _first(forecast: Forecast) -> RenderableType:
    if not forecast.first:
        return Text(f"\n{_nothing(forecast)}", style="bold")
    broken = {query.name for query in forecast.broken}
    shown = [forecast.query(name) for name in forecast.first]
    breaking = [query for query in shown if query.name in broken]
    growing = [query for query in shown if query.name not in broken]
    parts: list[RenderableType] = []
    if breaking:
        more = len(broken) - len(breaking)
        of = f", {len(breaking)} of {len(broken)}" if more else ""
        parts.append(Text(f"\nFirst to pass their budget{of}", style="bold"))
        parts += [_query(query, forecast) for query in breaking]
    if growing:
        parts.append(Text("\nFastest growing, without known times", style="bold"))
        parts += [_query(query, forecast) for query in growing]
    return Group(*parts)


def _nothing(forecast: Forecast) -> str:
    if any(query.basis is not None for query in forecast.queries):
        return f"No query passes its budget up to {forecast.points[-1].label}."
    return "No query's cost grows."


def _query(query: QueryForecast, forecast: Forecast) -> RenderableType:
    """When, and which; how it grows; what its plan does; which index helps."""
    heading = Table.grid(padding=(0, 1, 0, 0))
    heading.add_column(width=11, no_wrap=True)
    heading.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    heading.add_column(justify="right", no_wrap=True)
    heading.add_row(
        Text(_when(query), style="yellow"), Text(legible(query.name), style="bold"), _course(query)
    )
    details = Group(*(Text(legible(line), style="dim") for line in _details(query, forecast)))
    advice = [] if query.advice is None else [Text(legible(line), style="green") for line in _advice(query)]
    return Padding(Group(heading, Padding(Group(details, *advice), (0, 0, 0, 12))), (0, 0, 0, 2))


def _when(query: QueryForecast) -> str:
    if query.breaks is None:
        return exponent_words(query.exponent)
    return "already" if query.breaks.already else when_words(query.breaks.at)


def _course(query: QueryForecast) -> Text:
    """From now to the last point, and the budget."""
    first, last = query.first, query.last
    if query.basis is None or first is None or last is None or last.milliseconds is None:
        costs = [cost_words(point.cost) for point in (first, last) if point is not None]
        return Text(f"cost {' to '.join(costs)}")
    times = [milliseconds_words(p.milliseconds) for p in (first, last) if p and p.milliseconds is not None]
    return Text(f"{' to '.join(times)}, {query.kind} budget {milliseconds_words(query.budget_ms)}")


def _details(query: QueryForecast, forecast: Forecast) -> Iterator[str]:
    if _UNNAMED.fullmatch(query.name):
        yield query.text
    if query.breaks is not None and query.exponent is not None:
        yield f"cost grows as {exponent_words(query.exponent)}"
    if query.full_scans:
        scans = (f"{rows_words(rows)} rows of {name}" for name, rows in query.full_scans[:3])
        yield f"reads all {', '.join(scans)} at {forecast.points[-1].label}"
    for change in query.changes[:CHANGES]:
        yield change_sentence(change, forecast)
    if len(query.changes) > CHANGES:
        yield f"and {counted(len(query.changes) - CHANGES, 'more change')} of plan"


def change_sentence(change: PlanChange, forecast: Forecast) -> str:
    """At a point, where nothing lies between it and the one before."""
    is_point = any(point.at == change.at for point in forecast.points)
    return f"{'at' if is_point else 'about'} {when_words(change.at)}: {change.what}"


def _advice(query: QueryForecast) -> Iterator[str]:
    advice = query.advice
    assert advice is not None
    less = f"{cost_words(advice.cost_without)} to {cost_words(advice.cost_with)}"
    time = "" if advice.milliseconds_with is None else f", {milliseconds_words(advice.milliseconds_with)}"
    yield f"{advice.definition};"
    yield f"  would be {bytes_words(advice.bytes)}; cost {less}{time}"


# --- the rest ---


def _rest(forecast: Forecast) -> Iterator[RenderableType]:
    refused = [query for query in forecast.queries if query.reason is not None]
    lines = [f"{query.name}: {query.reason}" for query in refused]
    yield from _list("Not plannable", lines, REFUSED)
    missing = [f"{each.what}: {each.why}" for each in forecast.not_carried]
    yield from _list("Not in the twin", missing, REFUSED)
    yield from _list("It rests on these assumptions", grouped(forecast.assumptions), ASSUMPTIONS)
    yield from _list("Notes", forecast.notes, len(forecast.notes))


def grouped(assumptions: Sequence[str]) -> list[str]:
    """What is said alike of several tables or columns, once, with their names."""
    by_clause: dict[str, list[str]] = {}
    for assumption in assumptions:
        name, _, clause = assumption.partition(": ")
        by_clause.setdefault(clause, []).append(name)
    return [f"{_names(names)}: {clause}" if clause else names[0] for clause, names in by_clause.items()]


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def _list(title: str, lines: Sequence[str], most: int) -> Iterator[RenderableType]:
    if not lines:
        return
    yield Text(f"\n{title}", style="bold")
    grid = Table.grid()
    grid.add_column(width=2)
    grid.add_column(ratio=1, overflow="fold")
    for line in lines[:most]:
        grid.add_row("- ", Text(legible(line), style="dim"))
    if len(lines) > most:
        grid.add_row("", Text(f"and {len(lines) - most:,} more (--format json has all)", style="dim"))
    yield Padding(grid, (0, 0, 0, 2))
