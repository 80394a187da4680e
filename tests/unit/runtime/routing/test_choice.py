"""What becomes of a replica by what was seen of it, and who answers a read."""

from __future__ import annotations

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.routing import ReplicaSettings
from tenfold.runtime.routing.choice import (
    Sighting,
    Standing,
    caught_up,
    judged,
    last_resort,
    serving,
    takes_over,
)

LIMITS = ReplicaSettings(eject_lag=10, readmit_lag=2, readmit_after=5, follow_after=5)


def after(*looks: tuple[float, float | None]) -> Standing:
    """The standing after looks at these times, which saw these lags; None saw nothing."""
    standing = Standing()
    for now, lag in looks:
        seen = None if lag is None else Sighting(in_recovery=True, replayed=int(now), lag=lag)
        standing = judged(standing, seen, LIMITS, now)
    return standing


@pytest.mark.parametrize(
    "looks, serves",
    [
        ([], False),
        ([(0, 0)], True),
        ([(0, 10)], True),
        ([(0, 10.1)], False),
        ([(0, 0), (1, 10.1)], False),
        ([(0, 0), (1, None)], False),
        # It has to be nearer than the lower limit for five seconds on end.
        ([(0, 0), (1, 11), (2, 3), (60, 3)], False),
        ([(0, 0), (1, 11), (2, 2), (6.9, 2)], False),
        ([(0, 0), (1, 11), (2, 2), (7, 2)], True),
        ([(0, 0), (1, 11), (2, 2), (4, 2.1), (7, 2), (11, 2)], False),
        ([(0, 0), (1, 11), (2, 2), (4, 2.1), (7, 2), (12, 2)], True),
        ([(0, None), (1, 0), (5, 0)], False),
        ([(0, None), (1, 0), (6, 0)], True),
        ([(0, None), (1, 0), (3, None), (6, 0)], False),
        # Between the limits it stays what it is.
        ([(0, 0), (1, 9), (2, 3), (3, 9)], True),
    ],
)
def test_a_replica_comes_and_goes_by_two_limits(
    looks: list[tuple[float, float | None]], serves: bool
) -> None:
    assert after(*looks).serving is serves


def test_why_it_does_not_serve_is_known() -> None:
    assert [after((0, lag)).fault for lag in (0, 11, None)] == ["", "lagging", "unreachable"]
    promoted = judged(after((0, 0)), Sighting(in_recovery=False, replayed=0, lag=0), LIMITS, 1)
    assert (promoted.fault, promoted.serving) == ("promoted", False)
    assert judged(promoted, Sighting(in_recovery=True, replayed=9, lag=0), LIMITS, 99) == promoted


def test_what_was_replayed_stays_replayed() -> None:
    standing = judged(after((50, 0)), Sighting(in_recovery=True, replayed=3, lag=0), LIMITS, 51)
    assert standing.replayed == 50


def test_reads_take_turns_among_those_that_serve() -> None:
    standings = [after((0, 0)), after((0, 11)), after((0, 0)), after((0, 0))]
    assert [serving(standings, turn) for turn in range(3)] == [[0, 2, 3], [2, 3, 0], [3, 0, 2]]
    assert serving([after((0, 11))], 1) == []
    assert caught_up([after((5, 0)), after((7, 0))], [1, 0], 7) == [1]
    assert caught_up([after((5, 0)), after((7, 0))], [1, 0], 8) == []


def test_the_last_resort_is_who_lags_least_and_no_one_who_was_promoted_or_not_seen() -> None:
    promoted = judged(after((0, 0)), Sighting(in_recovery=False, replayed=0, lag=0), LIMITS, 1)
    assert last_resort([after((0, 30)), after((0, None)), promoted, after((0, 20))]) == [3, 0]


def test_a_promoted_replica_waits_before_it_takes_over() -> None:
    assert not takes_over(None, 100, LIMITS)
    assert not takes_over(100, 104.9, LIMITS)
    assert takes_over(100, 105, LIMITS)


@pytest.mark.parametrize(
    "wrong", [{"look_every": 0}, {"readmit_lag": 11, "eject_lag": 10}, {"wait": -1}, {"wait": 61}]
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        ReplicaSettings(**wrong)
