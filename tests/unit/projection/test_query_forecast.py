"""What visits to a twin say of a query."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.growth import grow
from tenfold.model.forecast import QueryForecast
from tenfold.model.query_plan import PlanNode, QueryPlan
from tenfold.model.scenario import Budgets
from tenfold.projection.asking import Answer, Visit
from tenfold.projection.course import FactorCourse, Stop
from tenfold.projection.query_forecast import Workbook
from tenfold.projection.workload import Query
from tests.unit.projection.catalogs import LEADS, MESSAGES, TEAMS, product, tenancy_of

SNAPSHOT = product({TEAMS: 10.0, LEADS: 1_000.0, MESSAGES: 50_000.0})
TENANCY = tenancy_of(SNAPSHOT)
COURSE = FactorCourse(SNAPSHOT, TENANCY, [10, 100])
QUERY = Query(name="leads_of_team", text="SELECT id FROM leads WHERE team_id = $1")


def plan(cost: float, type: str = "Seq Scan", index: str | None = None) -> QueryPlan:
    return QueryPlan(root=PlanNode(type=type, relation="leads", index=index, total_cost=cost, rows=5.0))


def told(*answers: Answer, query: Query = QUERY, between: dict[float, Answer] | None = None) -> QueryForecast:
    book = Workbook(SNAPSHOT, COURSE, (query,), (None,), None, Budgets(read=100), [])
    visits = [*zip(COURSE.stops, answers, strict=True)]
    visits += [(COURSE.between(position), answer) for position, answer in (between or {}).items()]
    for stop, answer in visits:
        book.add(visit(stop, answer))
    (found,) = book.forecasts()
    return found


def visit(stop: Stop, answer: Answer) -> Visit:
    return Visit(stop, grow(SNAPSHOT, TENANCY, stop.growth).snapshot, (answer,))


def timed(cost: float, milliseconds: float | None) -> Answer:
    return Answer(plan(cost), milliseconds=milliseconds)


def test_a_cost_that_grows_as_the_rows_has_exponent_one() -> None:
    found = told(*(Answer(plan(cost)) for cost in (20, 200, 2_000)))
    assert found.exponent == pytest.approx(1.0)
    assert [point and point.cost for point in found.points] == [20, 200, 2_000]


def test_without_any_time_nothing_breaks() -> None:
    found = told(*(Answer(plan(cost)) for cost in (20, 200, 2e9)))
    assert (found.basis, found.breaks) == (None, None)
    assert found.last is not None
    assert found.last.milliseconds is None


def test_todays_mean_time_grows_as_the_cost() -> None:
    query = msgspec.structs.replace(QUERY, mean_ms=4.0)
    found = told(*(Answer(plan(cost)) for cost in (20, 200, 2_000)), query=query)
    assert found.basis == "mean time"
    assert [point and point.milliseconds for point in found.points] == [4.0, 40.0, 400.0]
    assert found.breaks is not None
    assert found.breaks.at.factor == pytest.approx(25.0)


def test_a_calibrated_time_counts_more_than_todays_mean() -> None:
    query = msgspec.structs.replace(QUERY, mean_ms=4.0)
    found = told(timed(20, 1.0), timed(200, 10.0), timed(2_000, 50.0), query=query)
    assert found.basis == "calibration"
    assert found.breaks is None
    assert [point and point.milliseconds for point in found.points] == [1.0, 10.0, 50.0]


def test_a_budget_that_is_passed_today_is_passed_already() -> None:
    found = told(timed(20, 150.0), timed(200, 10.0), timed(2_000, 50.0))
    assert found.breaks is not None
    assert found.breaks.already
    assert found.breaks.at.label == "now"


def test_a_visit_between_two_points_says_more_closely_where() -> None:
    between = {COURSE.stops[1].at.position / 2: timed(60, 200.0)}
    found = told(timed(20, 50.0), timed(200, 500.0), timed(2_000, 5_000.0), between=between)
    assert found.breaks is not None
    assert found.breaks.at.factor is not None
    assert 1 < found.breaks.at.factor < 10**0.5
    assert len(found.points) == 3


def test_a_change_of_plan_is_between_the_visits_that_saw_it() -> None:
    by_index = Answer(plan(8, "Index Scan", "leads_pkey"))
    found = told(by_index, Answer(plan(200)), Answer(plan(2_000)))
    (change,) = found.changes
    assert change.after == 0
    assert change.at.factor == pytest.approx(10**0.5)
    assert change.what == "Index Scan using leads_pkey on leads becomes Seq Scan on leads"


def test_whole_tables_that_are_read_are_named_where_they_are_large() -> None:
    small = told(*(Answer(plan(cost)) for cost in (20, 200, 2_000)))
    assert small.full_scans == (("leads", 100_000.0),)
    by_index = told(*(Answer(plan(cost, "Index Scan", "leads_pkey")) for cost in (20, 200, 2_000)))
    assert by_index.full_scans == ()


def test_a_query_that_is_never_planned_says_why() -> None:
    refused = Answer(None, 'relation "leeds" does not exist')
    found = told(refused, refused, refused)
    assert found.reason == 'relation "leeds" does not exist'
    assert found.points == ()


def test_a_point_where_it_is_not_planned_is_left_open() -> None:
    found = told(Answer(plan(20)), Answer(None, "not planned within 10 s"), Answer(plan(2_000)))
    assert found.reason is None
    assert found.points[1] is None
    assert found.exponent == pytest.approx(1.0)
