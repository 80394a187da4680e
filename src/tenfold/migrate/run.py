"""A run over changes in order: what became of each, and which could not be attempted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from tenfold.errors import (
    ApplyInterruptedError,
    PrivilegeError,
    StatementError,
    TenfoldError,
)
from tenfold.migrate.carry import FAILURES, carry_out
from tenfold.migrate.site import Site
from tenfold.migrate.watch import ask_done
from tenfold.model.change import Change
from tenfold.model.wording import counted

#: Why a change is left out; None where it is asked for.
Refusal = Callable[[Change], str | None]
#: Is told, ahead of it and after it, what becomes of a change that we carry out.
Record = Callable[[Change, Literal["started", "finished", "failed"]], None]
#: Takes back a change that must not stay; whether it is gone, and what to tell of it.
Retract = Callable[[Change], tuple[bool, str]]


class State(StrEnum):
    """What became of a change."""

    DONE = "done"
    ALREADY = "done already"
    TODO = "to do"
    FAILED = "failed"
    #: It was done, and must not stay since a change that requires it failed.
    TAKEN_BACK = "taken back"
    #: What it requires is not done.
    NOT_ATTEMPTED = "not attempted"
    #: It was not asked for.
    LEFT_OUT = "left out"


#: States in which a change that requires this one can go ahead.
_IN_PLACE = frozenset({State.DONE, State.ALREADY, State.TODO})


class Outcome(msgspec.Struct, frozen=True):
    """One change of a run: what became of it, why where there is a reason, and its time."""

    change: Change
    state: State
    why: str = ""
    seconds: float = 0.0


class Run(msgspec.Struct, frozen=True):
    """What became of the changes, in the order in which they came up."""

    outcomes: tuple[Outcome, ...]

    def of(self, *states: State) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state in states)

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked for is missing."""
        return not self.of(State.FAILED, State.NOT_ATTEMPTED)


def run(
    site: Site,
    changes: Sequence[Change],
    refusal: Refusal,
    record: Record,
    *,
    most: int | None = None,
    retract: Retract | None = None,
) -> Run:
    """Carries out all that is asked for and not done, or the first `most` of it, each asked in its turn.

    One that fails does not keep others from their turn. What one that the server refuses must not leave
    behind is given to `retract`.
    Raises ApplyInterruptedError at Ctrl-C, when what ran has been cancelled and cleared away.
    """
    outcomes: list[Outcome] = []
    course = Course(changes, refusal, lambda change: site.steadily(lambda: ask_done(site, change)), most)
    count = sum(refusal(change) is None for change in changes)
    position = 0

    def withdraw(unsafe: str) -> Iterator[str]:
        for place, earlier in enumerate(outcomes):
            if retract is not None and earlier.change.id == unsafe:
                gone, told = retract(earlier.change)
                if gone:
                    outcomes[place] = msgspec.structs.replace(earlier, state=State.TAKEN_BACK)
                    course.note(outcomes[place])
                yield told

    try:
        for change in changes:
            try:
                outcome = course.unattempted(change)
            except (StatementError, PrivilegeError) as error:
                site.observer.failed(change, error.message)
                outcome = Outcome(change, State.FAILED, error.message)
            position += outcome is None or outcome.state is not State.LEFT_OUT
            if outcome is None:
                outcome = _carried(site, change, position, count, record, withdraw)
            elif outcome.state is State.NOT_ATTEMPTED:
                site.observer.skipped(change, f"not attempted: {outcome.why}")
            course.note(outcome)
            outcomes.append(outcome)
    except KeyboardInterrupt as error:
        raise _interrupted(outcomes, site.remains) from error
    return Run(tuple(outcomes))


class Course:
    """How far a run, or a rehearsal of one, has come: which change may go ahead."""

    def __init__(
        self,
        changes: Iterable[Change],
        refusal: Refusal,
        is_done: Callable[[Change], bool],
        most: int | None = None,
    ) -> None:
        self._by_id = {change.id: change for change in changes}
        self._refusal = refusal
        self._is_done = is_done
        self._most = most
        self._taken = 0
        self._states: dict[str, State] = {}

    def note(self, outcome: Outcome) -> None:
        self._states[outcome.change.id] = outcome.state
        self._taken += outcome.state not in (State.LEFT_OUT, State.ALREADY)

    def state(self, change_id: str) -> State | None:
        return self._states.get(change_id)

    def unattempted(self, change: Change) -> Outcome | None:
        """The outcome of a change that is not asked for, or requires what is not done; None of others."""
        if (why := self._refusal(change)) is not None:
            return Outcome(change, State.LEFT_OUT, why)
        if self._most is not None and self._taken >= self._most:
            return Outcome(change, State.LEFT_OUT, "it was not asked for")
        for needed in change.requires:
            if (missing := self._missing(needed)) is not None:
                state, why = missing
                return Outcome(change, state, f"it requires {why}")
        return None

    def _missing(self, needed: str) -> tuple[State, str] | None:
        """What becomes of a change that requires this one, and why; None where nothing is missing.

        What waits for a change that nobody asked for was not really asked for either: it is left out.
        """
        state = self._states.get(needed)
        if state in _IN_PLACE:
            return None
        if needed not in self._by_id:
            return State.NOT_ATTEMPTED, f"{needed}, which the plan does not have; make the plan again"
        required = self._by_id[needed]
        if state in (State.FAILED, State.TAKEN_BACK, State.NOT_ATTEMPTED):
            return State.NOT_ATTEMPTED, f"'{required.title}', which is not done"
        if self._is_done(required):
            return None
        told = f"phase {required.phase}, {required.priority}"
        return State.LEFT_OUT, f"'{required.title}' ({told}), which is neither done nor asked for"


def _carried(
    site: Site,
    change: Change,
    position: int,
    count: int,
    record: Record,
    withdraw: Callable[[str], Iterable[str]],
) -> Outcome:
    clock = site.tempo.clock
    start = clock()
    begun = False
    try:
        if site.steadily(lambda: ask_done(site, change)):
            site.observer.skipped(change, State.ALREADY)
            return Outcome(change, State.ALREADY)
        site.observer.started(change, position, count)
        record(change, "started")
        begun = True
        carry_out(site, change)
    except FAILURES as error:
        if begun:
            record(change, "failed")
        told = [error.message]
        if change.retracts is not None and _is_refusal(error):
            told += withdraw(change.retracts)
        why = "; ".join([*told, *site.remains])
        site.remains.clear()
        site.observer.failed(change, why)
        return Outcome(change, State.FAILED, why, clock() - start)
    record(change, "finished")
    site.observer.finished(change, clock() - start)
    return Outcome(change, State.DONE, seconds=clock() - start)


def _is_refusal(error: TenfoldError) -> bool:
    """Whether the server refused it, and did not only keep it from a lock or was told to cancel it."""
    return isinstance(error, StatementError) or isinstance(error.__cause__, StatementError)


def _interrupted(outcomes: Sequence[Outcome], remains: Sequence[str]) -> ApplyInterruptedError:
    """Says how much is done and what could not be put back."""
    done = sum(outcome.state is State.DONE for outcome in outcomes)
    left = "; ".join(remains) or "what was under way was taken back"
    return ApplyInterruptedError(
        f"interrupted after {counted(done, 'change')}: {left}; run the same command again to go on"
    )
