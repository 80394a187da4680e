from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.migrate.retry import Backoff, next_batch, pause, timeouts

BACKOFF = Backoff(first=0.5, factor=2.0, longest=20.0)


@pytest.mark.parametrize(
    ("failures", "least", "most"), [(1, 0.25, 0.5), (2, 0.5, 1.0), (4, 2.0, 4.0), (9, 10.0, 20.0)]
)
def test_the_wait_doubles_up_to_its_bound_and_is_jittered_by_half(
    failures: int, least: float, most: float
) -> None:
    assert BACKOFF.delay(failures, 0.0) == least
    assert BACKOFF.delay(failures, 1.0) == most


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1))
def test_no_wait_is_longer_than_the_bound_or_none(failures: int, chance: float) -> None:
    assert 0.25 <= BACKOFF.delay(failures, chance) <= 20.0


@given(remaining=st.floats(-10, 10), limit=st.floats(0.1, 10))
def test_a_lock_is_given_up_before_the_statement_and_neither_bound_is_none(
    remaining: float, limit: float
) -> None:
    lock, statement = timeouts(remaining, limit)
    assert 0.001 <= lock <= statement
    assert statement <= max(remaining, 0.001)


def test_the_lock_timeout_leaves_a_tenth_for_the_work() -> None:
    assert timeouts(2.0, 2.0) == (1.8, 2.0)
    assert timeouts(0.5, 2.0) == (0.3, 0.5)


@pytest.mark.parametrize(
    ("rows", "seconds", "expected"),
    [
        (1000, 0.2, 1000),
        (1000, 0.1, 2000),
        (1000, 0.001, 2000),
        (1000, 0.4, 500),
        (1000, 60.0, 500),
        (4000, 0.01, 5000),
        (1, 60.0, 1),
    ],
)
def test_a_batch_is_at_most_doubled_or_halved_towards_its_time(
    rows: int, seconds: float, expected: int
) -> None:
    assert next_batch(rows, seconds, target=0.2, largest=5000) == expected


def test_writers_get_their_share_of_the_time() -> None:
    assert pause(0.2, writers_share=0.5, longest=1.0) == pytest.approx(0.2)
    assert pause(0.2, writers_share=0.8, longest=1.0) == pytest.approx(0.8)
    assert pause(0.2, writers_share=0.0, longest=1.0) == 0
    assert pause(5.0, writers_share=0.5, longest=1.0) == 1.0
