from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.projection.months import date_after, months_between

DAY = datetime.date


@pytest.mark.parametrize(
    ("start", "months", "date"),
    [
        (DAY(2025, 1, 15), 0, DAY(2025, 1, 15)),
        (DAY(2025, 1, 15), 12, DAY(2026, 1, 15)),
        (DAY(2025, 1, 31), 1, DAY(2025, 2, 28)),
        (DAY(2024, 1, 31), 1, DAY(2024, 2, 29)),
        (DAY(2025, 12, 1), 1, DAY(2026, 1, 1)),
        (DAY(2025, 4, 1), 0.5, DAY(2025, 4, 16)),
    ],
)
def test_a_month_is_one_of_the_calendar(start: datetime.date, months: float, date: datetime.date) -> None:
    assert date_after(start, months) == date


@given(
    st.dates(DAY(2000, 1, 1), DAY(2050, 12, 31)),
    st.integers(0, 20_000),
)
def test_a_date_and_its_months_say_the_same(start: datetime.date, days: int) -> None:
    date = start + datetime.timedelta(days=days)
    assert date_after(start, months_between(start, date)) == date


@given(st.dates(DAY(2000, 1, 1), DAY(2050, 12, 31)), st.integers(0, 5_000))
def test_a_later_date_is_more_months(start: datetime.date, days: int) -> None:
    date = start + datetime.timedelta(days=days)
    assert months_between(start, date) < months_between(start, date + datetime.timedelta(days=1))
