"""Who holds connections now: for the message when none comes free."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

#: Places that a message names at most.
_NAMED = 3


class Holder(NamedTuple):
    #: File and line that opened the session, and the task's name.
    place: str
    task: str
    since: float


class Holders:
    """The sessions of one pool."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[int, Holder] = {}

    def add(self, key: int, place: str) -> None:
        task = asyncio.current_task()
        self._held[key] = Holder(place, task.get_name() if task else "", self._clock())

    def remove(self, key: int) -> None:
        self._held.pop(key, None)

    def __len__(self) -> int:
        return len(self._held)

    def spoken(self) -> str:
        """`12 by orders.py:40 (longest 3.2 s), 3 by ...`, those that hold most first."""
        now = self._clock()
        places: defaultdict[str, list[float]] = defaultdict(list)
        for holder in self._held.values():
            places[holder.place].append(now - holder.since)
        order = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
        said = [f"{len(ages)} by {place} (longest {max(ages):.1f} s)" for place, ages in order[:_NAMED]]
        more = len(order) - _NAMED
        return ", ".join(said) + (f" and {more} places more" if more > 0 else "")


def calling_place(own: str) -> str:
    """File and line of the nearest caller outside of the folder `own`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(own) and "contextlib" not in file:
            return f"{file.rpartition('/')[2]}:{frame.f_lineno}"
        frame = frame.f_back
    return "somewhere"
