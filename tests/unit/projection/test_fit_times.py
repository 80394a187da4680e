"""Times of a unit come back from the statements that they make, and what was not seen is said."""

from __future__ import annotations

import random

import pytest

from tenfold.errors import NothingMeasuredError
from tenfold.model.calibration import Work
from tenfold.projection.fit_times import Sample, fit_times
from tenfold.projection.least_squares import Equation, fit

TRUE = {"seq": 0.002, "seq_fetched": 0.02, "random": 0.003, "random_fetched": 0.09}
TUPLE, INDEX, OPERATOR, STATEMENT = 6e-5, 4e-5, 2e-6, 0.04


def sample(work: Work, missed: float = 0.0) -> Sample:
    hit = 1 - missed
    return Sample(
        work,
        missed,
        work.sequential_pages * (hit * TRUE["seq"] + missed * TRUE["seq_fetched"])
        + work.random_pages * (hit * TRUE["random"] + missed * TRUE["random_fetched"])
        + work.tuples * TUPLE
        + work.index_tuples * INDEX
        + work.operators * OPERATOR
        + STATEMENT,
    )


def works(count: int, seed: int = 7) -> list[Work]:
    draw = random.Random(seed)
    sizes = ((1, 2e3), (1, 1e3), (1, 5e4), (1, 5e4), (1, 1e6))
    return [Work(*(draw.choice((0.0, draw.uniform(*size))) for size in sizes)) for _ in range(count)]


def test_the_times_come_back() -> None:
    samples = [sample(work, missed) for work in works(40) for missed in (0.0, 0.6)]
    times = fit_times(samples)
    assert times.sequential_page == pytest.approx((TRUE["seq"], TRUE["seq_fetched"]), rel=0.1)
    assert times.random_page == pytest.approx((TRUE["random"], TRUE["random_fetched"]), rel=0.1)
    assert (times.tuple_ms, times.index_tuple_ms) == pytest.approx((TUPLE, INDEX), rel=0.1)
    assert (times.operator_ms, times.statement_ms) == pytest.approx((OPERATOR, STATEMENT), rel=0.1)
    assert times.measurements == 80
    assert times.median_ratio == pytest.approx(1, abs=0.02)


def test_one_disturbed_statement_bends_the_others_little_and_is_the_worst() -> None:
    samples = [sample(work) for work in works(40)]
    disturbed = Sample(samples[5].work, 0.0, samples[5].milliseconds * 50)
    times = fit_times([*samples[:5], disturbed, *samples[6:]])
    assert times.tuple_ms == pytest.approx(TUPLE, rel=0.25)
    assert times.worst_ratio < 0.1


def test_pages_that_nobody_fetched_have_no_such_time() -> None:
    times = fit_times([sample(work) for work in works(40)])
    assert times.sequential_page[1] is None
    assert times.random_page[1] is None
    assert any("time of a fetched one is unknown" in note for note in times.notes)


def test_the_kind_that_was_not_fetched_follows_from_the_other() -> None:
    samples = [
        sample(Work(0, n * 10.0, n * 300.0, 0, n * 50.0), missed) for n in range(1, 30) for missed in (0, 1)
    ]
    times = fit_times(samples)
    assert times.random_page[1] is not None
    assert times.sequential_page[1] == pytest.approx(times.random_page[1] / 4)
    assert any("taken as 1/4" in note for note in times.notes)


def test_what_was_not_measured_keeps_its_stated_ratio() -> None:
    times = fit_times([sample(Work(0, 0, n * 500.0, 0, 0)) for n in range(1, 30)])
    assert times.tuple_ms == pytest.approx(TUPLE, rel=0.1)
    assert times.index_tuple_ms == pytest.approx(times.tuple_ms / 2, rel=0.01)
    assert times.operator_ms == pytest.approx(times.tuple_ms / 4, rel=0.01)
    assert [note for note in times.notes if note.startswith("not measured: an index entry")]


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(NothingMeasuredError, match="--seconds"):
        fit_times([])


def test_no_unknown_is_negative() -> None:
    found = fit([Equation((1.0, 1.0), 1.0), Equation((1.0, 2.0), 0.9)])
    assert min(found) == 0
    assert found[0] == pytest.approx(0.95, rel=0.02)
