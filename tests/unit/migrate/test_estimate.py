"""Estimates of sizes, against indexes that were built: two million rows on PostgreSQL 18."""

from __future__ import annotations

import pytest

from tenfold.migrate.estimate import build_estimate, index_bytes
from tenfold.model.relations import ColumnStatistics
from tenfold.rules.subject import Subject
from tests.unit.migrate.schema import Made, found, wish

ROWS = 2_000_000


@pytest.fixture
def made() -> Made:
    """100 teams; distinct texts of 32 bytes; distinct times; 20,000 parents."""
    database = Made()
    oid = database.table(
        "messages",
        "team_id bigint",
        "body text",
        "sent timestamptz",
        "parent_id bigint",
        "amount numeric",
        rows=float(ROWS),
        pages=48_832,
    )
    for number, width, distinct in ((1, 8, 100), (2, 33, -1.0), (3, 8, -1.0), (4, 8, 20_000), (5, 8, 100)):
        database.statistics.append(ColumnStatistics(oid, number, False, 0.0, width, distinct))
    return database


def subject(made: Made) -> Subject:
    return Subject(snapshot=made.snapshot, tenancy=made.tenancy)


@pytest.mark.parametrize(
    ("keys", "measured"),
    [
        (("team_id",), 13_926_400),
        (("parent_id",), 13_721_600),
        (("body",), 118_128_640),
        (("team_id", "body"), 135_749_632),
        (("team_id", "sent"), 63_102_976),
    ],
)
def test_sizes_are_those_of_indexes_that_were_built(made: Made, keys: tuple[str, ...], measured: int) -> None:
    estimated = index_bytes(subject(made), made.relations[0], wish("messages", *keys))
    assert estimated == pytest.approx(measured, rel=0.05)


def test_equal_keys_are_stored_once_but_not_in_unique_or_covering_ones_or_of_every_type(made: Made) -> None:
    def size(*keys: str, **fields: object) -> int:
        return index_bytes(subject(made), made.relations[0], wish("messages", *keys, **fields))

    shared = size("team_id")
    assert size("team_id", unique=True) > 2 * shared
    assert size("team_id", include=("sent",)) > 2 * shared
    assert size("amount") > 2 * shared


def test_an_empty_table_costs_nothing() -> None:
    made = Made()
    made.table("messages", "team_id bigint", rows=-1.0)
    estimate = build_estimate(subject(made), made.relations[0], wish("messages", "team_id"))
    assert (estimate.bytes, estimate.seconds, estimate.rows) == (0, 0.0, 0)


def test_brief_changes_hold_their_lock_briefly_and_builds_name_their_size(made: Made) -> None:
    (change,) = made.plan(found("a", "messages", wish("messages", "team_id"))).changes
    assert change.estimate.rows == ROWS
    assert change.estimate.seconds == change.estimate.lock_seconds > 1
