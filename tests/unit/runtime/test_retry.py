"""A server that is gone is waited for by the first who ask; those who come later are told at once."""

from __future__ import annotations

from tenfold.runtime.retry import Outage


def test_the_first_seconds_of_an_outage_are_waited_out() -> None:
    outage = Outage()
    assert [outage.failed(now) for now in (50.0, 50.1, 52.9)] == [0.1, 0.1, 0.1]
    assert [outage.failed(now) for now in (53.0, 90.0)] == [None, None]


def test_the_next_outage_begins_anew() -> None:
    outage = Outage()
    outage.failed(50.0)
    outage.over()
    assert outage.failed(90.0) == 0.1
