"""Reverts what we carried out on a database, last change first, with the same care as `apply`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from tenfold.migrate.journal import Event, Journal
from tenfold.migrate.observer import Observer
from tenfold.migrate.retry import Limits, Tempo
from tenfold.migrate.run import Outcome, Refusal, Run, State, run, unattempted
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
    if dry_run:
        session = connect()
        try:
            session.run("SET default_transaction_read_only = on")
            journal = Journal.of(live_fingerprint(session), journal_folder)
            present = _present(journal, lambda change: is_done(session, change))
            return _preview(
                present, _choice(present, phases, objects, last), lambda each: is_done(session, each)
            )
        finally:
            session.close()
    with Site(connect, observer, limits or Limits(), tempo or Tempo()) as site:
        journal = Journal.of(site.fingerprint, journal_folder)
        present = site.steadily(lambda: _present(journal, site.is_done))
        origin = {inverse(change).id: change for change in journal.carried_out()}
        return run(
            site,
            present,
            _choice(present, phases, objects, last),
            lambda change, step: journal.write(_EVENTS[step], origin[change.id]),
        )


def inverse(change: Change, dependents: Sequence[Change] = ()) -> Change:
    """The change that reverts it: done where the other is not. `dependents` must be reverted before."""
    return Change(
        id=_inverse_id(change.id),
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
        requires=tuple(
            _inverse_id(each.id) for each in dependents if change.id in each.requires and each.undo
        ),
    )


def _inverse_id(change_id: str) -> str:
    return f"undo:{change_id}"


def _reverted(change: Change) -> str:
    """Of an index, from the index itself: one that an interrupted drop or build left invalid is neither."""
    if change.kind != "build" or change.index is None:
        return f"SELECT NOT coalesce(({change.done}), false)"
    index = f"pg_catalog.to_regclass({literal(qualified(*change.index))})"
    if change.undo[0].startswith("DROP"):
        return f"SELECT {index} IS NULL"
    return f"SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {index} AND indisvalid)"


def _present(journal: Journal, ask: Callable[[Change], bool]) -> list[Change]:
    """The inverses of those that are there, last first."""
    carried_out = journal.carried_out()
    inverses = [inverse(change, carried_out) for change in reversed(carried_out) if change.undo]
    present = [each for each in inverses if not ask(each)]
    there = {each.id for each in present}
    return [
        msgspec.structs.replace(each, requires=tuple(needed for needed in each.requires if needed in there))
        for each in present
    ]


def _choice(
    present: Sequence[Change],
    phases: Collection[Phase] | None,
    objects: Collection[str] | None,
    last: int | None,
) -> Refusal:
    """As many as are asked for, counted among those that the other limits let through."""
    chosen = [
        change.id
        for change in present
        if (phases is None or change.phase in phases) and (objects is None or change.object in objects)
    ][:last]

    def refusal(change: Change) -> str | None:
        return None if change.id in chosen else "it was not asked for"

    return refusal


def _preview(present: Sequence[Change], refusal: Refusal, ask: Callable[[Change], bool]) -> Run:
    outcomes: list[Outcome] = []
    for change in present:
        outcomes.append(unattempted(change, present, outcomes, refusal, ask) or Outcome(change, State.TODO))
    return Run(tuple(outcomes))
