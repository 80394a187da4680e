"""Fits times of a unit of work to measured statements. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from tenfold.errors import NothingMeasuredError
from tenfold.model.calibration import CostSettings, Work
from tenfold.projection.least_squares import Equation, fit, predicted

# The unknowns, by place: a cached page; what fetching it adds; what it adds that it lies at random, and what
# that adds to fetching it; row; index entry; operator call; statement. As sums they keep their order: no page
# is sooner there for being fetched or at random.
_PAGE, _FETCH, _RANDOM, _RANDOM_FETCH, _TUPLE, _INDEX_TUPLE, _OPERATOR, _STATEMENT = range(8)

#: What is believed until it is measured: unknown, so many times another one. Rows as PostgreSQL's default
#: prices have them; cached pages from no disk: a random one needs its own lookup, one in order shares it.
_BELIEFS = (
    (_INDEX_TUPLE, 0.5, _TUPLE, "an index entry as half a row"),
    (_OPERATOR, 0.25, _TUPLE, "an operator call as a quarter of a row"),
    (_PAGE, 25.0, _TUPLE, "a cached page as 25 rows"),
    (_RANDOM, 0.5, _PAGE, "a cached page at random as 1.5 in order"),
)
_BELIEF_WEIGHT = 0.02
_SEEN = 10


class Sample(msgspec.Struct, frozen=True):
    """One statement as it was measured."""

    work: Work
    #: Share of the pages that were fetched from outside the server's memory.
    missed: float
    milliseconds: float


class UnitTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In milliseconds; pages are cached and fetched, None where no fetch was seen."""

    sequential_page: tuple[float, float | None]
    random_page: tuple[float, float | None]
    tuple_ms: float
    index_tuple_ms: float
    operator_ms: float
    statement_ms: float
    measurements: int
    median_ratio: float
    worst_ratio: float
    notes: tuple[str, ...]


def fit_times(samples: Sequence[Sample]) -> UnitTimes:
    """Raises NothingMeasuredError where there is no sample."""
    equations = [_equation(sample) for sample in samples if sample.milliseconds > 0]
    if not equations:
        raise NothingMeasuredError()
    unknowns = list(fit(equations, [_belief(*belief[:3]) for belief in _BELIEFS]))
    for unknown, times, other, _ in _BELIEFS:
        if all(equation.counts[unknown] == 0 for equation in equations):
            unknowns[unknown] = times * unknowns[other]  # the fit has nothing to weigh the belief against
    ratios = [predicted(equation, unknowns) / equation.result for equation in equations]
    in_order, at_random, notes = _fetched(samples, unknowns)
    return UnitTimes(
        sequential_page=(unknowns[_PAGE], in_order),
        random_page=(unknowns[_PAGE] + unknowns[_RANDOM], at_random),
        tuple_ms=unknowns[_TUPLE],
        index_tuple_ms=unknowns[_INDEX_TUPLE],
        operator_ms=unknowns[_OPERATOR],
        statement_ms=unknowns[_STATEMENT],
        measurements=len(equations),
        median_ratio=median(ratios),
        worst_ratio=max(ratios, key=lambda ratio: max(ratio, 1 / max(ratio, 1e-9))),
        notes=(*notes, *_believed(equations), *_vanished(equations, unknowns)),
    )


def _equation(sample: Sample) -> Equation:
    work, missed = sample.work, sample.missed
    pages = work.sequential_pages + work.random_pages
    return Equation(
        (
            pages,
            pages * missed,
            work.random_pages,
            work.random_pages * missed,
            work.tuples,
            work.index_tuples,
            work.operators,
            1.0,
        ),
        sample.milliseconds,
    )


def _belief(unknown: int, times: float, other: int) -> Equation:
    counts = [0.0] * (_STATEMENT + 1)
    counts[unknown], counts[other] = 1.0, -times
    return Equation(tuple(counts), 0.0, _BELIEF_WEIGHT)


def _fetched(
    samples: Sequence[Sample], unknowns: Sequence[float]
) -> tuple[float | None, float | None, list[str]]:
    """Times of fetched pages. The one that was not seen follows from the other by the planner's prices."""
    ratio = CostSettings().random_page_cost / CostSettings().seq_page_cost
    # Enough of them to make up some of a statement's work.
    seen = [
        any(sample.work.sequential_pages * sample.missed >= _SEEN for sample in samples),
        any(sample.work.random_pages * sample.missed >= _SEEN for sample in samples),
    ]
    in_order = unknowns[_PAGE] + unknowns[_FETCH]
    at_random = in_order + unknowns[_RANDOM] + unknowns[_RANDOM_FETCH]
    disk = "fetched pages may have come from the operating system's cache: from a disk they take longer"
    match seen:
        case [True, True]:
            return in_order, at_random, [disk]
        case [True, False]:
            return (
                in_order,
                in_order * ratio,
                [disk, f"a page fetched at random: taken as {ratio:g} in order"],
            )
        case [False, True]:
            return (
                at_random / ratio,
                at_random,
                [disk, f"a page fetched in order: taken as 1/{ratio:g} at random"],
            )
    return None, None, ["every page was in the server's memory: the time of a fetched one is unknown"]


def _believed(equations: Sequence[Equation]) -> Iterator[str]:
    for unknown, _, _, words in _BELIEFS:
        if all(equation.counts[unknown] == 0 for equation in equations):
            yield f"not measured: {words}"


def _vanished(equations: Sequence[Equation], unknowns: Sequence[float]) -> Iterator[str]:
    for unknown, words in (
        (_PAGE, "a page"),
        (_TUPLE, "a row"),
        (_INDEX_TUPLE, "an index entry"),
        (_OPERATOR, "an operator call"),
    ):
        if unknowns[unknown] == 0 and any(equation.counts[unknown] for equation in equations):
            yield f"the time of {words} could not be told apart from what comes with it, and counts as none"
