"""How long a server that is gone is tried again before its callers are told."""

from __future__ import annotations

#: Seconds between two tries, and from the first failure to the last try.
PAUSE = 0.1
LONGEST = 3.0


class Outage:
    """Remembers since when a server is gone, for all who ask: only the first few seconds are waited out."""

    def __init__(self) -> None:
        self._since: float | None = None

    def failed(self, now: float) -> float | None:
        """Seconds to wait before the next try; None to give up."""
        if self._since is None:
            self._since = now
        return PAUSE if now - self._since < LONGEST else None

    def over(self) -> None:
        self._since = None
