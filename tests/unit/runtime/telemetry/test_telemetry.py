"""What is slow or repeated is logged without a value, and not without end."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.errors import RepeatedQueryError, UsageError
from tenfold.runtime.telemetry import Telemetry
from tests.clock import Clock

TENANT = 77_001
SESSION: Any = SimpleNamespace(tenant=TENANT)
SECRET = "4111-1111"
STATEMENT = f"SELECT * FROM cards WHERE number = '{SECRET}' AND id = $1"


def ask(telemetry: Telemetry, seconds: float = 0.001, statement: str = STATEMENT, error: Any = None) -> None:
    telemetry.asked(SESSION, statement, seconds, error)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telemetry(clock: Clock) -> Telemetry:
    return Telemetry(clock=clock)


class TestSlowQueries:
    @pytest.mark.parametrize(
        ("seconds", "level"),
        [(0.199, None), (0.2, logging.WARNING), (0.499, logging.WARNING), (0.5, logging.ERROR)],
    )
    def test_the_presets(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture, seconds: float, level: int | None
    ) -> None:
        ask(telemetry, seconds)
        assert [line.levelno for line in caplog.records] == ([] if level is None else [level])
        assert telemetry.statistics().slow_queries == len(caplog.records)

    def test_the_line_has_fingerprint_place_tenant_and_request_and_no_value(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        with telemetry.recording("job") as record:
            ask(telemetry, 0.25, error=ValueError(SECRET))
        (line,) = caplog.messages
        assert SECRET not in line
        assert "SELECT * FROM cards WHERE number = ? AND id = ?" in line
        assert "0.250 s, ended by ValueError, by test_telemetry.py:" in line
        assert f"tenant {TENANT}, request {record.id}" in line

    def test_outside_of_any_record_it_is_logged_as_well(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        ask(telemetry, 0.25)
        assert "request none" in caplog.messages[0]

    def test_one_line_a_minute_for_a_fingerprint_and_level(
        self, telemetry: Telemetry, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for n in range(5):
            ask(telemetry, 0.3, f"SELECT * FROM cards WHERE id = {n}")
        assert len(caplog.messages) == 1
        ask(telemetry, 0.6, "SELECT * FROM cards WHERE id = 1")
        assert len(caplog.messages) == 2
        clock.now += 60
        ask(telemetry, 0.3, "SELECT * FROM cards WHERE id = 1")
        assert caplog.messages[2].endswith("(and 4 more since the last line)")
        assert telemetry.statistics().slow_queries == 7
        assert telemetry.statistics().held_back == 4

    def test_infinity_is_never(self, caplog: pytest.LogCaptureFixture) -> None:
        telemetry = Telemetry(slow_query=math.inf, very_slow_query=math.inf)
        ask(telemetry, 3_600)
        assert not caplog.messages


class TestRepeated:
    def test_it_is_named_once_with_the_lines_that_issued_it(
        self, telemetry: Telemetry, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            with telemetry.recording("cards"):
                for n in range(25):
                    ask(telemetry, statement=f"SELECT * FROM cards WHERE id = {n}")
        (line,) = caplog.messages
        assert line.startswith("cards asked the same 25 times (N+1), by test_telemetry.py:")
        assert line.endswith("SELECT * FROM cards WHERE id = ?")
        assert telemetry.statistics().repeated == 3

    def test_ten_times_are_allowed(self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
        with telemetry.recording("cards") as record:
            for _ in range(10):
                ask(telemetry)
        assert not caplog.messages
        assert record.queries == 10

    def test_another_name_is_another_line(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("cards", "leads"):
            with telemetry.recording(name, repeats=1):
                ask(telemetry)
                ask(telemetry)
        assert len(caplog.messages) == 2

    def test_another_statement_is_another_line(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        with telemetry.recording("cards", repeats=1):
            for table in ("cards", "cards", "leads", "leads"):
                ask(telemetry, statement=f"SELECT 1 FROM {table}")
        assert [line.split()[-1] for line in caplog.messages] == ["cards", "leads"]

    def test_for_tests_the_work_fails_at_its_end(self) -> None:
        telemetry = Telemetry(mode="raise", repeats=2)
        asked = 0
        with (
            pytest.raises(RepeatedQueryError, match=r"cards asked the same 4 times .*test_telemetry\.py"),
            telemetry.recording("cards"),
        ):
            for _ in range(4):
                ask(telemetry)
                asked += 1
        assert asked == 4

    def test_an_error_of_the_work_goes_before(self) -> None:
        telemetry = Telemetry(mode="raise", repeats=1)
        with pytest.raises(ZeroDivisionError), telemetry.recording("cards"):
            ask(telemetry)
            ask(telemetry)
            raise ZeroDivisionError

    def test_a_part_that_may_repeat_itself_does(self) -> None:
        telemetry = Telemetry(mode="raise", repeats=1)
        with telemetry.recording("cards") as record:
            with telemetry.recording("export", repeats=None) as part:
                for _ in range(20):
                    ask(telemetry)
            ask(telemetry)
        assert (record.queries, part.queries) == (21, 20)
        assert part.id == record.id


def test_what_observers_are_told_is_in_the_record(telemetry: Telemetry) -> None:
    with telemetry.recording("job") as record:
        telemetry.entered(SESSION, "primary", 0.25, 0.125)
        telemetry.entered(SimpleNamespace(tenant=None), "primary", 0.25, 0.125)  # type: ignore[arg-type]
        ask(telemetry, error=ValueError())
        telemetry.left(SESSION, 0.125, committed=False)
        telemetry.cached("plans", True, 0.0625)
    assert (record.tenant, record.sessions, record.acquire, record.begin) == (TENANT, 2, 0.5, 0.25)
    assert (record.queries, record.errors, record.end) == (1, 1, 0.125)
    assert (record.cache_reads, record.cache_hits, record.cache_seconds) == (1, 1, 0.0625)


def test_what_cannot_be_is_refused() -> None:
    for wrong in (
        {"slow_request": 0},
        {"slow_query": -1.0},
        {"slow_query": 0.6},
        {"slow_request": math.nan},
        {"repeats": 0},
        {"repeats": "ten"},
        {"mode": "shout"},
    ):
        with pytest.raises(UsageError):
            Telemetry(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError), Telemetry().recording("job", repeats=0):
        pass
