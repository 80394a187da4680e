"""Carries a plan out on a live database: the toolkit's only writer.

The database is the journal of how far a plan has come: each change knows whether it is done, so that a run
that ended at any point, however it ended, is finished by running it again. Writers and readers go on
meanwhile; nobody waits for a change of ours for longer than `Limits.lock_timeout`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from tenfold.errors import ForeignPlanError, StatementError
from tenfold.migrate.journal import Journal
from tenfold.migrate.observer import Observer
from tenfold.migrate.retract import retract
from tenfold.migrate.retry import Limits, Tempo
from tenfold.migrate.run import Course, Outcome, Refusal, Run, State, run
from tenfold.migrate.site import Connect, Site, is_done, live_fingerprint
from tenfold.model.change import Change, Phase, Plan
from tenfold.model.finding import Priority
from tenfold.pg.writable import WritableSession


def apply(
    plan: Plan,
    connect: Connect,
    *,
    observer: Observer,
    phases: Collection[Phase] | None = None,
    priorities: Collection[Priority] | None = None,
    dry_run: bool = False,
    journal_folder: Path | None = None,
    limits: Limits | None = None,
    tempo: Tempo | None = None,
) -> Run:
    """Carries out the changes of these phases and priorities; of None, all, but for `isolation`.

    A change that fails is in the outcome, and others that do not require it are carried out all the same.
    With `dry_run` nothing is written. Raises ForeignPlanError, ApplyInProgressError and ConnectError where it
    cannot begin, ConnectionLostError and ApplyInterruptedError where it cannot go on, OutputError where the
    journal cannot be written.
    """
    refusal = _choice(phases, priorities)
    if dry_run:
        return _preview(plan, connect, refusal)
    journal = Journal.of(plan.fingerprint, journal_folder)
    try:
        site = Site(connect, observer, limits or Limits(), tempo or Tempo(), plan.fingerprint)
    except ForeignPlanError as error:
        raise foreign_plan(plan) from error
    with site:
        return run(
            site,
            plan.changes,
            refusal,
            lambda change, step: journal.write(step, change),
            retract=partial(retract, site, journal),
        )


def _choice(phases: Collection[Phase] | None, priorities: Collection[Priority] | None) -> Refusal:
    def refusal(change: Change) -> str | None:
        if phases is None and change.phase is Phase.ISOLATION:
            return "isolation is applied only when it is named: --phase isolation"
        if phases is not None and change.phase not in phases:
            return f"phase {change.phase} was not asked for"
        if priorities is not None and change.priority not in priorities:
            return f"priority {change.priority} was not asked for"
        return None

    return refusal


def _preview(plan: Plan, connect: Connect, refusal: Refusal) -> Run:
    """What would be done, asked in a session that cannot write."""
    session = connect()
    try:
        session.run("SET default_transaction_read_only = on")
        if live_fingerprint(session) != plan.fingerprint:
            raise foreign_plan(plan)
        course = Course(plan.changes, refusal, lambda needed: is_done(session, needed))
        outcomes = []
        for change in plan.changes:
            outcome = course.unattempted(change) or _forecast(change, session, course)
            course.note(outcome)
            outcomes.append(outcome)
        return Run(tuple(outcomes))
    finally:
        session.close()


def _forecast(change: Change, session: WritableSession, course: Course) -> Outcome:
    try:
        return Outcome(change, State.ALREADY if is_done(session, change) else State.TODO)
    except StatementError:
        # It asks about something that a change before it makes, such as the column that it fills.
        if any(course.state(needed) is State.TODO for needed in change.requires):
            return Outcome(change, State.TODO)
        raise


def foreign_plan(plan: Plan) -> ForeignPlanError:
    """The refusal of a plan that was made for another database."""
    return ForeignPlanError(
        f"the plan was made for another database ({plan.database}, fingerprint {plan.fingerprint}); "
        "make one for this database with: tenfold plan DSN --format json -o FILE"
    )
