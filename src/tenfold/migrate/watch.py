"""Runs a statement in a thread of its own while this one watches what blocks it, tells, and hears Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from tenfold.errors import ConnectionLostError
from tenfold.migrate.site import Site, is_done
from tenfold.model.change import Change

T = TypeVar("T")

#: Seconds to wait for a cancelled statement before it is cancelled again, and how often.
_CANCEL_SECONDS, _CANCELS = 1.0, 10


def supervise(site: Site, change: Change, call: Callable[[], T]) -> T:
    """What `call` returns or raises; it uses the site's worker and nothing else.

    Whatever comes up meanwhile, Ctrl-C too, cancels the statement on the server, waits for its end, and goes
    on up. `site.blockers` are those that were last seen in the way.
    """
    task = _Task(call)
    try:
        _watch(site, change, task, site.worker.pid)
    except BaseException:
        _stop(site, task)
        raise
    return task.result()


def ask_done(site: Site, change: Change) -> bool:
    """Whether the change is done, where that takes a scan too, or a wait for who holds the table."""
    site.worker.bound(lock=0, statement=0)
    return supervise(site, change, partial(is_done, site.worker, change))


class _Task(Generic[T]):
    """A call in its own thread, which does not outlive the program."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._returned: list[T] = []
        self._raised: BaseException | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="tenfold-worker", daemon=True).start()

    def ended(self, seconds: float) -> bool:
        """Whether it has ended, after waiting up to so many seconds."""
        return self._ended.wait(seconds)

    def result(self) -> T:
        if self._raised is not None:
            raise self._raised
        return self._returned[0]

    def _run(self) -> None:
        try:
            self._returned.append(self._call())
        except BaseException as error:  # noqa: BLE001 -- raised again by result(), in the thread that asked
            self._raised = error
        finally:
            self._ended.set()


def _watch(site: Site, change: Change, task: _Task[T], pid: int) -> None:
    seen: set[tuple[int, str | None]] = set()
    told = None
    while not task.ended(site.limits.poll):
        blockers, progress = site.look(pid)
        if blockers:
            site.blockers = blockers
        now = {(blocker.pid, blocker.state) for blocker in blockers}
        if now - seen:
            site.observer.blocked(change, blockers)
        seen = now
        if progress is not None and progress != told:
            site.observer.progress(change, progress)
            told = progress


def _stop(site: Site, task: _Task[T]) -> None:
    for _ in range(_CANCELS):
        try:
            site.worker.cancel()
        except ConnectionLostError:
            break  # no server to cancel it on; the thread learns the same
        if task.ended(_CANCEL_SECONDS):
            return
    if not task.ended(_CANCEL_SECONDS):
        site.abandon_worker()
