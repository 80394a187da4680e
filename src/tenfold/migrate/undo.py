"""Reverts what we carried out on a database, last change first, with the same care as `apply`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tenfold.migrate.journal import Event, Journal
from tenfold.migrate.observer import Observer
from tenfold.migrate.retry import Limits, Tempo
from tenfold.migrate.run import Course, Outcome, Refusal, Run, State, run
from tenfold.migrate.site import Connect, Site, is_done, live_fingerprint
from tenfold.migrate.watch import ask_done
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
    if dry_run:
        return _preview(connect, phases, objects, last, journal_folder)
    with Site(connect, observer, limits or Limits(), tempo or Tempo()) as site:
        journal = Journal.of(site.fingerprint, journal_folder)
        there = _there(journal, lambda change: site.steadily(partial(ask_done, site, change)))
        return run(
            site,
            tuple(there),
            _choice(there, phases, objects, last),
            lambda change, step: journal.write(_EVENTS[step], there[change]),
        )


def inverse(change: Change, before: Iterable[Change] = ()) -> Change:
    """The change that reverts it: done where the other is not. Those in `before` must be reverted first."""
    return Change(
        id=_inverse_id(change),
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
        requires=tuple(sorted(_inverse_id(each) for each in before)),
    )


def _inverse_id(change: Change) -> str:
    return f"undo:{change.id}"


def _reverted(change: Change) -> str:
    """Of an index, from the index itself: one that an interrupted drop or build left invalid is neither."""
    if change.kind != "build" or change.index is None:
        return f"SELECT NOT coalesce(({change.done}), false)"
    index = f"pg_catalog.to_regclass({literal(qualified(*change.index))})"
    if change.undo[0].startswith("DROP"):
        return f"SELECT {index} IS NULL"
    return f"SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {index} AND indisvalid)"


def _there(journal: Journal, is_done: Callable[[Change], bool]) -> dict[Change, Change]:
    """The inverses of the changes that are ours and there, last first, each with its change."""
    ours = journal.carried_out()
    there = [change for change in reversed(ours) if change.undo and not is_done(inverse(change))]
    dependents = _dependents(ours)
    return {inverse(change, dependents[change.id].intersection(there)): change for change in there}


def _dependents(changes: Sequence[Change]) -> Mapping[str, set[Change]]:
    """Which changes with an undo require a change, by its id; directly, or through one without an undo."""
    found: defaultdict[str, set[Change]] = defaultdict(set)
    for change in reversed(changes):
        for needed in change.requires:
            found[needed] |= {change} if change.undo else found[change.id]
    return found


def _choice(
    there: Iterable[Change],
    phases: Collection[Phase] | None,
    objects: Collection[str] | None,
    last: int | None,
) -> Refusal:
    """As many as are asked for, counted among those that the other limits let through."""
    asked = [
        change.id
        for change in there
        if (phases is None or change.phase in phases) and (objects is None or change.object in objects)
    ]
    chosen = frozenset(asked[:last])
    return lambda change: None if change.id in chosen else "it was not asked for"


def _preview(
    connect: Connect,
    phases: Collection[Phase] | None,
    objects: Collection[str] | None,
    last: int | None,
    journal_folder: Path | None,
) -> Run:
    """What would be undone, asked in a session that cannot write."""
    session = connect()
    try:
        session.run("SET default_transaction_read_only = on")
        journal = Journal.of(live_fingerprint(session), journal_folder)
        there = _there(journal, partial(is_done, session))
        course = Course(there, _choice(there, phases, objects, last), partial(is_done, session))
        outcomes = []
        for change in there:
            outcome = course.unattempted(change) or Outcome(change, State.TODO)
            course.note(outcome)
            outcomes.append(outcome)
        return Run(tuple(outcomes))
    finally:
        session.close()
