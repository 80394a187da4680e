"""A table's rows over months, and the ways in which they come from those of another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from tenfold.model.scenario import MONTH_DAYS


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, and rows that arrive a month, at each of `months`, which begin with 0."""

    months: Sequence[float]
    rows: Sequence[float]
    arrivals: Sequence[float]
    #: Rows leave again after a time.
    leaves: bool = False


def constant(months: Sequence[float], rows: float) -> Curve:
    return Curve(months=months, rows=[rows] * len(months), arrivals=[0.0] * len(months))


def times(parent: Curve, rows: float, parents: float) -> Curve:
    """So many rows for so many of the parent's, at all times; at as many parents, exactly the rows."""
    return Curve(
        months=parent.months,
        rows=[rows * (each / parents) for each in parent.rows],
        arrivals=[rows * (each / parents) for each in parent.arrivals],
        leaves=parent.leaves,
    )


def scaled(parent: Curve, ratio: float, growth: float, *, is_share: bool) -> Curve:
    """`ratio` rows for each of the parent's; a month makes it more by a number, or by a share of itself."""
    ratios = [_grown(ratio, growth, month, is_share) for month in parent.months]
    steps = [each * growth if is_share else growth if each > 0 or growth > 0 else 0.0 for each in ratios]
    return Curve(
        months=parent.months,
        rows=[each * above for each, above in zip(ratios, parent.rows, strict=True)],
        arrivals=[
            each * more + step * above
            for each, step, above, more in zip(ratios, steps, parent.rows, parent.arrivals, strict=True)
        ],
        leaves=parent.leaves,
    )


def _grown(ratio: float, growth: float, month: float, is_share: bool) -> float:
    return ratio * (1 + growth) ** month if is_share else max(0.0, ratio + growth * month)


def arriving(parent: Curve, ratio: float, monthly: float) -> Curve:
    """`ratio` rows for each of the parent's first rows, and `monthly` more for each that it has by then."""
    arrivals = [monthly * above for above in parent.rows]
    first = ratio * parent.rows[0]
    return Curve(
        months=parent.months,
        rows=[first + more for more in _sums(parent.months, arrivals)],
        arrivals=arrivals,
    )


def retained(parent: Curve, monthly: float, days: float) -> Curve:
    """`monthly` rows for each of the parent's, gone after so many days. It is steady before the start."""
    arrivals = [monthly * above for above in parent.rows]
    sums = _sums(parent.months, arrivals)
    return Curve(
        months=parent.months,
        rows=[
            total - _sum_at(month - days / MONTH_DAYS, parent.months, arrivals, sums)
            for month, total in zip(parent.months, sums, strict=True)
        ],
        arrivals=arrivals,
        leaves=True,
    )


def _sums(months: Sequence[float], arrivals: Sequence[float]) -> list[float]:
    """Arrivals since month 0, by trapezoids."""
    sums = [0.0]
    for (start, end), (before, after) in zip(pairwise(months), pairwise(arrivals), strict=True):
        sums.append(sums[-1] + (end - start) * (before + after) / 2)
    return sums


def _sum_at(month: float, months: Sequence[float], arrivals: Sequence[float], sums: Sequence[float]) -> float:
    """The sum between two months of the curve; below zero before the start."""
    if month <= 0 or len(months) == 1:
        return min(month, 0.0) * arrivals[0]
    left = min(bisect_right(months, month) - 1, len(months) - 2)
    passed = month - months[left]
    slope = (arrivals[left + 1] - arrivals[left]) / (months[left + 1] - months[left])
    return sums[left] + passed * (arrivals[left] + slope * passed / 2)
