"""How long to wait before another try, how large the next batch is, how long writers get between two.

Pure: values in, values out; the random number is passed in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Exponential waits, jittered so that two who failed together do not come back together."""

    first: float = 0.5
    factor: float = 2.0
    longest: float = 20.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures, from 1; `chance` is a random number from 0 to 1.

        Between half and the whole of the exponential wait ("equal jitter").
        """
        whole = min(self.longest, self.first * self.factor ** min(failures - 1, 60))
        return whole * (0.5 + chance / 2)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of an apply. Times are in seconds."""

    #: Longest that anybody waits for a brief change of ours. Above the server's deadlock_timeout (1 s),
    #: because an autovacuum in our way is ended only after that.
    lock_timeout: float = 2.0
    #: Tries of one change before it has failed.
    attempts: int = 12
    backoff: Backoff = Backoff()
    #: How long to look for a server that was lost.
    reconnect: float = 120.0
    #: How often to look at what runs.
    poll: float = 0.25
    #: Connections that one change may lose, each within `reconnect` after the one before.
    losses: int = 8
    #: What a backfill's batch should take, and the share of the time that is left to others between batches.
    batch: float = 0.2
    writers_share: float = 0.5
    longest_pause: float = 1.0
    #: Walks over a table that each find rows anew, before a backfill has failed.
    passes: int = 20


class Tempo(NamedTuple):
    """Time and chance, passed in."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


def timeouts(remaining: float, lock_timeout: float) -> tuple[float, float]:
    """lock_timeout and statement_timeout, in seconds, of a brief statement with `remaining` seconds to go.

    The lock's is the shorter by a tenth of the whole, so that a wait is told from work. Never 0, which is
    none.
    """
    statement = max(remaining, 0.001)
    return max(statement - lock_timeout / 10, 0.001), statement


def next_batch(rows: int, seconds: float, target: float, largest: int) -> int:
    """Rows of the next batch after one of `rows` took `seconds`: at most doubled or halved."""
    wanted = rows * target / max(seconds, 0.001)
    return int(max(1, min(largest, 2 * rows, max(rows / 2, wanted))))


def pause(seconds: float, writers_share: float, longest: float) -> float:
    """Seconds to leave to others after a batch that took `seconds`."""
    return min(longest, seconds * writers_share / max(1 - writers_share, 0.01))
