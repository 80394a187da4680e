"""The points of a forecast, and what lies between them."""

from __future__ import annotations

import datetime
import math

import pytest

from tenfold.errors import UsageError
from tenfold.model.scenario import Scenario, TableGrowth
from tenfold.projection.course import FactorCourse, ScenarioCourse, factor_label
from tests.unit.projection.catalogs import LEADS, MESSAGES, TEAMS, product, tenancy_of

SNAPSHOT = product({TEAMS: 10.0, LEADS: 1_000.0, MESSAGES: 50_000.0})
TENANCY = tenancy_of(SNAPSHOT)


def test_factors_are_in_order_and_begin_with_now() -> None:
    course = FactorCourse(SNAPSHOT, TENANCY, [100, 1, 10, 10])
    assert [stop.at.label for stop in course.stops] == ["now", "10x", "100x"]
    assert course.stops[0].growth.rows == {}
    assert course.stops[1].growth.rows[LEADS] == 10_000
    assert not any(course.jumps_to(number) for number in (1, 2))


def test_between_two_factors_lies_their_geometric_mean() -> None:
    course = FactorCourse(SNAPSHOT, TENANCY, [100])
    stop = course.between(math.log(100) / 2)
    assert stop.at.label == "10x"
    assert stop.growth.rows[LEADS] == pytest.approx(10_000)
    assert course.moment(stop.at.position) == stop.at


@pytest.mark.parametrize("factor", [0.0, -3.0, 0.5, math.inf, math.nan])
def test_a_factor_that_does_not_look_ahead_is_refused(factor: float) -> None:
    with pytest.raises(UsageError, match="--scale"):
        FactorCourse(SNAPSHOT, TENANCY, [factor])


def test_a_scenario_that_starts_from_todays_rows_begins_with_now() -> None:
    course = ScenarioCourse(
        SNAPSHOT, TENANCY, Scenario(at=(0, 6), tables={"leads": TableGrowth(monthly=100)})
    )
    assert [stop.at.label for stop in course.stops] == ["now", "2025-09-10"]
    assert not course.jumps_to(1)
    middle = course.between(3)
    assert middle.at.date == datetime.date(2025, 6, 10)
    assert middle.growth.rows[LEADS] == pytest.approx(1_300, abs=1)


def test_a_scenario_that_starts_elsewhere_is_a_jump_away_from_now() -> None:
    scenario = Scenario(at=(0, 6), tables={"leads": TableGrowth(rows=500_000, monthly=100)})
    course = ScenarioCourse(SNAPSHOT, TENANCY, scenario)
    assert [stop.at.label for stop in course.stops] == ["now", "2025-03-10", "2025-09-10"]
    assert course.jumps_to(1)
    assert not course.jumps_to(2)
    assert course.stops[0].growth.rows == {}
    assert course.stops[1].growth.rows[LEADS] == 500_000


def test_a_scenario_that_asks_for_no_month_zero_has_everything_between_it_and_now() -> None:
    scenario = Scenario(at=(6,), tables={"leads": TableGrowth(monthly=100)})
    course = ScenarioCourse(SNAPSHOT, TENANCY, scenario)
    assert [stop.at.label for stop in course.stops] == ["now", "2025-09-10"]
    assert not course.jumps_to(1)


@pytest.mark.parametrize(("factor", "label"), [(10, "10x"), (1.5, "1.5x"), (1000, "1,000x"), (0.5, "0.5x")])
def test_factors_are_written_short(factor: float, label: str) -> None:
    assert factor_label(factor) == label
