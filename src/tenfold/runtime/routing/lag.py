"""How far behind a replica is, in seconds, from the positions of the primary at known times.

`now() - pg_last_xact_replay_timestamp()` grows on an idle primary, and a replica that receives nothing has
replayed all that it received: neither tells the lag. Where the primary stood when does.
"""

from __future__ import annotations

from collections import deque

#: Positions kept: at one look a second, 20 minutes.
_KEPT = 1200


class PrimaryCourse:
    """Where the primary's log stood, and when it was first seen there."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    def saw(self, lsn: int, now: float) -> None:
        if not self._seen or lsn > self._seen[-1][0]:
            self._seen.append((lsn, now))

    def lag(self, replayed: int, now: float) -> float:
        """Seconds since the primary was first seen beyond what was replayed; 0 where it was never.

        With the primary gone, what it wrote last counts: a replica that has that is not behind.
        """
        first = now
        for lsn, when in reversed(self._seen):
            if lsn <= replayed:
                break
            first = when
        return max(0.0, now - first)
