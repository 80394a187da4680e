"""Three-valued logic over many rows at once: what a boolean expression can be, as far as is known.

A `Truth` holds every outcome that is possible. Two claims are sound: an outcome that is not in it cannot
happen, and a lone one always happens. Where several are possible, `reached` tells whether each is met by some
row, or whether it is just not known which.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec


class Outcome(Enum):
    TRUE = "true"
    FALSE = "false"
    NULL = "null"
    #: The statement fails, so it shows and changes nothing. To estimate how many rows match the planner may
    #: evaluate settings in terms that an OR would not have come to: it fails there too, or does not.
    ERROR = "error"
    #: It fails where this term is evaluated: the planner leaves sub-selects alone.
    LATE_ERROR = "late error"


class Truth(msgspec.Struct, frozen=True):
    outcomes: frozenset[Outcome]
    reached: bool = True

    @property
    def always(self) -> bool:
        """True for every row."""
        return self.outcomes == TRUE.outcomes

    @property
    def never(self) -> bool:
        """True for no row."""
        return Outcome.TRUE not in self.outcomes

    @property
    def sometimes(self) -> bool:
        """Surely true, for every row or for some."""
        return self.always or (self.reached and not self.never)

    @property
    def may_fail(self) -> bool:
        return not self.outcomes.isdisjoint((Outcome.ERROR, Outcome.LATE_ERROR))


TRUE = Truth(frozenset({Outcome.TRUE}))
FALSE = Truth(frozenset({Outcome.FALSE}))
NULL = Truth(frozenset({Outcome.NULL}))
ERROR = Truth(frozenset({Outcome.ERROR}))
LATE_ERROR = Truth(frozenset({Outcome.LATE_ERROR}))
#: True for some rows, false or null for others.
BY_ROW = Truth(frozenset({Outcome.TRUE, Outcome.FALSE, Outcome.NULL}))
#: True for some rows, false for others, never null.
BY_ROW_NOT_NULL = Truth(frozenset({Outcome.TRUE, Outcome.FALSE}))
#: What is not understood is taken to fail late if at all, so that an OR with what is true counts as true.
UNKNOWN = Truth(frozenset(Outcome) - {Outcome.ERROR}, reached=False)


def both(one: Truth, other: Truth) -> Truth:
    """`one AND other`."""
    return _combined(_and, one, other)


def either(one: Truth, other: Truth) -> Truth:
    """`one OR other`, from the left: a late error on the right is not met where the left is true."""
    return _combined(_or, one, other)


def negated(truth: Truth) -> Truth:
    return mapped(truth, {Outcome.TRUE: Outcome.FALSE, Outcome.FALSE: Outcome.TRUE})


def mapped(truth: Truth, changes: dict[Outcome, Outcome]) -> Truth:
    """The truth with each outcome replaced where `changes` says so."""
    return _truth({changes.get(outcome, outcome) for outcome in truth.outcomes}, reached=truth.reached)


def one_of(truths: list[Truth]) -> Truth:
    """Any one of these, and it is not known which."""
    return _truth({outcome for truth in truths for outcome in truth.outcomes}, reached=False)


def _combined(operator: Callable[[Outcome, Outcome], set[Outcome]], one: Truth, other: Truth) -> Truth:
    found = [operator(left, right) for left in one.outcomes for right in other.outcomes]
    sure = all(len(outcomes) == 1 for outcomes in found)
    return _truth(set().union(*found), reached=one.reached and other.reached and sure)


def _truth(outcomes: set[Outcome], *, reached: bool) -> Truth:
    return Truth(frozenset(outcomes), reached or len(outcomes) == 1)


_ERRORS = (Outcome.ERROR, Outcome.LATE_ERROR)


def _and(left: Outcome, right: Outcome) -> set[Outcome]:
    errors = {outcome for outcome in (left, right) if outcome in _ERRORS}
    if errors:
        # The server may come to the term that decides first, whichever stands first.
        return errors | ({Outcome.FALSE} & {left, right})
    return {
        next((outcome for outcome in (Outcome.FALSE, Outcome.NULL) if outcome in (left, right)), Outcome.TRUE)
    }


def _or(left: Outcome, right: Outcome) -> set[Outcome]:
    errors = {outcome for outcome in (left, right) if outcome in _ERRORS}
    if left is Outcome.TRUE and right is Outcome.LATE_ERROR:
        return {left}
    if errors:
        return errors | ({Outcome.TRUE} & {left, right})
    return {
        next((outcome for outcome in (Outcome.TRUE, Outcome.NULL) if outcome in (left, right)), Outcome.FALSE)
    }
