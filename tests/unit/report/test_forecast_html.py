"""The forecast's page is whole, loads nothing, draws every query, and tells no value of a row."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tenfold.model.calibration import Calibration, PageTime
from tenfold.model.forecast import (
    Break,
    Forecast,
    ForecastPoint,
    IndexAdvice,
    Moment,
    PlanChange,
    QueryForecast,
    QueryPoint,
)
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.twin import NotCarried
from tenfold.report.chart import LABEL_STEP, Places
from tenfold.report.forecast_html import headline, render_forecast_html
from tenfold.report.outline import legible
from tests.unit.report.conftest import HOSTILE
from tests.unit.report.test_forecast import breaking, forecast, moments, query, table
from tests.unit.report.test_html import Element, Page

SECRET = "tenant-of-a-customer"
#: Lines that a page may have; the data adds none.
ELEMENTS = set(
    """
    html head meta title style body a header footer nav main section article p h1 h2 h3 h4 span small b i code
    pre ul li time figure div details summary table caption thead tbody tr th td dl dt dd
    svg desc g path rect circle text
    """.split()
)
CALIBRATION = Calibration(
    sequential_page=PageTime(0.002),
    random_page=PageTime(0.002),
    tuple_ms=1e-5,
    index_tuple_ms=1e-5,
    operator_ms=1e-6,
    statement_ms=0.05,
    hit_ratio=0.99,
    cache_bytes=2**27,
    measured_at="2024-11-30T10:00:00Z",
    server_version="16.4",
    measurements=87,
    median_ratio=1.02,
    worst_ratio=0.4,
    notes=("no uncached read could be observed",),
)


def growing(count: int = 3, **fields: Any) -> tuple[ForecastPoint, ...]:
    return tuple(
        ForecastPoint(at=at, rows=1e4 * 30.0**n, bytes=10 ** (6 + n), **fields)
        for n, at in enumerate(moments(count))
    )


def costly(name: str, **fields: Any) -> QueryForecast:
    """Without a time."""
    points = tuple(msgspec.structs.replace(point, milliseconds=None) for point in query(name).points if point)
    return query(name, **({"points": points, "basis": None} | fields))


def sample(**fields: Any) -> Forecast:
    scan = PlanNode(
        type="Seq Scan",
        relation="messages",
        filter=f"((status = '{SECRET}'::text) AND (team_id = 4711))",
        total_cost=9.0,
    )
    looked_up = PlanNode(type="Index Scan", index="messages_pkey", relation="messages", total_cost=8.0)
    points = (
        QueryPoint(cost=8.0, rows=1.0, milliseconds=1.0, plan=looked_up),
        QueryPoint(cost=80.0, rows=1.0, milliseconds=90.0, plan=scan),
        QueryPoint(cost=900.0, rows=1.0, milliseconds=700.0, plan=scan),
    )
    turning = breaking(
        "turning",
        1.5,
        points=points,
        changes=(PlanChange(0, moments(3)[1], "Index Scan becomes Seq Scan on messages"),),
        advice=IndexAdvice(
            definition="CREATE INDEX ON messages (team_id)", bytes=2**30, cost_without=900.0, cost_with=8.0
        ),
        full_scans=(("messages", 5e7),),
        role="app",
    )
    queries = (query("steady"), turning, query("refused", points=(), reason="needs postgis"))
    given: dict[str, Any] = {
        "points": growing(),
        "assumptions": ("status: 5 values alike in number",),
        "not_carried": (NotCarried("extension postgis", "not available"),),
        "notes": ("read while analyze ran",),
        "calibration": CALIBRATION,
    }
    return msgspec.structs.replace(forecast(*fields.pop("queries", queries)), **(given | fields))


def page_of(found: Forecast) -> Page:
    return Page(render_forecast_html(found))


@pytest.fixture
def page() -> Page:
    return page_of(sample())


HOSTILE_FORECAST = sample(
    database=HOSTILE[0],
    queries=(
        *(breaking(name, 1, text=name, role=name, full_scans=((name, 5.0),)) for name in HOSTILE),
        query("refused", points=(), reason=HOSTILE[0]),
    ),
    first=HOSTILE,
    tables=tuple(table(name, 10.0) for name in HOSTILE),
    assumptions=HOSTILE,
    notes=HOSTILE,
    not_carried=tuple(NotCarried(name, name) for name in HOSTILE),
)
FORECASTS = pytest.mark.parametrize(
    "found",
    [
        pytest.param(sample(), id="sample"),
        pytest.param(
            sample(calibration=None, queries=(costly("slow"),), first=("slow",)), id="without times"
        ),
        pytest.param(sample(queries=(), first=(), tables=()), id="empty"),
        pytest.param(HOSTILE_FORECAST, id="hostile"),
    ],
)


# --- one file, safe to open ---


@FORECASTS
def test_it_loads_nothing_and_runs_nothing(found: Forecast) -> None:
    page = page_of(found)
    assert {element.tag for element in page.elements} <= ELEMENTS
    for element in page.elements:
        assert not {"src", "srcset", "action", "style", "xlink:href"} & set(element.attributes)
        assert element.attributes.get("href", "#").startswith("#")
        assert not [attribute for attribute in element.attributes if attribute.startswith("on")]
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(", style.text)


def test_only_our_style_is_allowed(page: Page) -> None:
    (policy,) = [e.attributes["content"] for e in page.all("meta") if "http-equiv" in e.attributes]
    digest = base64.b64encode(hashlib.sha256(page.all("style")[0].text.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_the_library_leaves_no_address() -> None:
    # A name space is no address that is fetched.
    assert not re.search(r"//(?!www\.w3\.org/2000/svg)", render_forecast_html(sample()))


def test_the_same_forecast_makes_the_same_page() -> None:
    assert render_forecast_html(sample()) == render_forecast_html(sample())


def test_no_value_of_a_row_is_told() -> None:
    html = render_forecast_html(sample())
    assert SECRET not in html
    assert "4711" not in html
    assert "Filter: ((status = ?::text) AND (team_id = ?))" in html


# --- what it says ---


def test_the_summary_names_the_first_to_break_with_date_and_index(page: Page) -> None:
    assert page.by_id("summary-title").text == headline(sample())
    (summary,) = page.all("table", "first")
    for said in (
        "turning",
        "2025-01-01",
        "1 ms to 700 ms",
        "read 100 ms",
        "CREATE INDEX ON messages (team_id)",
    ):
        assert said in summary.text
    assert "steady" not in summary.text


def test_the_headline_counts_those_that_break() -> None:
    assert headline(sample()) == "1 query of 3 passes its budget by 2025-02-01, the first on 2025-01-01."
    already = query("a", breaks=Break(moments(1)[0], already=True))
    assert headline(sample(queries=(already, breaking("b", 1)))).endswith("the first already today.")
    assert headline(sample(queries=(query("a"),))) == "No query passes its budget up to 2025-02-01."
    assert headline(sample(queries=(costly("a"),))).startswith("No times are known")


def test_a_section_has_the_plans_changes_scans_and_index(page: Page) -> None:
    section = next(e for e in page.all("article") if "turning" in e.text)
    for said in (
        "Plan: now",
        "Index Scan using messages_pkey on messages",
        "Plan: 2025-02-01",
        "Seq Scan on messages",
        "at 2025-01-01: Index Scan becomes Seq Scan on messages",
        "50 M rows of messages at 2025-02-01",
        "CREATE INDEX ON messages (team_id);would be 1 GB",
        "rows^1.00",
    ):
        assert said in section.text


def test_those_that_break_come_first_and_all_come(page: Page) -> None:
    names = [e.text for e in page.all("h3") if re.fullmatch(r"q\d+-title", e.attributes.get("id", ""))]
    assert names == ["1 turning", "steady", "refused"]
    assert "needs postgis" in page.by_id("q3").text


def test_sizes_have_rows_bytes_and_growth_and_indexes_theirs(page: Page) -> None:
    sizes, indexes = page.by_id("sizes").text, page.by_id("indexes").text
    for said in ("messages", "500 k", "5 M", "47.7 MB", "+500 k"):
        assert said in sizes
    assert "messages_pkeybtree on messages" in indexes
    assert indexes.count("8 kB") == 3


def test_what_it_rests_on_is_said(page: Page) -> None:
    ground = page.by_id("ground").text
    for said in (
        "87 measurements",
        "no uncached read could be observed",
        "status: 5 values alike in number",
        "extension postgis: not available",
        "read while analyze ran",
    ):
        assert said in ground


# --- curves ---


def charts(page: Page) -> list[Element]:
    return page.all("svg", "chart")


def curves_of(page: Page, chart: Element) -> list[str]:
    """Names of the curves that have a line in this chart."""
    end = next((e for e in charts(page) if page.elements.index(e) > page.elements.index(chart)), None)
    start, stop = page.elements.index(chart), page.elements.index(end) if end else len(page.elements)
    inside = page.elements[start:stop]
    return [
        title.text
        for group, title in pairwise(inside)
        if group.tag == "g"
        and "curve" in group.classes
        and "budget" not in group.classes
        and title.tag == "title"
    ]


def test_the_overview_has_one_curve_for_each_query_that_was_planned(page: Page) -> None:
    whole, *single = charts(page)
    assert sorted(curves_of(page, whole)) == ["steady", "turning"]
    assert [curves_of(page, chart) for chart in single] == [["turning"], ["steady"]]


def test_every_chart_has_a_title_and_a_description(page: Page) -> None:
    for chart in charts(page):
        assert chart.attributes["role"] == "img"
        for anchor in chart.attributes["aria-labelledby"].split():
            assert page.by_id(anchor).text


def test_breaking_queries_are_labelled_and_ringed_and_others_pale() -> None:
    page = page_of(sample())
    labels = [e.text for e in page.all("text", "label")]
    assert labels == ["1 turning"]
    assert len(page.all("circle", "ring")) == 2  # in the overview, and in its own chart
    assert page.all("g", "pale")


def test_the_budget_has_a_line_and_words(page: Page) -> None:
    assert {e.text for e in page.all("text", "budget-label")} == {"read: 100 ms"}
    assert page.all("g", "budget")


def test_plan_changes_are_lettered_in_chart_and_list(page: Page) -> None:
    assert [e.text for e in page.all("text", "letter")] == ["A"]
    assert [e.text for e in page.all("span", "mark")] == ["A"]


def test_without_times_every_axis_says_that_it_is_cost() -> None:
    page = page_of(sample(calibration=None, queries=(costly("a"), costly("b")), first=("a",)))
    captions = [e.text for e in page.all("text", "caption")]
    assert captions == ["planner cost, not time"] * 3
    assert "planner cost, not time" in page.by_id("ground").text
    assert not page.all("g", "budget")
    assert not page.all("circle", "ring")


def test_queries_with_and_without_times_share_no_axis() -> None:
    page = page_of(sample(queries=(query("timed"), costly("costly")), first=()))
    first, second, *_ = charts(page)
    assert (curves_of(page, first), curves_of(page, second)) == (["timed"], ["costly"])


def test_names_at_the_end_of_curves_do_not_touch() -> None:
    queries = tuple(
        breaking(f"query{n}", 1, points=query("x", 1.0, 50.0, 500.0 + n).points) for n in range(30)
    )
    page = page_of(sample(queries=queries))
    heights = sorted(float(e.attributes["y"]) for e in page.all("text", "label"))
    assert len(heights) == 30
    assert all(below - above >= LABEL_STEP - 0.2 for above, below in pairwise(heights))


def test_points_at_which_a_query_could_not_be_planned_are_left_out() -> None:
    points = (*query("x").points[:2], None)
    page = page_of(sample(queries=(query("half", points=points),), first=()))
    assert len([e for e in page.all("circle") if "ring" not in e.classes]) == 2 * 2


def paths(page: Page, look: str) -> Iterator[list[tuple[float, float]]]:
    for group, title, path in zip(page.elements, page.elements[1:], page.elements[2:], strict=False):
        if {"curve", look} <= group.classes and title.tag == "title" and path.tag == "path":
            numbers = [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path.attributes["d"])]
            yield list(zip(numbers[::2], numbers[1::2], strict=True))


def test_both_axes_are_logarithmic() -> None:
    """Rows times 30 and times times 10 at each point: a straight line."""
    page = page_of(sample(queries=(query("even", 1.0, 10.0, 100.0),), first=()))
    for (x0, y0), (x1, y1), (x2, y2) in paths(page, "pale"):
        assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
        assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
        assert y0 > y1


def test_points_are_spaced_evenly_where_rows_do_not_grow() -> None:
    found = sample(points=tuple(msgspec.structs.replace(point, rows=5.0) for point in growing()))
    assert Places(found).x == (1.0, 10.0, 100.0)
    render_forecast_html(found)


def test_a_moment_between_two_points_lies_between_them() -> None:
    places = Places(sample())
    one, two = places.x[1:]
    assert places.of(Moment("2025-01-16", 0.5 + moments(3)[1].position)) == pytest.approx((one * two) ** 0.5)
    assert places.of(Moment("before", -9.0)) == places.x[0]
    assert places.of(Moment("after", 99.0)) == places.x[-1]


def test_one_point_is_drawn() -> None:
    found = sample(
        points=growing(1),
        queries=(query("only", 5.0),),
        tables=(table("messages", 5.0, 1),),
        first=(),
    )
    assert len(charts(page_of(found))) == 2


# --- for everyone ---


@FORECASTS
def test_headings_and_anchors_are_in_order(found: Forecast) -> None:
    page = page_of(found)
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h\d", e.tag)]
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    anchors = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(anchors) == len(set(anchors))
    for element in page.all("a"):
        assert element.attributes["href"].removeprefix("#") in anchors


def test_hostile_names_stay_text() -> None:
    page = page_of(HOSTILE_FORECAST)
    assert not page.all("script") + page.all("img")
    said = "".join(e.text for e in page.all("body"))
    for name in HOSTILE:
        assert said.count(legible(name)) > 5


def test_many_queries_make_a_page_of_at_most_a_megabyte() -> None:
    queries = tuple(breaking(f"query_number_{n}", 1) for n in range(100))
    found = sample(
        queries=queries, points=growing(12), tables=tuple(table(f"t{n}", 9.0, 12) for n in range(60))
    )
    assert len(render_forecast_html(found).encode()) < 1_000_000


def test_budgets_are_those_of_the_queries_drawn() -> None:
    found = sample(queries=(query("live", budget_ms=50.0, kind="realtime"),), first=(), budgets=Budgets())
    assert {e.text for e in page_of(found).all("text", "budget-label")} == {"realtime: 50 ms"}
