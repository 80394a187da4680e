"""A forecast on a terminal and as JSON."""

from __future__ import annotations

import datetime
import json
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from tenfold.model.forecast import (
    Break,
    Forecast,
    ForecastPoint,
    IndexAdvice,
    IndexForecast,
    Moment,
    PlanChange,
    QueryForecast,
    QueryPoint,
    TableForecast,
)
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.twin import NotCarried
from tenfold.report.forecast import grouped, render_forecast, render_forecast_json, shown_points
from tenfold.report.forecast_words import bytes_words, cost_words, milliseconds_words, rows_words
from tests.unit.report.conftest import HOSTILE

SCAN = PlanNode(type="Seq Scan", relation="messages", total_cost=9.0)


def moments(count: int) -> list[Moment]:
    dates = [datetime.date(2025 + month // 12, month % 12 + 1, 1) for month in range(count)]
    later = [Moment(date.isoformat(), float(n), date=date, months=float(n)) for n, date in enumerate(dates)]
    return [Moment("now", -1.0, date=datetime.date(2024, 12, 1)), *later[: count - 1]]


def table(name: str, rows: float, points: int = 3, **fields: Any) -> TableForecast:
    return TableForecast(
        name=name,
        rows=tuple(rows * 10**n for n in range(points)),
        heap_bytes=tuple(int(rows * 100 * 10**n) for n in range(points)),
        toast_bytes=(0,) * points,
        index_bytes=(8192,) * points,
        indexes=(IndexForecast(f"{name}_pkey", "btree", (8192,) * points),),
        **({"monthly_rows": (None, *(rows,) * (points - 1))} | fields),
    )


def query(name: str, *milliseconds: float | None, **fields: Any) -> QueryForecast:
    times = milliseconds or (1.0, 50.0, 500.0)
    points = tuple(
        QueryPoint(cost=10.0 * 10**n, rows=1.0, milliseconds=t, plan=SCAN) for n, t in enumerate(times)
    )
    given: dict[str, Any] = {
        "text": "SELECT 1",
        "kind": "read",
        "budget_ms": 100.0,
        "points": points,
        "basis": "calibration",
        "exponent": 1.0,
    }
    return QueryForecast(name=name, **(given | fields))


def forecast(*queries: QueryForecast, points: int = 3, **fields: Any) -> Forecast:
    at = moments(points)
    given: dict[str, Any] = {
        "database": "outreach",
        "server_version": "18.6",
        "taken": "2024-12-01 12:00:00+00:00",
        "axis": "date",
        "points": tuple(ForecastPoint(at=each, rows=5e6, bytes=10**9) for each in at),
        "tables": (table("messages", 5e5, points),),
        "queries": queries,
        "first": tuple(each.name for each in queries if each.breaks is not None),
        "budgets": Budgets(),
    }
    return Forecast(**(given | fields))


def breaking(name: str, position: float, **fields: Any) -> QueryForecast:
    return query(name, breaks=Break(Moment(f"2025-0{int(position)}-01", position)), **fields)


def test_every_line_fits_a_terminal_whatever_the_names_are() -> None:
    queries = [
        breaking(
            f"{name}{number}",
            number % 9 + 1,
            changes=(PlanChange(0, Moment("2025-02-01", 1.0), "Seq Scan on " + name * 4),),
            advice=IndexAdvice(
                definition=f"CREATE INDEX ON {name} (a)", bytes=10**9, cost_without=1e9, cost_with=8.0
            ),
            full_scans=((name, 5e9),),
        )
        for number, name in enumerate(HOSTILE)
    ]
    page = render_forecast(
        forecast(
            *queries,
            query("refused" * 20, reason="column " + "x" * 200, points=()),
            points=24,
            tables=tuple(table(name, 5e5, 24) for name in HOSTILE),
            not_carried=(NotCarried("extension " + "y" * 100, "there is none"),),
            assumptions=tuple(f"{name}: assumed" for name in HOSTILE),
            notes=("z" * 300,),
        )
    )
    assert max(map(cell_len, page.splitlines())) <= 100
    assert "\x1b" not in page


def test_the_first_to_break_are_in_order_of_date_with_budget_and_index() -> None:
    advice = IndexAdvice(
        definition="CREATE INDEX CONCURRENTLY i ON messages (team_id)",
        bytes=34 * 1024**2,
        cost_without=1e6,
        cost_with=12.0,
        milliseconds_with=0.5,
    )
    late = breaking("late", 5)
    early = breaking("early", 2, advice=advice, full_scans=(("messages", 5e6),))
    found = forecast(late, early, query("fine"))
    page = render_forecast(msgspec.structs.replace(found, first=tuple(q.name for q in found.broken)))
    assert page.index("2025-02-01  early") < page.index("2025-05-01  late")
    assert "1 ms to 500 ms, read budget 100 ms" in page
    assert "CREATE INDEX CONCURRENTLY i ON messages (team_id);" in page
    assert "would be 34 MB; cost 1.0e6 to 12, 0.5 ms" in page
    assert "reads all 5 M rows of messages" in page
    assert "fine" not in page


def test_what_is_past_its_budget_today_comes_first() -> None:
    already = query("already_slow", 200.0, 300.0, 400.0, breaks=Break(Moment("now", 7.0), already=True))
    assert [each.name for each in forecast(breaking("soon", 1), already).broken] == ["already_slow", "soon"]


def test_sizes_grow_by_the_month_and_a_transient_table_does_not() -> None:
    tables = (table("messages", 5e5), table("queue", 100.0, transient=True))
    lines = render_forecast(forecast(query("fine"), tables=tables)).splitlines()
    messages = next(number for number, line in enumerate(lines) if line.startswith("  messages"))
    assert lines[messages].split()[-1] == "k" and "+500" in lines[messages]
    queue = next(number for number, line in enumerate(lines) if line.startswith("  queue"))
    assert "transient" in lines[queue + 1]


def test_without_times_growth_is_shown_instead_of_dates() -> None:
    growing = query("count_all", None, None, None, basis=None, exponent=1.0)
    page = render_forecast(forecast(growing, first=("count_all",)))
    assert "Fastest growing, without known times" in page
    assert "rows^1.00" in page
    assert "cost 10 to 1,000" in page
    assert "budget" not in page


def test_where_nothing_breaks_it_says_so() -> None:
    assert "No query passes its budget up to 2025-02-01." in render_forecast(forecast(query("fine")))
    none = query("flat", None, None, None, basis=None, exponent=0.0)
    assert "No query's cost grows." in render_forecast(forecast(none))


def test_refused_queries_and_what_the_twin_lacks_are_named() -> None:
    page = render_forecast(
        forecast(
            query("map", points=(), reason="type geometry does not exist"),
            not_carried=(NotCarried("extension postgis", "not available"),),
        )
    )
    assert "1 query, 1 of them not plannable" in page
    assert "map: type geometry does not exist" in page
    assert "extension postgis: not available" in page


def test_what_is_assumed_alike_is_said_once() -> None:
    said = grouped(["a.x: spread over a year", "b.x: spread over a year", "c: empty"])
    assert said == ["a.x, b.x: spread over a year", "c: empty"]


def test_many_points_are_shown_by_their_ends_and_some_between() -> None:
    shown = shown_points(forecast(query("fine"), points=24))
    assert (shown[0], shown[-1], len(shown)) == (0, 23, 6)


def test_json_has_all_of_it() -> None:
    found = forecast(breaking("early", 2), query("fine"))
    document = json.loads(render_forecast_json(found))
    assert msgspec.json.decode(render_forecast_json(found), type=Forecast) == found
    assert document["queries"][0]["points"][0]["plan"]["Node Type"] == "Seq Scan"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (rows_words(164), "164"),
        (rows_words(99_999), "99,999"),
        (rows_words(999_900), "1 M"),
        (rows_words(5_230_000), "5.23 M"),
        (rows_words(2.5e12), "2.5 tn"),
        (bytes_words(8192), "8 kB"),
        (bytes_words(34 * 1024**2), "34 MB"),
        (milliseconds_words(0.0812), "0.0812 ms"),
        (milliseconds_words(4_200), "4.2 s"),
        (milliseconds_words(600_000), "10 min"),
        (cost_words(8.17), "8.17"),
        (cost_words(2.4e7), "2.4e7"),
    ],
)
def test_figures_are_short(words: str, wanted: str) -> None:
    assert words == wanted
