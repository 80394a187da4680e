"""A run over changes in order: what became of each, and which could not be attempted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from tenfold.errors import (
    ApplyError,
    ApplyInterruptedError,
    LockTimeoutError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
)
from tenfold.migrate.carry import carry_out
from tenfold.migrate.site import Site
from tenfold.migrate.watch import ask_done
from tenfold.model.change import Change

#: Why a change is left out; None where it is asked for.
Refusal = Callable[[Change], str | None]
#: Is told, ahead of it and after it, what becomes of a change that we carry out.
Record = Callable[[Change, Literal["started", "finished", "failed"]], None]


class State(StrEnum):
    """What became of a change."""

    DONE = "done"
    ALREADY = "done already"
    TODO = "to do"
    FAILED = "failed"
    #: What it requires is not done.
    NOT_ATTEMPTED = "not attempted"
    #: It was not asked for.
    LEFT_OUT = "left out"


#: States in which a change that requires this one can go ahead.
_IN_PLACE = frozenset({State.DONE, State.ALREADY, State.TODO})


#: What makes one change fail; any other error ends the run.
_FAILURES = (ApplyError, StatementError, PrivilegeError, StatementTimeoutError, LockTimeoutError)


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
    site: Site, changes: Sequence[Change], refusal: Refusal, record: Record, *, most: int | None = None
) -> Run:
    """Carries out all that is asked for and not done, or the first `most` of it, each asked in its turn.

    One that fails does not keep others from their turn.
    Raises ApplyInterruptedError at Ctrl-C, when what ran has been cancelled and cleared away.
    """
    outcomes: list[Outcome] = []
    course = Course(changes, refusal, lambda change: site.steadily(lambda: ask_done(site, change)), most)
    count = sum(refusal(change) is None for change in changes)
    position = 0
    try:
        for change in changes:
            try:
                outcome = course.unattempted(change)
            except (StatementError, PrivilegeError) as error:
                site.observer.failed(change, error.message)
                outcome = Outcome(change, State.FAILED, error.message)
            position += outcome is None or outcome.state is not State.LEFT_OUT
            if outcome is None:
                outcome = _carried(site, change, position, count, record)
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
        if state in (State.FAILED, State.NOT_ATTEMPTED):
            return State.NOT_ATTEMPTED, f"'{required.title}', which is not done"
        if self._is_done(required):
            return None
        told = f"phase {required.phase}, {required.priority}"
        return State.LEFT_OUT, f"'{required.title}' ({told}), which is neither done nor asked for"


def _carried(site: Site, change: Change, position: int, count: int, record: Record) -> Outcome:
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
    except _FAILURES as error:
        why = "; ".join([error.message, *site.remains])
        site.remains.clear()
        if begun:
            record(change, "failed")
        site.observer.failed(change, why)
        return Outcome(change, State.FAILED, why, clock() - start)
    record(change, "finished")
    site.observer.finished(change, clock() - start)
    return Outcome(change, State.DONE, seconds=clock() - start)


def _interrupted(outcomes: Sequence[Outcome], remains: Sequence[str]) -> ApplyInterruptedError:
    """Says how much is done and what could not be put back."""
    done = sum(outcome.state is State.DONE for outcome in outcomes)
    changes = "1 change" if done == 1 else f"{done} changes"
    left = "; ".join(remains) or "what was under way was taken back"
    return ApplyInterruptedError(f"interrupted after {changes}: {left}; run the same command again to go on")
