"""The measurements of the twin itself: that they measure what they say; never how much."""

from __future__ import annotations

import contextlib

import pytest

from tenfold.bench.twin_speed import build_time, explain_rate, scaled
from tenfold.catalog.reader import read_snapshot
from tenfold.model.activity import Statement
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect, execute_script
from tenfold.tenancy.detect import find_tenancy
from tenfold.twin.twin import Twin


@pytest.fixture
def snapshot(database: str) -> Snapshot:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(
            connection,
            "CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL);"
            "INSERT INTO notes SELECT n, repeat('x', 40) FROM generate_series(1, 2000) n",
        )
        execute_script(connection, "VACUUM ANALYZE notes")
        return read_snapshot(connection)


def test_a_build_is_counted_with_its_tables(snapshot: Snapshot) -> None:
    built = build_time(snapshot, rounds=1)
    assert built.tables == 1
    assert built.total > 0


def test_a_size_is_apparent_and_takes_no_disk(snapshot: Snapshot) -> None:
    result = scaled(snapshot, find_tenancy(snapshot), 1e9)
    assert result.rows == 1e9
    assert result.apparent > 50e9
    assert result.stored < 50e6


def test_a_rate_is_of_both_ways(snapshot: Snapshot) -> None:
    statements = [Statement(text="SELECT body FROM notes WHERE id = $1", name="by_id")]
    with Twin(snapshot) as twin:
        rate = explain_rate(twin.scale(), snapshot, find_tenancy(snapshot), statements, seconds=0.01)
    assert rate.public > 0
    assert rate.raw > 0
