"""Who holds connections now: for the message when none comes free."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import CodeType

#: Places that a message names at most.
_NAMED = 3
_OWN = str(Path(__file__).parent)


class Place:
    """Where a session was opened, and when. It is put into words only when somebody asks."""

    __slots__ = ("code", "line", "since")

    def __init__(self, code: CodeType, line: int, since: float) -> None:
        self.code, self.line, self.since = code, line, since

    def __str__(self) -> str:
        return f"{self.code.co_filename.rpartition('/')[2]}:{self.line}"


def spoken(held: Iterable[Place], now: float) -> str:
    """`12 by orders.py:40 (longest 3.2 s), 3 by ...`, those that hold most first."""
    places: defaultdict[str, list[float]] = defaultdict(list)
    for place in held:
        places[str(place)].append(now - place.since)
    order = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    said = [f"{len(ages)} by {place} (longest {max(ages):.1f} s)" for place, ages in order[:_NAMED]]
    more = len(order) - _NAMED
    return ", ".join(said) + (f" and {more} places more" if more > 0 else "")


def calling_place(now: float) -> Place:
    """The nearest caller outside of the runtime."""
    frame = outermost = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OWN) or "contextlib" in frame.f_code.co_filename:
        if frame.f_back is None:
            return Place(outermost.f_code, outermost.f_lineno, now)
        frame = frame.f_back
    return Place(frame.f_code, frame.f_lineno, now)
