"""A calibration measures what it may read, in the time it was given, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import tenfold.projection
from tenfold.errors import StatementError, StatementTimeoutError
from tenfold.model.calibration import Calibration, CostSettings
from tenfold.pg import measure
from tenfold.pg.connect import Connection, connect, execute_script, read_transaction
from tenfold.pg.sqlfile import load_queries
from tenfold.projection.calibrate import calibrate
from tenfold.projection.trials import ALONE
from tenfold.twin.work import decompose

SCHEMA = """
CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE "the Leads" (id bigint PRIMARY KEY, team_id bigint REFERENCES teams, email text, score int);
INSERT INTO teams SELECT n, 'secret-' || n FROM generate_series(1, 20000) n;
INSERT INTO "the Leads"
    SELECT n, n % 500 + 1, 'secret-' || n % 9000, n % 100 FROM generate_series(1, 30000) n;
CREATE INDEX ON "the Leads" (team_id);
ANALYZE;
"""


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as writer:
        execute_script(writer, SCHEMA)
    with contextlib.closing(connect(database)) as connection:
        yield connection


def check(calibration: Calibration) -> None:
    assert calibration.statement_ms > 0
    assert calibration.tuple_ms + calibration.operator_ms + calibration.sequential_page.cached_ms > 0
    assert 0 <= calibration.hit_ratio <= 1
    assert calibration.cache_bytes == 32 * 2**20
    assert 0.3 < calibration.median_ratio < 3


@pytest.mark.servers(15, 16, 18)
def test_it_measures_the_database_s_own_tables(connection: Connection) -> None:
    steps: list[str] = []
    calibration = calibrate(connection, progress=lambda step, _share: steps.append(step))
    check(calibration)
    assert calibration.measurements >= 20
    assert any(step.endswith("index alone") for step in steps)
    assert not [note for note in calibration.notes if "could be read" in note or "could not be used" in note]


@pytest.mark.servers(15, 16, 18)
def test_every_query_is_asked_and_runs(connection: Connection) -> None:
    source = (Path(tenfold.projection.__path__[0]) / "calibrate.py").read_text()
    assert set(re.findall(r'session\.rows\("(\w+)"', source)) == set(load_queries("tenfold.projection"))
    calibrate(connection, seconds=2)


def test_tables_larger_than_the_time_allows_are_sampled(connection: Connection) -> None:
    steps: list[str] = []
    with contextlib.closing(connect(connection.info.dsn, writable=True)) as writer:
        execute_script(
            writer,
            "CREATE TABLE wide (id int, filler text);"
            "ALTER TABLE wide ALTER filler SET STORAGE PLAIN;"
            "INSERT INTO wide SELECT n, repeat('x', 7000) FROM generate_series(1, 3200) n; ANALYZE wide",
        )
    calibration = calibrate(connection, seconds=2, progress=lambda step, _share: steps.append(step))
    check(calibration)
    kinds = {step.partition(": ")[2] for step in steps}
    assert {"pages in order", "pages at random", "pages at random again"} <= kinds


def test_a_role_that_may_read_nothing_gets_stated_ratios(connection: Connection) -> None:
    role = f"reader_{connection.info.dbname}"
    execute = f"CREATE ROLE {role} LOGIN"
    with contextlib.closing(connect(connection.info.dsn, writable=True)) as writer:
        execute_script(writer, execute)
    try:
        with contextlib.closing(
            connect(psycopg.conninfo.make_conninfo(connection.info.dsn, user=role))
        ) as reader:
            calibration = calibrate(reader, seconds=5)
    finally:
        with contextlib.closing(connect(connection.info.dsn, writable=True)) as writer:
            execute_script(writer, f"DROP ROLE {role}")
    check(calibration)
    assert calibration.index_tuple_ms > 0
    said = " ".join(calibration.notes)
    assert "2 tables could not be used" in said
    assert "no table of 32 pages and more could be read" in said
    assert "not measured: an index entry as half a row" in said


def test_a_locked_table_is_left_out(connection: Connection) -> None:
    with psycopg.connect(connection.info.dsn) as other:
        other.execute('LOCK "the Leads"')
        calibration = calibrate(connection, seconds=5)
    check(calibration)


def test_no_longer_than_it_was_given(connection: Connection) -> None:
    """By a clock of our own: each look at it is half a second."""
    ticks = iter(range(10**6))
    looks: list[int] = []

    def clock() -> float:
        looks.append(next(ticks))
        return looks[-1] * 0.5

    calibration = calibrate(connection, seconds=10, clock=clock)
    # The look that sees the end, and the bar's own.
    assert looks[-1] * 0.5 <= 10 + 2
    assert any(note.startswith("time sufficed for") for note in calibration.notes)


def test_no_value_of_a_row_is_in_its_result(connection: Connection) -> None:
    assert "secret" not in repr(calibrate(connection, seconds=3))


def test_a_session_s_settings_are_as_before(connection: Connection) -> None:
    with read_transaction(connection):
        measure.run(connection, "SELECT 1", {"enable_seqscan": "off"}, seconds=5)
        assert connection.execute("SHOW enable_seqscan").fetchone() == ("on",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("1min",)


def test_a_refused_statement_leaves_the_transaction_usable(connection: Connection) -> None:
    with read_transaction(connection):
        with pytest.raises(StatementError):
            measure.run(connection, "SELECT FROM nowhere", {}, seconds=5)
        with pytest.raises(StatementError, match="multiple commands"):
            measure.run(connection, "SELECT 1; SELECT 2", {}, seconds=5)
        with pytest.raises(StatementError, match="read-only"):
            measure.run(connection, "DELETE FROM public.teams", {}, seconds=5)
        with pytest.raises(StatementTimeoutError):
            measure.run(connection, "SELECT pg_sleep(60)", {}, seconds=0.02)
        assert measure.explain(connection, "SELECT 1", {}).shape == "Result"


@pytest.mark.servers(15, 18)
def test_the_counts_of_a_scan_are_the_table_s(connection: Connection) -> None:
    with read_transaction(connection):
        pages, rows = connection.execute(
            "SELECT relpages, reltuples FROM pg_class WHERE relname = 'the Leads'"
        ).fetchone() or (0, 0)
        statement = "SELECT count(*) FROM public.\"the Leads\" WHERE score <> 7 AND email <> ''"
        work = decompose(
            lambda settings: measure.explain(connection, statement, {**ALONE, **settings}), CostSettings()
        )
    assert work is not None
    assert work.sequential_pages == pytest.approx(pages)
    assert work.tuples == pytest.approx(rows + 1)
    # Two comparisons a row, and one count of each row that is left.
    assert 2.9 * rows < work.operators <= 3.01 * rows
    assert (work.random_pages, work.index_tuples) == pytest.approx((0, 0), abs=1e-3)


def test_ctrl_c_ends_it_cleanly(connection: Connection) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold", "calibrate", connection.info.dsn, "--seconds", "300"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with psycopg.connect(connection.info.dsn, autocommit=True) as other:
            other.execute("BEGIN; LOCK teams")
            while not other.execute(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'teams'::regclass"
            ).fetchone():
                assert process.poll() is None, process.communicate()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        assert process.returncode == 130, said
        assert said.strip() == "tenfold: interrupted; nothing more was done"
    finally:
        process.kill()
        process.communicate()
