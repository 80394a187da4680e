"""Up to which id all events are there: no transaction is left that may still add one before it.

Ids are drawn in the order of writing, and become visible in the order of committing. Whoever writes an
event holds a lock on the table from before it draws an id until it has ended. So of a snapshot that sees id
n, every smaller id belongs to a transaction that has ended, or that holds the lock: once those are gone which
held it after the snapshot, everything up to n is there, for whoever looks from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Look:
    """What one statement saw: first its snapshot, then the locks."""

    #: Changes when the server restarts, or another takes its place.
    server: str
    #: The greatest id that is visible; None where there is none greater than the one asked from.
    newest: int | None
    #: Transactions that hold the lock, and those of them that are prepared and wait for their end.
    writers: frozenset[str] = frozenset()
    prepared: frozenset[str] = frozenset()


@dataclass(slots=True)
class Horizon:
    #: Everything up to here is there.
    safe: int = 0
    #: What is to be safe next, once those awaited have ended.
    target: int = 0
    awaited: frozenset[str] = frozenset()
    since: float = 0.0
    _server: str = field(default="")

    def saw(self, look: Look, now: float) -> bool:
        """False where it is another server than before: what was known of the former is forgotten."""
        same = self._server in ("", look.server)
        if not same:
            self.safe = self.target = 0
            self.awaited = frozenset()
        self._server = look.server
        if not same:
            return False
        if self.target > self.safe:
            # One that is prepared has changed its name, so each of those may be one that is waited for.
            self.awaited = self.awaited & look.writers | look.prepared
            self._advance()
        if self.target == self.safe and look.newest is not None and look.newest > self.target:
            self.target, self.awaited, self.since = look.newest, look.writers | look.prepared, now
            self._advance()
        return True

    def lag(self, now: float) -> float:
        """Seconds for which events that are committed have waited for transactions that are not."""
        return now - self.since if self.target > self.safe else 0.0

    def _advance(self) -> None:
        if not self.awaited:
            self.safe = self.target
