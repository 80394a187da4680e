"""What an apply tells while it runs, and an observer that writes it as plain lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from tenfold.model.change import Change


class Blocker(msgspec.Struct, frozen=True):
    """A session that something waits for. Of its statement only the first keyword is kept."""

    pid: int
    role: str | None
    application: str | None
    #: `client backend`, `autovacuum worker`, `prepared transaction`, ...
    kind: str | None
    #: As in pg_stat_activity; None where the role may not see it.
    state: str | None
    #: Of its transaction, or idle inside it.
    seconds: float | None
    keyword: str | None

    def __str__(self) -> str:
        if self.kind == "prepared transaction":
            return "a prepared transaction (see pg_prepared_xacts)"
        who = f"pid {self.pid}" if self.kind in (None, "client backend") else f"{self.kind} {self.pid}"
        told = [f"role {self.role}"] if self.role else []
        told += [f"application '{self.application}'"] if self.application else []
        state = [self.state] if self.state else []
        state += [f"for {self.seconds:.0f} s"] if self.seconds is not None else []
        told += [" ".join(state)] if state else []
        told += [f"statement {self.keyword}"] if self.keyword else []
        return f"{who} ({', '.join(told)})" if told else who


class Progress(msgspec.Struct, frozen=True):
    """How far a change has come: `done` of `total` units, where the total is known."""

    phase: str
    done: int
    total: int | None
    #: `blocks`, `tuples`, `rows` or `transactions` that a build waits for.
    unit: str


class Observer(Protocol):
    """Called from the thread that called `apply`, in the order of events."""

    def started(self, change: Change, position: int, count: int) -> None:
        """The change is being carried out: the `position`th of `count`, from 1."""

    def progress(self, change: Change, progress: Progress) -> None: ...

    def blocked(self, change: Change, blockers: tuple[Blocker, ...]) -> None:
        """It waits for these sessions; told again whenever they change."""

    def retrying(self, change: Change, why: str, delay: float, failures: int, attempts: int) -> None:
        """It failed for the moment and is tried again after `delay` seconds."""

    def finished(self, change: Change, seconds: float) -> None: ...

    def skipped(self, change: Change, why: str) -> None:
        """It is done already, or cannot be attempted."""

    def failed(self, change: Change, why: str) -> None:
        """Nobody tells again why; the change's note may say what to do."""

    def note(self, text: str) -> None:
        """Something that is about no change: a lost connection, a leftover that is dropped."""


class PlainObserver:
    """Writes events as lines of text, for logs and pipes."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: tuple[str, int] | None = None

    def started(self, change: Change, position: int, count: int) -> None:
        self._told = None
        self._write(f"[{position}/{count}] {change.title}")

    def progress(self, change: Change, progress: Progress) -> None:
        """One line a phase, and one a tenth of it."""
        tenth = progress.done * 10 // progress.total if progress.total else 0
        if self._told == (progress.phase, tenth):
            return
        self._told = (progress.phase, tenth)
        of = f" of {progress.total}" if progress.total is not None else ""
        self._write(f"    {progress.phase}: {progress.done}{of} {progress.unit}")

    def blocked(self, change: Change, blockers: tuple[Blocker, ...]) -> None:
        self._write(f"    waits for {'; '.join(map(str, blockers))}")

    def retrying(self, change: Change, why: str, delay: float, failures: int, attempts: int) -> None:
        self._write(f"    try {failures} of {attempts} failed: {why}; again in {delay:.1f} s")

    def finished(self, change: Change, seconds: float) -> None:
        self._write(f"    done in {seconds:.1f} s")

    def skipped(self, change: Change, why: str) -> None:
        self._write(f"{change.title}: {why}")

    def failed(self, change: Change, why: str) -> None:
        self._write(f"    failed: {why}")
        if change.note is not None:
            self._write(f"    note: {change.note}")

    def note(self, text: str) -> None:
        self._write(f"    {text}")
