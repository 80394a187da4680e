"""When a read model is due. Pure: of what is recorded, and random numbers that are passed in."""

from __future__ import annotations

from math import inf

import msgspec

#: The shortest time between two refreshes, seconds.
SHORTEST = 0.05
#: After a failure: seconds to the next try, doubled with each, up to `every` or this if that is longer.
_FIRST_RETRY, _LONGEST_RETRY = 5.0, 300.0
#: The server was gone: seconds to the next look.
AFTER_OUTAGE = 5.0
#: Another process refreshes it now: look again after this part of `every`, in case that one dies.
_BUSY = 0.25


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a read model, as of now, by the server's clock. Times are seconds."""

    #: The materialized view that the model shows.
    storage: str
    #: Refreshes that ended well, ever.
    refreshes: int
    #: Since the last of them began, and how long it took; None before the first.
    age: float | None
    seconds: float | None
    #: Failures since the last refresh, and since the last of those.
    failures: int
    failed_age: float | None


def due_in(every: float | None, state: State) -> float:
    """Seconds until it is to be refreshed; 0 when it is due, infinite where it is refreshed on demand only.

    One that takes long rests as long as it took. A clock that was set back makes it due.
    """
    if every is None:
        return inf
    if state.failures and state.failed_age is not None:
        return _left(retry_after(state.failures, every), state.failed_age)
    if state.age is None:
        return 0.0
    return _left(max(every, 2 * (state.seconds or 0.0)), state.age)


def retry_after(failures: int, every: float) -> float:
    """Seconds from the last of so many failures to the next try."""
    longest = max(every, _LONGEST_RETRY)
    # The power of a long outage would be no float.
    return min(longest, _FIRST_RETRY * 2.0 ** min(failures - 1, 30))


def spread(seconds: float, jitter: float, random: float) -> float:
    """A little longer, in each process otherwise, so that they do not all ask at once. `random`: 0 to 1."""
    return seconds * (1 + jitter * random)


def look_again(every: float) -> float:
    """Seconds, while another process refreshes it."""
    return _BUSY * every


def _left(span: float, passed: float) -> float:
    return max(0.0, span - passed) if passed >= 0 else 0.0
