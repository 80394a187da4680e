"""Reverts what we carried out on a database, last change first, with the same care as `apply`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tenfold.migrate.journal import Event, Journal
from tenfold.migrate.observer import Observer
from tenfold.migrate.retry import Limits, Tempo
from tenfold.migrate.run import Course, Outcome, Refusal, Run, State, run
from tenfold.migrate.site import Connect, Site, is_done, live_fingerprint
from tenfold.model.change import Change, Phase
from tenfold.model.ddl import literal, qualified

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
    Raises what `apply` raises, but for ForeignPlanError.
    """
    refusal = _choice(phases, objects)
    if dry_run:
        return _preview(connect, refusal, last, journal_folder)
    with Site(connect, observer, limits or Limits(), tempo or Tempo()) as site:
        journal = Journal.of(site.fingerprint, journal_folder)
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


def inverse(change: Change, name: str | None = None, before: Iterable[str] = ()) -> Change:
    """The change that reverts it, under an id of its own: done where the other is not.

    Those whose ids are in `before` must be reverted first.
    """
    return Change(
        id=name or f"undo:{change.id}",
        kind="build" if change.kind == "build" else "statement",
        phase=change.phase,
        priority=change.priority,
        object=change.object,
        title=f"undo: {change.title}",
        done=_reverted(change),
        lock=change.lock,
        sql=change.undo,
        transactional=change.transactional,
        index=change.index,
        requires=tuple(sorted(before)),
    )


def _reverted(change: Change) -> str:
    """Of an index, from the index itself: one that an interrupted drop or build left invalid is neither."""
    if change.kind != "build" or change.index is None:
        return f"SELECT NOT coalesce(({change.done}), false)"
    index = f"pg_catalog.to_regclass({literal(qualified(*change.index))})"
    if change.undo[0].startswith("DROP"):
        return f"SELECT {index} IS NULL"
    return f"SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {index} AND indisvalid)"


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


def _preview(connect: Connect, refusal: Refusal, last: int | None, journal_folder: Path | None) -> Run:
    """What would be undone, asked in a session that cannot write."""
    session = connect()
    try:
        session.run("SET default_transaction_read_only = on")
        ours = _inverses(Journal.of(live_fingerprint(session), journal_folder))
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
