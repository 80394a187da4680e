"""The two sessions of an apply: one works, the other holds the applier's lock and watches.

A lost connection is opened again, also across a server's restart, within a bounded time; the lock and the
identity of the database are made sure of each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

from tenfold.errors import (
    ApplyInProgressError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    ForeignPlanError,
    PrivilegeError,
    UsageError,
)
from tenfold.migrate.observer import Blocker, Observer, Progress
from tenfold.migrate.retry import Limits, Tempo
from tenfold.model.change import Change
from tenfold.model.snapshot import fingerprint
from tenfold.pg.sqlfile import load_queries
from tenfold.pg.writable import WritableSession, open_writable

T = TypeVar("T")
Connect = Callable[[], WritableSession]

#: Whose queries the sessions ask.
_PACKAGE = "tenfold.migrate"

#: The two halves of the advisory lock: the letters "tenf", and a number for what it guards.
LOCK = {"space": 0x74656E66, "key": 1}


def connector(source: str, limits: Limits | None = None) -> Connect:
    """Opens the sessions of an apply on `source`, a DSN.

    A session of ours that is idle in a transaction, since the client hangs, is ended after the lock timeout.
    """
    idle = max(1.0, (limits or Limits()).lock_timeout)
    return partial(open_writable, source, _PACKAGE, idle_in_transaction=idle)


class Site:
    """A database under work. One thread has it; the worker may be lent to another meanwhile."""

    def __init__(
        self, connect: Connect, observer: Observer, limits: Limits, tempo: Tempo, database: str | None = None
    ) -> None:
        """`database` is the fingerprint that it must have; None: whichever it has at first."""
        self.observer = observer
        self.limits = limits
        self.tempo = tempo
        #: What an interrupted change could not put back, in words.
        self.remains: list[str] = []
        #: Who was last seen in the way of the present change.
        self.blockers: tuple[Blocker, ...] = ()
        self._connect = connect
        self._expected = database
        self._guard: WritableSession | None = None
        self._worker: WritableSession | None = None
        self._last_guard: int | None = None
        try:
            self._guard = self._open_guard()
            self._worker = self._connect()
            if self._worker.named("in_recovery") == [(True,)]:
                raise UsageError("this server is a standby and takes no writes; connect to its primary")
            self.fingerprint = live_fingerprint(self._worker)
        except BaseException:
            self.close()
            raise
        self._expected = self.fingerprint

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def worker(self) -> WritableSession:
        if self._worker is None:
            raise ConnectionLostError()
        return self._worker

    def close(self) -> None:
        for session in (self._worker, self._guard):
            if session is not None:
                session.close()
        self._worker = self._guard = None

    def abandon_worker(self) -> None:
        """Forgets a session that answers no more; a thread may still wait in it."""
        self._worker = None

    # --- asking ---

    def steadily(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again after each lost connection.

        Raises ConnectionLostError where the server stays away, or connections are lost again and again.
        """
        losses, last = 0, 0.0
        while True:
            try:
                self._hold_lock()
                return ask()
            except ConnectionLostError as error:
                now = self.tempo.clock()
                losses = losses + 1 if now - last < self.limits.reconnect else 1
                last = now
                if losses > self.limits.losses:
                    raise
                try:
                    self._reopen(error)
                except KeyboardInterrupt:
                    self.remains.append(
                        "the server was away, so that only the database knows how far it came"
                    )
                    raise

    # --- watching ---

    def look(self, pid: int) -> tuple[tuple[Blocker, ...], Progress | None]:
        """Who is in the way of a session, and how far its index build is. A guard that died is replaced."""
        try:
            guard = self._living_guard()
            blockers = tuple(Blocker(*row) for row in guard.named("blockers", pid=pid))
            rows = guard.named("build_progress", pid=pid)
        except (ConnectionLostError, ConnectError):
            return (), None  # the working session will tell when the server is gone
        return blockers, build_progress(*rows[0]) if rows else None

    # --- sessions ---

    def _open_guard(self) -> WritableSession:
        session = self._connect()
        try:
            if self._expected is not None and live_fingerprint(session) != self._expected:
                raise ForeignPlanError()
            self._take_lock(session)
        except BaseException:
            session.close()
            raise
        self._last_guard = session.pid
        return session

    def _take_lock(self, session: WritableSession) -> None:
        """Waits a moment, since the server may not have noticed yet that a killed applier is gone.

        A connection that broke on the way leaves its process behind for longer; where that is our own former
        guard, it is worth the wait.
        """
        start = self.tempo.clock()
        while not session.named("take_lock", **LOCK)[0][0]:
            for pid, role, application, since in session.named("lock_holder", **LOCK):
                patience = self.limits.reconnect if pid == self._last_guard else self.limits.lock_timeout
                if self.tempo.clock() - start >= patience:
                    raise ApplyInProgressError(
                        f"another apply works on this database: pid {pid}"
                        + (f", role {role}" if role else "")
                        + (f", application '{application}'" if application else "")
                        + (f", connected since {since}" if since else "")
                        + "; wait for it to end"
                    )
            self.tempo.sleep(min(self.limits.poll, 0.1))

    def _living_guard(self) -> WritableSession:
        if self._guard is None or self._guard.lost:
            self._guard = self._open_guard()
        return self._guard

    def _hold_lock(self) -> None:
        """Raises ConnectionLostError where a session is known to be gone, UsageError behind a pooler."""
        if self._guard is None or self._worker is None or self._guard.lost or self._worker.lost:
            raise ConnectionLostError("the connection was lost; run the same command again")
        if self._guard.pid not in {row[0] for row in self._guard.named("lock_holder", **LOCK)}:
            raise UsageError(
                "the server gave away the lock of this session: a pooler shares its connections; "
                "connect to the server itself"
            )

    def _reopen(self, cause: ConnectionLostError) -> None:
        clock = self.tempo.clock
        end = clock() + self.limits.reconnect
        self.observer.note(f"{cause.message.partition(';')[0]}; looking for the server")
        failures = 0
        while True:
            try:
                self._replace_lost()
                return
            except AuthenticationError:
                raise
            except (ConnectError, ConnectionLostError) as error:
                failures += 1
                delay = self.limits.backoff.delay(failures, self.tempo.chance())
                if clock() + delay > end:
                    raise ConnectionLostError(
                        f"the server was lost and did not come back within {self.limits.reconnect:.0f} s "
                        f"({error.message}); what was done stays, run the same command again to go on"
                    ) from error
                self.tempo.sleep(delay)

    def _replace_lost(self) -> None:
        """Both are asked, since a dead connection is known only by asking."""
        if self._guard is None or not _answers(self._guard):
            self._guard = self._open_guard()
        if self._worker is None or not _answers(self._worker):
            self._worker = self._connect()


def live_fingerprint(session: WritableSession) -> str:
    """Computed as a snapshot's is: where the role may not see the system identifier, it is left out."""
    try:
        identifier = session.value(load_queries("tenfold.catalog")["system_identifier"].text)
    except PrivilegeError:
        identifier = None
    ((oid, name),) = session.named("identity")
    return fingerprint(identifier, oid, name)


def is_done(session: WritableSession, change: Change) -> bool:
    """What the change's own question says."""
    return bool(session.value(change.done))


def _answers(session: WritableSession) -> bool:
    if session.lost:
        return False
    try:
        session.value("SELECT 1")
    except ConnectionLostError:
        return False
    return True


def build_progress(
    phase: str | None,
    lockers_done: int | None,
    lockers: int | None,
    tuples_done: int | None,
    tuples: int | None,
    blocks_done: int | None,
    blocks: int | None,
) -> Progress | None:
    """The counter that moves in this phase; the server keeps the others at what they were, or at 0."""
    if phase is None:
        return None
    if phase.startswith("waiting"):
        return Progress(phase, lockers_done or 0, lockers or None, "transactions")
    if tuples:
        return Progress(phase, tuples_done or 0, tuples, "tuples")
    return Progress(phase, blocks_done or 0, blocks or None, "blocks")
