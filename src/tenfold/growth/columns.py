"""Statistics of one column at a grown size: frequencies diluted, order and skew kept, ranges stretched."""

from __future__ import annotations

import math

import msgspec

from tenfold.errors import UsageError
from tenfold.growth.distinct import stored_distinct
from tenfold.growth.domain import Values
from tenfold.growth.stretch import ahead, fitted, reaching_back, spread, stretched
from tenfold.model.growth import ColumnHint
from tenfold.model.relations import Column, ColumnStatistics


def grown_column(
    column: Column, statistics: ColumnStatistics, values: Values, rows: float, *, days: float, readable: bool
) -> ColumnStatistics:
    """At `rows` rows. `days`: by how much its window of time is longer. `readable`: its values are there."""
    grown = _diluted(statistics, values, rows)
    if not readable or values.law in ("enumeration", "heaps"):
        return grown
    if values.law == "time":
        seen = grown.histogram and reaching_back(column, grown.histogram, days)
        return msgspec.structs.replace(grown, histogram=seen)
    factor = values.factor
    if grown.histogram is not None:
        return msgspec.structs.replace(grown, histogram=stretched(column, grown.histogram, factor))
    left = values.after - len(grown.common_values or ())
    if grown.common_values and factor > 1 and left >= 2:
        return msgspec.structs.replace(grown, histogram=ahead(column, grown.common_values, factor, left))
    return grown


def grown_expression(statistics: ColumnStatistics, values: Values, rows: float) -> ColumnStatistics:
    """Of an index's expression, whose type is not known."""
    return _diluted(statistics, values, rows)


def hinted(column: Column, statistics: ColumnStatistics, hint: ColumnHint, rows: float) -> ColumnStatistics:
    """With what was told of it. Raises UsageError where that cannot be."""
    _check(column, hint)
    null_frac = statistics.null_frac if hint.null_share is None else hint.null_share
    present = 1.0 - null_frac
    changes: dict[str, object] = {"null_frac": null_frac}
    if hint.null_share is not None and statistics.common_frequencies and statistics.null_frac < 1:
        by = present / (1.0 - statistics.null_frac)
        changes["common_frequencies"] = tuple(f * by for f in statistics.common_frequencies)
    if hint.values:
        shares = hint.frequencies or (present / len(hint.values),) * len(hint.values)
        if math.fsum(shares) > present + 1e-6:
            raise UsageError(f"The shares told of {column.name}'s values and nulls sum to more than 1.")
        changes |= {"common_values": hint.values, "common_frequencies": shares}
    if hint.distinct is not None:
        changes["n_distinct"] = stored_distinct(hint.distinct, rows)
    elif hint.values and statistics.n_distinct >= 0:
        changes["n_distinct"] = stored_distinct(max(statistics.n_distinct, len(hint.values)), rows)
    if hint.low is not None or hint.high is not None:
        changes["histogram"] = _ranged(column, statistics, hint, rows)
    return msgspec.structs.replace(statistics, **changes)


def _diluted(statistics: ColumnStatistics, values: Values, rows: float) -> ColumnStatistics:
    """A domain that grows takes its share from each of the most common values alike.

    Those left with less than a row are no longer among them.
    """
    present = 1.0 - statistics.null_frac
    shares = [share / values.factor for share in statistics.common_frequencies or ()]
    kept = [share for share in shares if share * rows >= 1 - 1e-9][: math.ceil(values.after)]
    if values.law == "unique":
        kept = []
    total = math.fsum(kept)
    if total > present:
        kept = [share * present / total for share in kept]
    common = (statistics.common_values or ())[: len(kept)]
    return msgspec.structs.replace(
        statistics,
        n_distinct=_stored(statistics, values, rows),
        common_values=common or None,
        common_frequencies=tuple(kept) or None,
    )


def _stored(statistics: ColumnStatistics, values: Values, rows: float) -> float:
    before = statistics.n_distinct
    stored = stored_distinct(values.after, rows)
    # What is a share today and keeps it, keeps it to the last digit.
    return before if before < 0 and math.isclose(before, stored, rel_tol=1e-9) else stored


def _ranged(
    column: Column, statistics: ColumnStatistics, hint: ColumnHint, rows: float
) -> tuple[str, ...] | None:
    if statistics.histogram:
        return fitted(column, statistics.histogram, hint.low, hint.high)
    if hint.low is None or hint.high is None:
        return None
    distinct = hint.distinct or rows
    return spread(column, hint.low, hint.high, distinct) or (hint.low, hint.high)


def _check(column: Column, hint: ColumnHint) -> None:
    shares = (*(hint.frequencies or ()), *(() if hint.null_share is None else (hint.null_share,)))
    if any(not 0 <= share <= 1 for share in shares):
        raise UsageError(f"The shares told of {column.name} must be from 0 to 1.")
    if hint.distinct is not None and not (math.isfinite(hint.distinct) and hint.distinct > 0):
        raise UsageError(f"The distinct values told of {column.name} must be a number above 0.")
    if hint.frequencies and len(hint.frequencies) != len(hint.values or ()):
        raise UsageError(f"Of {column.name} as many values as shares must be told.")
