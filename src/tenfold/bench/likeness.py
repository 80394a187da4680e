"""How like two answers are: plans of one question from twin and server, pages of one index. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from tenfold.model.query_plan import PlanNode, QueryPlan

#: Pages below which a ratio says nothing: one page more or less is a tenth of it.
TELLING_PAGES = 10

#: What is to be reached: shares of plans, and how far a ratio may be from 1.
SAME_SHAPES, MEDIAN_COST, TAIL_COST = 0.95, 0.03, 0.15
INDEX_PAGES = {"btree": 0.05, "gin": 0.25}
#: Times the measured milliseconds, either way, that nine queries of ten stay within.
TIMES, TIMELY = 2.0, 0.9


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One question, answered by the twin and by the server that really has the rows."""

    query: str
    #: Whose parameters, as whom.
    case: str
    predicted: QueryPlan
    real: QueryPlan

    @property
    def is_same(self) -> bool:
        return self.predicted.shape == self.real.shape

    @property
    def cost_ratio(self) -> float:
        return ratio(self.predicted.cost, self.real.cost)

    @property
    def row_ratios(self) -> tuple[float, ...]:
        """Of each node, where the plans are alike; of the roots where they are not."""
        if not self.is_same:
            return (ratio(self.predicted.root.rows, self.real.root.rows),)
        nodes = zip(_telling(self.predicted.root), _telling(self.real.root), strict=True)
        return tuple(ratio(ours.rows, theirs.rows) for ours, theirs in nodes)

    @property
    def difference(self) -> str:
        """One clause: the first node that differs, or the node whose rows are farthest off."""
        ours, theirs = _telling(self.predicted.root), _telling(self.real.root)
        for mine, other in zip(ours, theirs, strict=False):
            if mine.label != other.label:
                return f"{mine.label}; really {other.label}"
        if not self.is_same:
            return f"{len(ours)} nodes; really {len(theirs)}"
        mine, other = max(
            zip(ours, theirs, strict=True), key=lambda pair: distance(ratio(pair[0].rows, pair[1].rows))
        )
        if distance(ratio(mine.rows, other.rows)) < TAIL_COST:
            return "rows alike; pages are not"
        return f"{mine.rows:,.0f} rows of {mine.label}; really {other.rows:,.0f}"


class Spread(msgspec.Struct, frozen=True):
    """Ratios, and how far they are from 1: 0.1 is a tenth too much, or as much too little."""

    count: int
    #: The middle one.
    ratio: float
    #: Of the distances from 1, the middle one, the one that 95 of 100 stay below, and the greatest.
    median: float
    tail: float
    worst: float

    @classmethod
    def of(cls, ratios: Iterable[float]) -> Spread:
        ratios = sorted(ratios)
        if not ratios:
            return cls(0, 1.0, 0.0, 0.0, 0.0)
        off = sorted(map(distance, ratios))
        return cls(len(ratios), quantile(ratios, 0.5), quantile(off, 0.5), quantile(off, 0.95), off[-1])


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs of one case come to."""

    case: str
    asked: int
    same: int
    cost: Spread
    rows: Spread
    #: Farthest in cost first: those with another shape, and those beyond the goal for the tail.
    missed: tuple[Pair, ...]

    @property
    def share(self) -> float:
        return self.same / self.asked if self.asked else 1.0

    @property
    def reached(self) -> bool:
        return self.share >= SAME_SHAPES and self.cost.median <= MEDIAN_COST and self.cost.tail <= TAIL_COST


class Pages(msgspec.Struct, frozen=True):
    """One relation's length."""

    name: str
    #: Access method; `heap` of a table.
    method: str
    predicted: int
    real: int


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """What the lengths of one method come to; the spread is of those with enough pages to tell."""

    method: str
    count: int
    #: Of all pages together.
    total: float
    spread: Spread
    worst: Pages | None

    @property
    def reached(self) -> bool:
        """Whether half of them are within the goal, and all pages together."""
        goal = INDEX_PAGES.get(self.method)
        return goal is None or max(self.spread.median, distance(self.total)) <= goal


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """A statement's milliseconds."""

    query: str
    case: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        return self.predicted / self.measured


def timely(timed: Sequence[Timed]) -> float:
    """The share whose time was predicted within the factor."""
    return sum(distance(entry.ratio) <= TIMES - 1 for entry in timed) / len(timed) if timed else 1.0


def likeness(case: str, pairs: Sequence[Pair]) -> Likeness:
    missed = (pair for pair in pairs if not pair.is_same or distance(pair.cost_ratio) > TAIL_COST)
    return Likeness(
        case=case,
        asked=len(pairs),
        same=sum(pair.is_same for pair in pairs),
        cost=Spread.of(pair.cost_ratio for pair in pairs),
        rows=Spread.of(found for pair in pairs for found in pair.row_ratios),
        missed=tuple(sorted(missed, key=lambda pair: -distance(pair.cost_ratio))),
    )


def lengths(found: Iterable[Pages]) -> tuple[Lengths, ...]:
    """By method, the one with most relations first."""
    by_method = defaultdict[str, list[Pages]](list)
    for entry in found:
        by_method[entry.method].append(entry)
    return tuple(
        _lengths(method, entries) for method, entries in sorted(by_method.items(), key=lambda m: -len(m[1]))
    )


def ratio(ours: float, theirs: float) -> float:
    """Never 0 or infinite: what is nothing counts as a hundredth, the least that EXPLAIN writes."""
    return max(ours, 0.01) / max(theirs, 0.01)


def distance(found: float) -> float:
    """How far a ratio is from 1, alike for too much and too little."""
    return math.expm1(abs(math.log(found)))


def quantile(values: Sequence[float], share: float) -> float:
    """The least of the sorted values that so large a share does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _telling(root: PlanNode) -> list[PlanNode]:
    return [node for node in root.walk() if not node.is_passing]


def _lengths(method: str, entries: list[Pages]) -> Lengths:
    telling = [entry for entry in entries if entry.real >= TELLING_PAGES]
    return Lengths(
        method=method,
        count=len(telling),
        total=ratio(sum(e.predicted for e in entries), sum(e.real for e in entries)),
        spread=Spread.of(ratio(entry.predicted, entry.real) for entry in telling),
        worst=max(telling, key=lambda e: distance(ratio(e.predicted, e.real)), default=None),
    )
