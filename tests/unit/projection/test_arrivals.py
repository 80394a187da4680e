"""The pace of a table is read from the times of its latest rows, or from counters that are old enough."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tenfold.model.snapshot import Snapshot
from tenfold.projection.arrivals import Arrivals, arrivals_of, is_event
from tests.unit.projection.catalogs import LEADS, LOG, MESSAGES, QUEUE, TEAMS, product, statistics
from tests.unit.rules.build import NOW, activity, database

CREATED = 4


def days(*ages: float) -> tuple[str, ...]:
    """Bounds so many days before the snapshot, as the server writes them."""
    now = datetime.datetime.fromisoformat(NOW)
    return tuple(str(now - datetime.timedelta(days=age)) for age in ages)


EVENLY = days(*range(80, -1, -10))
#: A quarter of the rows in the last five days.
FASTER = days(100, 80, 60, 40, 30, 20, 5, 3, 0)


def seen(histogram: tuple[str, ...] | None, *, rows: float = 800, **more: Any) -> Arrivals | None:
    known = (statistics(LEADS, CREATED, histogram=histogram),)
    snapshot = product({LEADS: rows}, statistics=known, **more)
    return arrivals_of(snapshot, snapshot.relation_by_oid[LEADS])


def monthly(arrivals: Arrivals | None) -> float | None:
    return arrivals and round(arrivals.monthly, 6)


def test_the_latest_quarter_tells_the_pace() -> None:
    assert monthly(seen(EVENLY)) == 300
    assert monthly(seen(FASTER)) == 800 / 4 / 5 * 30
    arrivals = seen(FASTER)
    assert arrivals is not None
    assert "from 2025-03-05 to 2025-03-10" in arrivals.why


@pytest.mark.parametrize(
    "histogram",
    [
        None,  # hidden, or redacted
        days(3, 2, 1, 0),  # too few bounds
        days(*(age / 100 for age in range(8, -1, -1))),  # a bulk load of two hours
        (*EVENLY[:-1], "infinity"),
    ],
)
def test_times_that_tell_nothing(histogram: tuple[str, ...] | None) -> None:
    assert seen(histogram) is None


def test_too_few_rows_tell_nothing() -> None:
    assert seen(EVENLY, rows=19) is None


def test_counters_tell_where_times_do_not() -> None:
    """They run for nine days."""
    counted = (activity(LEADS, inserted=100, deleted=10),)
    assert monthly(seen(None, table_activity=counted)) == 300
    assert monthly(seen(EVENLY, table_activity=counted)) == 300  # of 800 rows in 80 days
    young = database(statistics_reset="2025-03-08 12:00:00+00:00")
    assert seen(None, table_activity=counted, database=young) is None


def test_rows_that_are_deleted_as_fast_stay_for_as_long_as_the_oldest() -> None:
    counted = (activity(LEADS, inserted=1_000, deleted=900),)
    arrivals = seen(days(*range(16, -1, -2)), table_activity=counted)
    assert arrivals is not None
    assert arrivals.retention_days == 16
    assert arrivals.monthly == 800 / 16 * 30


def test_without_times_the_counters_tell_how_long_rows_stay() -> None:
    counted = (activity(LEADS, inserted=3_600, deleted=3_600),)
    arrivals = seen(None, table_activity=counted)
    assert arrivals is not None
    assert arrivals.retention_days == 2  # 400 a day, and 800 are there
    assert arrivals.monthly == 12_000


def test_some_deletes_are_no_retention() -> None:
    arrivals = seen(EVENLY, table_activity=(activity(LEADS, inserted=1_000, deleted=300),))
    assert arrivals is not None
    assert arrivals.retention_days is None


@pytest.mark.parametrize(
    ("oid", "event"), [(LOG, True), (MESSAGES, True), (QUEUE, True), (LEADS, False), (TEAMS, True)]
)
def test_what_has_a_time_and_no_change_tells_what_happened(oid: int, event: bool) -> None:
    snapshot: Snapshot = product({})
    assert is_event(snapshot, snapshot.relation_by_oid[oid]) is event
