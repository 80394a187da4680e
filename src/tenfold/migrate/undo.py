"""Reverts what we carried out on a database, last change first, with the same care as `apply`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tenfold.errors import NoRecordError, UsageError, did_you_mean
from tenfold.migrate.inverse import inverse
from tenfold.migrate.journal import Event, Journal
from tenfold.migrate.observer import Observer
from tenfold.migrate.retry import Limits, Tempo
from tenfold.migrate.run import Course, Outcome, Refusal, Run, State, run
from tenfold.migrate.site import Connect, Site, is_done, live_fingerprint
from tenfold.model.change import Change, Phase
from tenfold.pg.writable import WritableSession

_EVENTS: Mapping[str, Event] = {"started": "undoing", "finished": "undone", "failed": "undo failed"}


def undo(
    connect: Connect,
    *,
    observer: Observer,
    phases: Collection[Phase] | None = None,
    objects: Collection[str] | None = None,
    last: int | None = None,
    dry_run: bool = False,
    journal_folder: Path | None = None,
    limits: Limits | None = None,
    tempo: Tempo | None = None,
) -> Run:
    """Undoes the changes that the journal says we made and the database says are there.

    Of all of them, or of these phases, of these objects (named as in `Change.object`), the `last` so many.
    What another change of ours still needs is not undone before that one. With `dry_run` nothing is written.
    Raises NoRecordError where the folder has no journal of this database, UsageError for an object that its
    journal does not know, and what `apply` raises, but for ForeignPlanError.
    """
    refusal = _choice(phases, objects)
    record = partial(_record, folder=journal_folder, objects=objects or ())
    if dry_run:
        return _preview(connect, refusal, last, record)
    with Site(connect, observer, limits or Limits(), tempo or Tempo()) as site:
        journal = record(site.worker)
        ours = _inverses(journal)
        outcome = run(
            site,
            tuple(ours),
            refusal,
            lambda change, step: journal.write(_EVENTS[step], ours[change]),
            most=last,
        )
        for change in _gone(outcome):
            journal.write("undone", ours[change])
        return outcome


def _inverses(journal: Journal) -> dict[Change, Change]:
    """The inverses of all changes of ours that have an undo, last first, each with its change.

    Which of them are there is asked in their turn: one that a later change took back, such as an index that a
    second plan dropped, is there again once that one is reverted.
    """
    ours = journal.carried_out()
    dependents = _dependents(ours)
    names: dict[Change, str] = {}
    times: Counter[str] = Counter()
    found = {}
    for change in reversed(ours):
        if not change.undo:
            continue
        later = [name for each, name in names.items() if each.id == change.id]
        times[change.id] += 1
        names[change] = f"undo:{change.id}" + (f":{times[change.id]}" if later else "")
        before = {names[each] for each in dependents[change.id] if each in names}
        found[inverse(change, names[change], before.union(later))] = change
    return found


def _dependents(changes: Sequence[Change]) -> Mapping[str, set[Change]]:
    """Which changes with an undo require a change, by its id; directly, or through one without an undo."""
    found: defaultdict[str, set[Change]] = defaultdict(set)
    for change in reversed(changes):
        for needed in change.requires:
            found[needed] |= {change} if change.undo else found[change.id]
    return found


def _record(session: WritableSession, folder: Path | None, objects: Collection[str]) -> Journal:
    """The journal of the session's database, which must be there and know the objects."""
    journal = Journal.of(live_fingerprint(session), folder)
    if not journal.exists:
        ((_, name),) = session.named("identity")
        raise NoRecordError(
            f"no record for database {name} in {journal.path.parent}: either nothing was applied to it, or "
            "another machine or user did, or it was renamed or restored since; name the record's folder with "
            "--journal, and give a renamed database its old name while you undo"
        )
    known = journal.objects()
    for unknown in sorted(set(objects) - known):
        raise UsageError(
            f"nothing was ever applied to {unknown!r} by the record in {journal.path.parent}"
            + (did_you_mean(unknown, known) or "; see what was: tenfold undo DSN --dry-run")
        )
    return journal


def _choice(phases: Collection[Phase] | None, objects: Collection[str] | None) -> Refusal:
    def refusal(change: Change) -> str | None:
        asked = (phases is None or change.phase in phases) and (objects is None or change.object in objects)
        return None if asked else "it was not asked for"

    return refusal


def _gone(outcome: Run) -> Iterator[Change]:
    """What is not there, and cannot come back since nothing later of ours is left: it is ours no more."""
    for each in outcome.outcomes:
        if each.state is State.ALREADY:
            yield each.change
        elif each.state is not State.DONE:
            return


def _preview(
    connect: Connect, refusal: Refusal, last: int | None, record: Callable[[WritableSession], Journal]
) -> Run:
    """What would be undone, asked in a session that cannot write."""
    session = connect()
    try:
        session.run("SET default_transaction_read_only = on")
        ours = _inverses(record(session))
        course = Course(ours, refusal, partial(is_done, session), last)
        outcomes = []
        back: set[object] = set()
        for change, origin in ours.items():
            outcome = course.unattempted(change)
            if outcome is None:
                # What a change before it in this list brings back is there by then.
                there = back.intersection(_touched(origin)) or not is_done(session, change)
                outcome = Outcome(change, State.TODO if there else State.ALREADY)
                back.update(_touched(origin) if there else ())
            course.note(outcome)
            outcomes.append(outcome)
        return Run(tuple(outcomes))
    finally:
        session.close()


def _touched(change: Change) -> set[object]:
    """What tells that two changes are about the same thing."""
    return {change.id} if change.index is None else {change.id, change.index}
