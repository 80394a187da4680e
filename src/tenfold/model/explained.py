"""What is said of a statement's plans: what the planner answered at each size, and what to make of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec

from tenfold.model.query_plan import PlanNode, QueryPlan

VerdictKind = Literal[
    "sequential-scan",
    "filter-discards",
    "not-leakproof",
    "index-missed",
    "estimate-off",
    "spill",
    "many-loops",
    "heap-fetches",
    "lossy-recheck",
]


#: What an answer's size is called where the source itself gave it.
REAL = "real"


class Verdict(msgspec.Struct, frozen=True):
    """One fault of one node. No value of a row is in its texts."""

    kind: VerdictKind
    #: The node as `PlanNode.label` says it, and the way to it: which child to take, from the root down.
    node: str
    path: tuple[int, ...]
    #: One clause with figures, and what to do.
    message: str
    remedy: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The plan at one size. Where there is none, `why_not` says why."""

    #: `1x`, `100x`, `month 12`, or REAL.
    size: str
    plan: QueryPlan | None = None
    why_not: str | None = None
    #: Whether it was planned for no parameters in particular.
    generic: bool = False
    #: Whether indexes were made or hidden for it.
    changed: bool = False
    verdicts: tuple[Verdict, ...] = ()


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. Constants in its plans are those of its own text, others are shown as `?`."""

    name: str
    statement: str
    #: The twin's answers, the smallest size first.
    answers: tuple[Answer, ...]
    #: The real figures, where it was run on the source.
    measured: Answer | None = None

    @property
    def changes(self) -> tuple[tuple[Answer, Answer], ...]:
        """Neighbouring sizes that have plans of another shape, with the indexes that there are."""
        planned = [answer for answer in self.answers if answer.plan is not None and not answer.changed]
        return tuple(pair for pair in pairwise(planned) if _shape(pair[0]) != _shape(pair[1]))


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All statements of one call, and as whom they were asked."""

    database: str
    server_version: str
    role: str | None
    queries: tuple[Explained, ...]
    #: What to know of the figures: tables without statistics, what the twin lacks.
    notes: tuple[str, ...] = ()


def paired(one: PlanNode, other: PlanNode) -> list[tuple[PlanNode, PlanNode | None]] | None:
    """The nodes of one plan, parents first, each with its like in the other; None where shapes differ.

    A node that is only passed through may be missing from the other.
    """
    if one.label == other.label and len(one.children) == len(other.children):
        below = [paired(*pair) for pair in zip(one.children, other.children, strict=True)]
        if all(part is not None for part in below):
            return [(one, other), *(pair for part in below for pair in part or ())]
        return None
    if one.is_passing:
        rest = paired(one.children[0], other)
        return None if rest is None else [(one, None), *rest]
    return paired(one, other.children[0]) if other.is_passing else None


def _shape(answer: Answer) -> str:
    return answer.plan.shape if answer.plan is not None else ""
