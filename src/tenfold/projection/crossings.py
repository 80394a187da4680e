"""Where along the way something happens: a plan that changes, a budget that is passed. Pure.

All queries are asked at every size that is visited, so what is known of each are its answers at the visits.
The next size worth a visit is the middle of the span in which most is still open.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from tenfold.model.query_plan import PlanNode

#: A passed budget is worth more than a changed plan.
_BREAK_WEIGHT = 5.0


class Seen(msgspec.Struct, frozen=True):
    """One query at one visit."""

    position: float
    #: None where it could not be planned.
    shape: str | None
    milliseconds: float | None


class Span(msgspec.Struct, frozen=True):
    """Between two neighbouring visits."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def widest_open(
    courses: Sequence[Sequence[Seen]], budgets: Sequence[float], barred: Sequence[Span], narrow: float
) -> Span | None:
    """The span in which most is open, by width and by what happens in it; None where all are narrow.

    `courses` are the queries' visits in order of position; in `barred` spans nothing can be visited.
    """
    open_: dict[Span, float] = {}
    for seen, budget in zip(courses, budgets, strict=True):
        passed = first_passed(seen, budget)
        for number, (before, after) in enumerate(pairwise(seen)):
            span = Span(before.position, after.position)
            weight = float(before.shape != after.shape and None not in (before.shape, after.shape))
            weight += _BREAK_WEIGHT * (passed == number + 1)
            if weight and span.width > narrow and span not in barred:
                open_[span] = open_.get(span, 0.0) + weight * span.width
    return max(open_, key=lambda span: open_[span], default=None)


def first_passed(seen: Sequence[Seen], budget: float) -> int | None:
    """The first visit at which the query takes longer than its budget."""
    times = (at.milliseconds for at in seen)
    return next((number for number, time in enumerate(times) if time is not None and time > budget), None)


def passed_at(before: Seen, after: Seen, budget: float) -> float:
    """The position at which the budget is passed between two visits: times are taken to grow evenly in
    logarithms, which they do as a power of the rows."""
    if not before.milliseconds or not after.milliseconds or before.milliseconds >= after.milliseconds:
        return after.position
    share = math.log(budget / before.milliseconds) / math.log(after.milliseconds / before.milliseconds)
    return before.position + min(1.0, max(0.0, share)) * (after.position - before.position)


def change_between(before: PlanNode, after: PlanNode) -> str:
    """One clause: the nodes that are gone, and those that came instead."""
    old, new = (Counter(node.label for node in plan.walk()) for plan in (before, after))
    gone, came = list((old - new).elements()), list((new - old).elements())
    if not gone and not came:
        return "the same steps in another order"
    if not gone:
        return f"adds {_some(came)}"
    return f"{_some(gone)} becomes {_some(came)}" if came else f"drops {_some(gone)}"


def _some(labels: list[str]) -> str:
    """Scans first: they say how rows are found."""
    ordered = sorted(labels, key=lambda label: "Scan" not in label)
    return ", ".join(ordered[:3]) + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")
