"""Queries from files and from pg_stat_statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import UsageError
from tenfold.model.activity import Statement
from tenfold.model.snapshot import Snapshot
from tenfold.projection.workload import Block, from_blocks, from_statistics, plannable, read_blocks
from tests.unit.rules.build import DATABASE, SERVER


def recorded(*statements: Statement) -> Snapshot:
    return Snapshot(server=SERVER, database=DATABASE, statements=statements)


def statement(text: str, **fields: Any) -> Statement:
    return Statement(text=text, **fields)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT now() - interval $1", "SELECT now() - $1::interval"),
        ("SELECT DATE  $2 FROM t", "SELECT $2::DATE FROM t"),
        ("SELECT timestamp with time zone $1", "SELECT $1::timestamp with time zone"),
        ("SELECT EXTRACT($1 FROM a) FROM t", "SELECT date_part($1,  a) FROM t"),
        ("SELECT a AT TIME ZONE $1", "SELECT a AT TIME ZONE $1"),
        ("SELECT $1::interval, 'interval $1'", "SELECT $1::interval, 'interval $1'"),
        ("SELECT 1 -- interval $1\n", "SELECT 1 -- interval $1\n"),
        ("SELECT update_date $1", "SELECT update_date $1"),
    ],
)
def test_a_typed_constant_that_was_made_a_parameter_becomes_a_cast(text: str, wanted: str) -> None:
    assert plannable(text) == wanted


def test_recorded_queries_come_by_total_time_and_utilities_not_at_all() -> None:
    snapshot = recorded(
        statement("SELECT a FROM t", calls=10, total_ms=10.0, mean_ms=1.0),
        statement("VACUUM t", calls=1, total_ms=900.0, mean_ms=900.0),
        statement("SELECT relname FROM pg_catalog.pg_class", calls=1, total_ms=500.0, mean_ms=500.0),
        statement("UPDATE t SET a = $1", calls=5, total_ms=50.0, mean_ms=10.0),
    )
    found = from_statistics(snapshot, top=100)
    assert [query.text for query in found.queries] == ["UPDATE t SET a = $1", "SELECT a FROM t"]
    assert found.notes == ("2 recorded statements left out: utilities and catalog queries",)


def test_only_the_top_queries_are_taken_and_that_is_said() -> None:
    snapshot = recorded(*(statement(f"SELECT c{n} FROM t", calls=1, total_ms=float(n)) for n in range(5)))
    found = from_statistics(snapshot, top=2)
    assert [query.text for query in found.queries] == ["SELECT c4 FROM t", "SELECT c3 FROM t"]
    assert found.notes == ("the 2 queries with most time, of 5 recorded; --top N for more",)


def test_what_several_roles_ran_is_one_query() -> None:
    snapshot = recorded(
        statement("SELECT a FROM t", role=1, calls=1, total_ms=10.0, mean_ms=10.0),
        statement("SELECT a FROM t", role=2, calls=3, total_ms=10.0, mean_ms=3.3),
    )
    (query,) = from_statistics(snapshot, top=100).queries
    assert (query.calls, query.mean_ms) == (4, 5.0)


def test_nothing_recorded_says_what_to_give() -> None:
    with pytest.raises(UsageError, match=r"--queries FILE\.sql"):
        from_statistics(recorded(), top=100)


def test_a_named_query_takes_the_time_of_the_recorded_one() -> None:
    snapshot = recorded(statement("SELECT a FROM t WHERE b = $1", calls=7, total_ms=70.0, mean_ms=10.0))
    blocks = [
        Block(statement("SELECT a\nFROM t\nWHERE b = 5", name="by_b")),
        Block(statement("ANALYZE", name="u")),
    ]
    found = from_blocks(blocks, snapshot, "q.sql")
    (query,) = found.queries
    assert (query.name, query.calls, query.mean_ms) == ("by_b", 7, 10.0)
    assert found.notes == ("1 utility statement of q.sql left out",)


def test_a_comment_tells_the_kind(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("-- name: live\n-- The screen. kind: realtime\nSELECT 1;\n")
    (query,) = from_blocks(read_blocks(file), recorded(), "q.sql").queries
    assert query.kind == "realtime"
    file.write_text("-- name: live\n-- kind: quick\nSELECT 1;\n")
    with pytest.raises(UsageError, match="live is told to be of kind quick; kinds are read, write"):
        from_blocks(read_blocks(file), recorded(), "q.sql")


@pytest.mark.parametrize(
    "text", ["SELECT 1;", "-- name: a\n", "", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;"]
)
def test_a_file_that_names_no_query_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "q.sql"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_blocks(file)
    assert "q.sql" in refused.value.message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_blocks(tmp_path / "none.sql")


def test_a_file_of_utilities_is_refused() -> None:
    with pytest.raises(UsageError, match="no SELECT"):
        from_blocks([Block(statement("VACUUM", name="v"))], recorded(), "q.sql")
