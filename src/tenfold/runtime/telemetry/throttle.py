"""Log lines that come once in a while, so that a bad day does not fill the disk."""

from __future__ import annotations

from collections.abc import Callable, Hashable

#: Keys that are told apart. No more than so many lines are written in the time of one.
MOST_KEYS = 1_000


class Throttle:
    """One line for each key in `every` seconds, of at most `most_keys` keys."""

    def __init__(self, every: float, clock: Callable[[], float], most_keys: int = MOST_KEYS) -> None:
        self._every, self._clock, self._most_keys = every, clock, most_keys
        # When the key's last line was written, and how many were held back since; the oldest comes first.
        self._lines: dict[Hashable, tuple[float, int]] = {}
        #: All lines ever held back.
        self.held_back = 0

    def admit(self, key: Hashable) -> int | None:
        """How many lines were held back since the key's last one; None to hold this one back, too."""
        now = self._clock()
        since, held = self._lines.get(key, (None, 0))
        if (since is None and self._full(now)) or (since is not None and now - since < self._every):
            self.held_back += 1
            if since is not None:
                self._lines[key] = since, held + 1
            return None
        self._lines.pop(key, None)
        self._lines[key] = now, 0
        return held

    def _full(self, now: float) -> bool:
        while len(self._lines) >= self._most_keys:
            oldest = next(iter(self._lines))
            if now - self._lines[oldest][0] < self._every:
                return True
            del self._lines[oldest]
        return False
