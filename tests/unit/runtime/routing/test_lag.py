"""The lag is the time since the primary was first beyond what the replica has replayed."""

from __future__ import annotations

import pytest

from tenfold.runtime.routing.lag import PrimaryCourse


@pytest.fixture
def course() -> PrimaryCourse:
    course = PrimaryCourse()
    for lsn, now in ((100, 1), (200, 2), (200, 3), (200, 9), (300, 10)):
        course.saw(lsn, now)
    return course


@pytest.mark.parametrize(
    "replayed, lag", [(300, 0), (999, 0), (299, 2), (200, 2), (199, 10), (100, 10), (99, 11)]
)
def test_lag_in_seconds(course: PrimaryCourse, replayed: int, lag: float) -> None:
    assert course.lag(replayed, 12) == lag


def test_an_idle_or_absent_primary_makes_nobody_lag(course: PrimaryCourse) -> None:
    assert course.lag(300, 1e6) == 0
    assert PrimaryCourse().lag(0, 1e6) == 0


def test_a_clock_that_jumps_back_gives_no_negative_lag(course: PrimaryCourse) -> None:
    assert course.lag(0, -50) == 0


def test_only_so_much_is_remembered(course: PrimaryCourse) -> None:
    for number in range(5000):
        course.saw(1000 + number, 100 + number)
    assert course.lag(0, 5100) == 1200
