"""A calibration comes back from its file as it was, and a file that is none says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.errors import CalibrationFileError
from tenfold.model.calibration import Calibration, PageTime, Work
from tenfold.projection.calibrate import advised_settings
from tenfold.projection.calibration_file import calibration_json, load_calibration

CALIBRATION = Calibration(
    sequential_page=PageTime(0.002, 0.01),
    random_page=PageTime(0.004, 0.08),
    tuple_ms=6e-5,
    index_tuple_ms=3e-5,
    operator_ms=2e-6,
    statement_ms=0.04,
    hit_ratio=0.75,
    cache_bytes=2**27,
    measured_at="2030-01-02T03:04:05Z",
    server_version="18.1",
    measurements=80,
    median_ratio=0.97,
    worst_ratio=0.4,
    notes=("a note",),
)


def test_it_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(calibration_json(CALIBRATION))
    assert load_calibration(file) == CALIBRATION


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cut short or not a calibration"),
        (calibration_json(CALIBRATION)[:200], "cut short or not a calibration"),
        ('{"format": "tenfold-snapshot", "version": 1}', "is not a calibration"),
        (calibration_json(CALIBRATION).replace('"version": 1', '"version": 9'), "of format 9"),
        (calibration_json(CALIBRATION).replace("0.75", '"much"'), "is damaged"),
        (calibration_json(CALIBRATION).replace("0.75", "7.5"), "a time or share that cannot be"),
        (calibration_json(CALIBRATION).replace("0.04", "-0.04"), "a time or share that cannot be"),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(content)
    with pytest.raises(CalibrationFileError, match=said):
        load_calibration(file)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CalibrationFileError, match="cannot be read: No such file"):
        load_calibration(tmp_path / "calibration.json")


def test_advice_is_in_proportion_at_the_hit_ratio() -> None:
    advised = advised_settings(CALIBRATION)
    assert advised.seq_page_cost == 1
    assert advised.random_page_cost == pytest.approx(
        (0.75 * 0.004 + 0.25 * 0.08) / (0.75 * 0.002 + 0.25 * 0.01)
    )
    assert advised.cpu_tuple_cost == pytest.approx(6e-5 / 0.004)


def test_time_is_that_of_the_work_at_the_hit_ratio_asked_for() -> None:
    work = Work(10, 1, 100, 0, 1000)
    assert CALIBRATION.milliseconds(work, hit_ratio=1) == pytest.approx(0.04 + 0.02 + 0.004 + 0.006 + 0.002)
    assert CALIBRATION.milliseconds(work, hit_ratio=0) == pytest.approx(0.04 + 0.1 + 0.08 + 0.006 + 0.002)
