"""How a tenant column is spread when tenants are many and unlike: Zipf's law, as ANALYZE would find it."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import islice

from tenfold.model.growth import ColumnHint
from tenfold.model.relations import Column
from tenfold.model.scenario import Tenants
from tenfold.projection.ground import Ground

#: `default_statistics_target`: the most common values that ANALYZE keeps, where nothing else is set.
_STATISTICS_TARGET = 100
#: Terms of a sum over tenants that are added one by one; the rest is an integral.
_TERMS = 10_000
#: Halvings of the range in which an exponent is looked for, and the range's end.
_STEPS, _STEEPEST = 60, 64.0


def tenant_hint(
    tenants: Tenants, ground: Ground, oid: int, column: Column, count: float
) -> ColumnHint | None:
    """What a tenant column holds at so many tenants; None where statistics and the tenant table tell."""
    whole = max(1, round(count))
    exponent = skew_of(tenants, whole)
    if exponent is not None:
        return _skewed(ground, oid, column, whole, exponent)
    if ground.tenancy.tenant_table is not None or count == ground.tenants:
        return None
    # No table's rows tell that its values become more as tenants do.
    distinct = ground.distinct(oid, column)
    return ColumnHint(distinct=distinct * count / ground.tenants if distinct else float(whole))


def _skewed(ground: Ground, oid: int, column: Column, count: int, exponent: float) -> ColumnHint:
    known = ground.snapshot.statistics_of(oid, column.number)
    values = _tenant_values(
        column, (known and known.common_values) or (), min(count, _target(ground, column))
    )
    if not values:
        return ColumnHint(distinct=float(count))
    nulls = known.null_frac if known else 0.0
    shares = tenant_shares(count, exponent, len(values))
    return ColumnHint(
        distinct=float(count),
        null_share=nulls,
        values=values,
        frequencies=tuple((1 - nulls) * share for share in shares),
    )


def _tenant_values(column: Column, known: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Keys of so many tenants, today's largest first; those that nothing names are numbered.

    Empty where the type has no numbers. Which value a tenant has decides no plan, only that it is one.
    """
    if column.type_kind != "b" or not (column.type_category in "NS" or column.type == "uuid"):
        return known[:count]
    text = "00000000-0000-4000-8000-{:012x}" if column.type == "uuid" else "{}"
    taken = set(known)
    fresh = (
        name for number in range(1, count + len(known) + 1) if (name := text.format(number)) not in taken
    )
    return (*known[:count], *islice(fresh, max(0, count - len(known))))


def skew_of(tenants: Tenants, count: int) -> float | None:
    """The exponent of Zipf's law that the scenario tells, by itself or by the largest one's share."""
    if tenants.zipf is not None or tenants.largest_share is None:
        return tenants.zipf
    return _exponent(tenants.largest_share, count)


# Asked again for each tenant table.
@lru_cache(maxsize=64)
def _exponent(largest_share: float, count: int) -> float:
    low, high = 0.0, _STEEPEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 / _zipf_sum(count, middle) < largest_share else (low, middle)
    return low


@lru_cache(maxsize=64)
def tenant_shares(count: int, exponent: float, most: int) -> tuple[float, ...]:
    """Shares of all rows that the largest tenants have, at most so many of them, the largest first."""
    total = _zipf_sum(count, exponent)
    return tuple(1 / (float(rank) ** exponent * total) for rank in range(1, min(count, most) + 1))


def _zipf_sum(count: int, exponent: float) -> float:
    """1/1^s + 1/2^s + ... + 1/count^s; beyond some terms as the integral, half a term to either side."""
    terms = min(count, _TERMS)
    total = math.fsum(1 / float(rank) ** exponent for rank in range(1, terms + 1))
    if count == terms:
        return total
    first, last = terms + 0.5, count + 0.5
    if abs(exponent - 1) < 1e-9:
        return total + math.log(last / first)
    power = 1 - exponent
    return total + (math.pow(last, power) - math.pow(first, power)) / power


def _target(ground: Ground, column: Column) -> int:
    if column.statistics_target >= 0:
        return column.statistics_target
    return int(ground.snapshot.setting("default_statistics_target") or _STATISTICS_TARGET)
