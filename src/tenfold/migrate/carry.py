"""Carries one change out: in the way of its kind, again where it was kept from a lock, until it is done."""

from __future__ import annotations

from functools import partial

from tenfold.errors import (
    ApplyError,
    LockTimeoutError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
    TenfoldError,
)
from tenfold.migrate.backfill import Walk, fill
from tenfold.migrate.build import build
from tenfold.migrate.retry import timeouts
from tenfold.migrate.site import Site
from tenfold.migrate.watch import ask_done, supervise
from tenfold.model.change import Change, Obstacle

#: What makes one change fail; any other error ends the run.
FAILURES = (ApplyError, StatementError, PrivilegeError, StatementTimeoutError, LockTimeoutError)


def carry_out(site: Site, change: Change) -> None:
    """Returns when the change is done, whoever did it, over lost connections too.

    Raises ApplyError that says why it is not done, or ConnectionLostError where the server stays away.
    """
    if change.obstacle is not None:
        site.steadily(partial(_look_ahead, site, change, change.obstacle))
    walk = Walk()
    site.steadily(lambda: _until_done(site, change, walk))


def _look_ahead(site: Site, change: Change, obstacle: Obstacle) -> None:
    """Its scan keeps nobody waiting, so that nothing bounds it."""
    site.worker.bound(lock=0, statement=0)
    if supervise(site, change, partial(site.worker.value, obstacle.found)):
        raise ApplyError(obstacle.message)


def _until_done(site: Site, change: Change, walk: Walk) -> None:
    failures = 0
    while not ask_done(site, change):
        site.blockers = ()
        filled = walk.filled
        try:
            _attempt(site, change, walk)
        except (LockTimeoutError, StatementTimeoutError) as error:
            failures = failures + 1 if walk.filled == filled else 1
            _wait(site, change, failures, error)
        except (StatementError, PrivilegeError) as error:
            if not ask_done(site, change):  # else somebody did it at the same time
                raise ApplyError(error.message) from error
        else:
            if not ask_done(site, change):
                raise ApplyError(
                    "its statements ran, but it is not done: something undid it at the same time"
                )


def _attempt(site: Site, change: Change, walk: Walk) -> None:
    match change.kind:
        case "statement":
            try:
                supervise(site, change, partial(_brief, site, change))
            except KeyboardInterrupt:
                _in_part(site, change)
                raise
        case "build":
            build(site, change)
        case "scan":
            _scan(site, change)
        case "backfill":
            fill(site, change, walk)


def _in_part(site: Site, change: Change) -> None:
    """Says so where an interruption may have come between statements that no transaction holds together."""
    if not change.transactional and len(change.sql) > 1:
        site.remains.append(
            f"of '{change.title}' a part may be done; running the command again does the rest"
        )


def _brief(site: Site, change: Change) -> None:
    """All of it within the lock timeout: what waits for us waits no longer than that."""
    clock, limit = site.tempo.clock, site.limits.lock_timeout
    end = clock() + limit
    if not change.transactional:
        for statement in change.sql:
            lock, whole = timeouts(limit, limit)
            site.worker.bound(lock=lock, statement=whole)
            site.worker.run(statement)
        return
    with site.worker.transaction():
        for statement in change.sql:
            lock, whole = timeouts(end - clock(), limit)
            site.worker.bound(lock=lock, statement=whole, local=True)
            site.worker.run(statement)


def _scan(site: Site, change: Change) -> None:
    """Its lock is waited for briefly, the scan under it takes what it takes."""
    try:
        supervise(site, change, partial(_scan_statements, site, change))
    except StatementTimeoutError as error:
        raise ApplyError("somebody cancelled it on the server") from error


def _scan_statements(site: Site, change: Change) -> None:
    site.worker.bound(lock=site.limits.lock_timeout, statement=0)
    if not change.transactional:
        for statement in change.sql:
            site.worker.run(statement)
        return
    with site.worker.transaction():
        for statement in change.sql:
            site.worker.run(statement)


def _wait(site: Site, change: Change, failures: int, error: TenfoldError) -> None:
    """Waits before the next try; raises ApplyError that names who is in the way when there is none."""
    limits = site.limits
    why = _why(site, error)
    if failures >= limits.attempts:
        raise ApplyError(f"given up after {failures} tries: {why}") from error
    delay = limits.backoff.delay(failures, site.tempo.chance())
    site.observer.retrying(change, why, delay, failures, limits.attempts)
    site.tempo.sleep(delay)


def _why(site: Site, error: TenfoldError) -> str:
    if site.blockers:
        return f"blocked by {'; '.join(map(str, site.blockers))}"
    if isinstance(error, StatementTimeoutError):
        return (
            f"it took longer than {site.limits.lock_timeout:g} s, as long as others may wait for it; "
            "try when there is less to do, or allow more with --lock-timeout"
        )
    return error.message
