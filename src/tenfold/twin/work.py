"""Takes a plan's cost apart into the counts that it is a sum of, by asking the planner with other prices.

At a fixed plan the cost is linear in the five prices of `UNIT_SETTINGS`: raise one a little, and the cost
rises by that little times the count. Pure: whoever calls brings the way to ask, a live session or a twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from tenfold.model.calibration import UNIT_SETTINGS, CostSettings, Work
from tenfold.model.query_plan import QueryPlan

# EXPLAIN writes costs to the hundredth. Multiplied to about this size they carry eleven digits, and stay
# below the 1e10 that servers before 18 add for a node that is switched off, which no setting multiplies.
_WANTED_COST = 1e9
_MOST = 1e9
#: By what share a price is raised; less where that much would have another plan.
_NUDGES = (1e-3, 1e-4, 1e-5)
#: How far the counts times their prices may be from the cost: a plan that differs where no shape shows it.
_TOLERANCE = 1e-3


class Explain(Protocol):
    """Asks for the plan of one statement, not analyzed, as it would be under these settings."""

    def __call__(self, settings: Mapping[str, str], /) -> QueryPlan: ...


def decompose(explain: Explain, prices: CostSettings) -> Work | None:
    """The counts of the plan that `explain` answers at these prices, from some seven questions.

    None where the plan does not hold still: the counts would be of several plans. Under a Gather the counts
    of rows are those of one process, as the cost is, and what starts the workers and carries their rows to
    the leader is in none of them. A tablespace with prices of its own is not followed: its pages are missing,
    and the answer is None.
    """
    today = explain(_settings(prices, 1.0))
    factor = _factor(today.cost)
    base = explain(_settings(prices, factor))
    if base.shape != today.shape:
        return None
    for nudge in _NUDGES:
        counts = _counts(explain, prices, factor, base, nudge)
        if counts is not None and _adds_up(counts, prices, today):
            return Work(*counts)
    return None


def _factor(cost: float) -> float:
    """A power of ten."""
    factor = 1.0
    while factor < _MOST and max(cost, 0.01) * factor * 10 <= _WANTED_COST:
        factor *= 10
    return factor


def _counts(
    explain: Explain, prices: CostSettings, factor: float, base: QueryPlan, nudge: float
) -> tuple[float, ...] | None:
    counts = []
    for name in UNIT_SETTINGS:
        # A price of 0 is raised by a share of what it usually is.
        price = getattr(prices, name)
        raised = price + nudge * (price or getattr(CostSettings(), name))
        plan = explain(_settings(msgspec.structs.replace(prices, **{name: raised}), factor))
        if plan.shape != base.shape:
            return None
        counts.append(max(0.0, (plan.cost - base.cost) / ((raised - price) * factor)))
    return tuple(counts)


def _adds_up(counts: tuple[float, ...], prices: CostSettings, plan: QueryPlan) -> bool:
    """Whether counts times prices are the cost that the planner names: what no price of ours makes is not."""
    if any(node.type.startswith("Gather") for node in plan.root.walk()):
        return True
    pairs = zip(counts, UNIT_SETTINGS, strict=True)
    total: float = sum(count * getattr(prices, name) for count, name in pairs)
    return abs(total - plan.cost) <= _TOLERANCE * plan.cost + 0.01


def _settings(prices: CostSettings, factor: float) -> dict[str, str]:
    return {name: repr(price * factor) for name, price in msgspec.structs.asdict(prices).items()}
