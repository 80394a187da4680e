"""Pauses grow, are cut at random, and end."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.outbox import Retry, Subscription


def test_pauses_double_up_to_the_longest_and_then_end() -> None:
    retry = Retry(attempts=6, first=1, longest=5)
    assert [retry.pause(attempt, 0.0) for attempt in range(1, 7)] == [1, 2, 4, 5, 5, None]


def test_chance_takes_off_up_to_a_half() -> None:
    assert Retry(first=4).pause(1, 0.5) == 3


def test_very_many_attempts_are_no_overflow() -> None:
    assert Retry(attempts=10**9, longest=60).pause(10**6, 0.0) == 60


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"first": 0}, {"first": 9, "longest": 3}, {"then": "skip"}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Retry(**wrong)


def test_a_subscription_has_a_timeout() -> None:
    with pytest.raises(UsageError):
        Subscription(call=print, timeout=0)  # type: ignore[arg-type]
