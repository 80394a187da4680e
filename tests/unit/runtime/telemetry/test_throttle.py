"""Lines of a log come once in a while, however many keys there are."""

from __future__ import annotations

from tenfold.runtime.telemetry.throttle import Throttle
from tests.clock import Clock


def test_a_line_comes_once_in_its_time_and_then_says_how_many_were_held_back() -> None:
    clock = Clock()
    throttle = Throttle(60, clock)
    assert throttle.admit("a") == 0
    assert [throttle.admit("a") for _ in range(3)] == [None, None, None]
    assert throttle.admit("b") == 0
    clock.now += 60
    assert throttle.admit("a") == 3
    assert throttle.admit("a") is None
    assert throttle.held_back == 4


def test_keys_without_number_are_not_kept_nor_written_without_end() -> None:
    clock = Clock()
    throttle = Throttle(60, clock, most_keys=3)
    assert [throttle.admit(key) for key in range(1_000)] == [0, 0, 0, *[None] * 997]
    clock.now += 59
    assert throttle.admit("late") is None
    clock.now += 1
    assert [throttle.admit(key) for key in range(500, 1_000)] == [0, 0, 0, *[None] * 497]
    assert len(throttle._lines) == 3


def test_only_keys_whose_time_is_over_make_room() -> None:
    clock = Clock()
    throttle = Throttle(60, clock, most_keys=2)
    throttle.admit("old")
    clock.now += 30
    throttle.admit("young")
    clock.now += 30
    assert throttle.admit("new") == 0
    assert throttle.admit("newer") is None
    assert throttle.admit("young") is None


def test_a_key_that_is_written_again_is_the_youngest() -> None:
    clock = Clock()
    throttle = Throttle(60, clock, most_keys=2)
    throttle.admit("a")
    throttle.admit("b")
    clock.now += 60
    throttle.admit("a")
    assert throttle.admit("c") == 0
    assert throttle.admit("a") is None
