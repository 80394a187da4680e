from __future__ import annotations

import msgspec
import pytest

from tenfold.bench.runtime.result import Report, Section, Table, at_most, lines
from tenfold.bench.runtime.run import encoded
from tenfold.bench.runtime.timing import Timed
from tenfold.bench.runtime.transaction import overhead
from tenfold.cli.bench_runtime_page import Page, spoken, told

OURS, THEIRS = Timed("ours", (2e-6, 3e-6, 4e-6)), Timed("theirs", (1e-6, 1e-6, 1e-6))
REPORT = Report(
    machine={"cores": "2"},
    versions={"server": "PostgreSQL 18"},
    rounds=3,
    seconds=0.1,
    quick=False,
    sections=(
        Section(
            subject="cache",
            title="A hit",
            remarks=("what ran",),
            tables=(
                Table(
                    title="One hit",
                    lines=lines((OURS, THEIRS), THEIRS, {"ours": "[4]"}),
                    against="theirs",
                    note_heading="buffers",
                ),
            ),
            verdicts=(at_most("ours, to theirs", 3.0, 5.0), at_most("a hit", 3e-6, 2e-6, "s")),
            left_out=("dogpile.cache not installed: pip install 'tenfold[bench]'",),
        ),
    ),
)


def test_a_line_has_the_median_the_middle_half_and_the_factor() -> None:
    ours, theirs = lines((OURS, THEIRS), THEIRS)
    assert (ours.median, ours.low, ours.high) == pytest.approx((3e-6, 2.5e-6, 3.5e-6))
    assert ours.times == pytest.approx(3.0)
    assert theirs.times is None


def test_a_goal_is_met_at_its_limit_and_missed_beyond() -> None:
    assert at_most("a", 5.0, 5.0).met
    assert not at_most("a", 5.01, 5.0).met


def test_overhead_is_what_each_takes_more_than_the_floor() -> None:
    floor = Timed("floor", (1.0, 10.0, 1.0))
    assert overhead(Timed("a", (2.0, 11.0, 3.0)), Timed("b", (5.0, 14.0, 5.0)), floor) == 0.25
    # Faster than the floor is no overhead at all.
    assert overhead(Timed("a", (0.5,)), Timed("b", (2.0,)), Timed("floor", (1.0,))) < 0


def test_json_holds_all_that_was_found_and_is_read_back() -> None:
    assert msgspec.json.decode(encoded(REPORT), type=Report) == REPORT


def test_a_page_shows_both_sides_every_goal_and_what_was_left_out() -> None:
    page = Page(recorded=True)
    page.section(REPORT.sections[0])
    page.closing(REPORT)
    text = " ".join(page.text().split())
    for expected in (
        "what ran",
        "3 µs 2.5 µs - 3.5 µs 3.00",
        "[4]",
        "x: times as long as theirs",
        "ours, to theirs 3.00x 5.00x met",
        "a hit 3 µs 2 µs missed",
        "Left out: dogpile.cache not installed: pip install 'tenfold[bench]'",
        "Medians of 3 rounds",
        "server PostgreSQL 18",
        "1 of 2 goals met",
    ):
        assert expected in text
    assert "figures mean nothing" not in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.5, "2.5 s"),
        (0.0123, "12.3 ms"),
        (0.9999, "1 s"),
        (123.4e-6, "123 µs"),
        (999.9e-9, "1 µs"),
        (99.97e-9, "100 ns"),
        (1.234e-9, "1.23 ns"),
        (0.0, "0 ns"),
    ],
)
def test_times_are_told_in_three_figures(seconds: float, said: str) -> None:
    assert told(seconds, "time") == said


def test_rates_are_told_by_the_second() -> None:
    assert told(0.0001, "rate") == "10,000/s"


@pytest.mark.parametrize(
    ("number", "unit", "said"), [(3e-7, "s", "300 ns"), (1.234, "x", "1.23x"), (-0.001, "x", "0.00x")]
)
def test_what_was_found_is_told_in_its_unit(number: float, unit: str, said: str) -> None:
    assert spoken(number, unit) == said
