"""When a read model is due."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tenfold.runtime.read_models.schedule import State, due_in, look_again, retry_after, spread


def state(**fields: Any) -> State:
    known: dict[str, Any] = {"storage": "s", "refreshes": 1, "age": 0.0, "seconds": 1.0, "failures": 0}
    return State(**{**known, "failed_age": None, **fields})


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"age": None, "seconds": None}, 0.0),
        ({"age": 100.0}, 200.0),
        ({"age": 300.0}, 0.0),
        ({"age": 1e6}, 0.0),
        # It took 400 s, and rests for as long.
        ({"age": 400.0, "seconds": 400.0}, 400.0),
        # The server's clock was set back.
        ({"age": -5.0}, 0.0),
        ({"failures": 1, "failed_age": 0.0, "age": 1e6}, 5.0),
        ({"failures": 3, "failed_age": 5.0, "age": None}, 15.0),
        ({"failures": 1, "failed_age": 6.0, "age": 1.0}, 0.0),
        ({"failures": 1, "failed_age": -6.0}, 0.0),
    ],
)
def test_it_is_due_by_what_is_recorded(fields: dict[str, Any], seconds: float) -> None:
    assert due_in(300.0, state(**fields)) == seconds


def test_what_is_refreshed_on_demand_is_never_due() -> None:
    assert due_in(None, state(age=None)) == math.inf


def test_failures_are_tried_again_ever_more_seldom() -> None:
    assert [retry_after(failures, 60.0) for failures in (1, 2, 3, 7, 8, 10_000)] == [5, 10, 20, 300, 300, 300]
    assert retry_after(50, 86_400.0) == 86_400.0


def test_processes_look_at_different_times_and_never_early() -> None:
    assert [spread(100.0, 0.1, random) for random in (0.0, 0.5, 1.0)] == [100.0, 105.0, pytest.approx(110.0)]
    assert spread(0.0, 0.1, 1.0) == 0.0


def test_one_that_is_refreshed_elsewhere_is_looked_at_before_it_is_due() -> None:
    assert 0 < look_again(300.0) < 300.0
