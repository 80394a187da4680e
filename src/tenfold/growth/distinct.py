"""How many distinct values a column has, and whether it can have the same value twice."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tenfold.model.relations import ColumnStatistics
from tenfold.model.snapshot import Snapshot

#: ANALYZE takes a count above this share of the rows for one that grows with them
#: (compute_distinct_stats and compute_scalar_stats, src/backend/commands/analyze.c).
SHARE_OF_ROWS = 0.1
#: Rows that ANALYZE looks at: 300 times default_statistics_target, by default 100.
SAMPLE = 30_000


def distinct_count(statistics: ColumnStatistics, rows: float) -> float:
    """Distinct values, absolute, nulls aside."""
    count = statistics.n_distinct
    return count if count >= 0 else -count * rows


def stored_distinct(count: float, rows: float) -> float:
    """As `pg_stats.n_distinct` has it: above a tenth of the rows a share of them, below zero."""
    count = min(count, rows)
    return -count / rows if rows > 0 and count > SHARE_OF_ROWS * rows else count


def unique_columns(snapshot: Snapshot) -> Mapping[tuple[int, int], bool]:
    """Columns that a unique index on them alone, over all rows, keeps distinct."""
    return {
        (index.relation, index.columns[0]): True
        for index in snapshot.indexes
        if index.unique
        and index.valid
        and index.key_count == 1
        and index.columns[0]
        and index.predicate is None
    }


def domain_size(count: float, rows: float, looked_at: float = math.inf) -> float:
    """How many values there are to draw from, where statistics say that so many rows show so many of them.

    Rows that draw at random from E values show E * (1 - exp(-rows / E)) of them (the occupancy problem; the
    planner's own form of it is the estimate of groups, Dell'Era 2007, estimate_num_groups in selfuncs.c),
    and a sample of them has ANALYZE say `estimated`. Infinite where no value is seen twice.
    """
    if rows <= 0 or count <= 0:
        return count
    if count >= rows * (1 - 1e-6):
        return math.inf
    low, high = count / 2, count
    while estimated(high, rows, looked_at) < count:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if estimated(middle, rows, looked_at) < count else (low, middle)
    return high


def estimated(domain: float, rows: float, looked_at: float = math.inf) -> float:
    """What ANALYZE says of the distinct values of so many rows that draw from so large a domain.

    Where the rows are more than its sample it extrapolates from the values met once, by an estimator of Haas
    and Stokes (compute_scalar_stats in src/backend/commands/analyze.c), and finds too few of those that
    repeat seldom: fewer still where equal values lie together, since it draws its rows from as many pages
    (acquire_sample_rows); `looked_at` is then how many rows these have.
    """
    if rows <= SAMPLE or math.isinf(domain) or domain <= 0:
        return seen(domain, rows)
    domain *= min(1.0, looked_at / rows)
    met = seen(domain, SAMPLE)
    once = SAMPLE * math.exp(-SAMPLE / domain)
    return SAMPLE * met / (SAMPLE - once + once * SAMPLE / rows)


def seen(domain: float, rows: float) -> float:
    """How many of the values that there are so many rows show."""
    if math.isinf(domain):
        return rows
    return -domain * math.expm1(-rows / domain) if domain > 0 else 0.0
