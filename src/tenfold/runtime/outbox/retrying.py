"""When an event that failed is tried again, and when no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from tenfold.errors import UsageError


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds. Pauses double from the first to the longest, and each is cut short at random by
    up to a half, so that what failed together does not come back together."""

    attempts: int = 12
    first: float = 1.0
    longest: float = 900.0
    #: After the last attempt: `dead` puts the event aside and goes on with the key; `block` keeps the key
    #: waiting, until somebody unblocks it.
    then: Literal["dead", "block"] = "dead"

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 < self.first <= self.longest:
            raise UsageError("a Retry has one attempt at least, and 0 < first <= longest")
        if self.then not in ("dead", "block"):
            raise UsageError("after the last attempt an event is `dead`, or does `block` its key")

    def pause(self, attempt: int, chance: float) -> float | None:
        """Seconds to wait after this attempt, of 1 ..., has failed; None: no more. `chance` is of [0, 1)."""
        if attempt >= self.attempts:
            return None
        # Beyond 2^60 it is the longest anyway.
        return min(self.longest, self.first * 2.0 ** min(attempt - 1, 60)) * (1 - chance / 2)


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """How one topic is consumed.

    `call` gets one event; with a `batch` of n it gets a list of up to n, those of a key in order. A batch
    that fails is given again event by event, so that only the key at fault waits.
    """

    call: Callable[[Any], Awaitable[object]]
    #: Seconds after which a call is cancelled, and has failed.
    timeout: float = 10.0
    retry: Retry = Retry()
    batch: int = 0

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.batch < 0:
            raise UsageError("a Subscription has a timeout greater than 0, and a batch that is not negative")
