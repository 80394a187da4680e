"""A run over changes in order: what became of each, and which could not be attempted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from tenfold.errors import ApplyError, ApplyInterruptedError, PrivilegeError, StatementError
from tenfold.migrate.carry import carry_out
from tenfold.migrate.site import Site
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


def run(site: Site, changes: Sequence[Change], refusal: Refusal, record: Record) -> Run:
    """Carries out all that is asked for and not done. One that fails does not keep others from their turn.

    Raises ApplyInterruptedError at Ctrl-C, when what ran has been cancelled and cleared away.
    """
    count = sum(refusal(change) is None for change in changes)
    outcomes: list[Outcome] = []
    position = 0
    try:
        for change in changes:
            outcome = unattempted(change, changes, outcomes, refusal, lambda needed: _asked(site, needed))
            if outcome is None or outcome.state is not State.LEFT_OUT:
                position += 1
            if outcome is None:
                outcome = _carried(site, change, position, count, record)
            elif outcome.state is State.NOT_ATTEMPTED:
                site.observer.skipped(change, f"not attempted: {outcome.why}")
            outcomes.append(outcome)
    except KeyboardInterrupt as error:
        raise _interrupted(outcomes, site.remains) from error
    return Run(tuple(outcomes))


def unattempted(
    change: Change,
    changes: Sequence[Change],
    outcomes: Sequence[Outcome],
    refusal: Refusal,
    ask: Callable[[Change], bool],
) -> Outcome | None:
    """The outcome of a change that is not to be attempted: not asked for, or it requires what is not done."""
    if (why := refusal(change)) is not None:
        return Outcome(change, State.LEFT_OUT, why)
    if (why := _missing(change, changes, outcomes, ask)) is not None:
        return Outcome(change, State.NOT_ATTEMPTED, why)
    return None


def _missing(
    change: Change, changes: Sequence[Change], outcomes: Sequence[Outcome], ask: Callable[[Change], bool]
) -> str | None:
    states = {outcome.change.id: outcome.state for outcome in outcomes}
    by_id = {each.id: each for each in changes}
    for needed in change.requires:
        state = states.get(needed)
        if state in _IN_PLACE:
            continue
        if needed not in by_id:
            return f"it requires {needed}, which the plan does not have; make the plan again"
        required = by_id[needed]
        if state in (State.FAILED, State.NOT_ATTEMPTED):
            return f"it requires '{required.title}', which is not done"
        if not ask(required):
            told = f"phase {required.phase}, {required.priority}"
            return f"it requires '{required.title}' ({told}), which is neither done nor asked for"
    return None


def _asked(site: Site, change: Change) -> bool:
    return site.steadily(lambda: site.is_done(change))


def _carried(site: Site, change: Change, position: int, count: int, record: Record) -> Outcome:
    clock = site.tempo.clock
    start = clock()
    begun = False
    try:
        if _asked(site, change):
            site.observer.skipped(change, State.ALREADY)
            return Outcome(change, State.ALREADY)
        site.observer.started(change, position, count)
        record(change, "started")
        begun = True
        carry_out(site, change)
    except (ApplyError, StatementError, PrivilegeError) as error:
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
