"""What a bench found: tables of both sides of each comparison, and a verdict for every goal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from tenfold.bench.runtime.timing import Timed, ratio

#: What a figure is told in: the time that one takes, or how many a second.
Unit = Literal["time", "rate"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One contender. Times are seconds for one time; the quartiles hold the middle half of the rounds."""

    name: str
    median: float
    low: float
    high: float
    #: How many times as long it takes as the line that is compared with; None where there is none.
    times: float | None = None
    note: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    lines: tuple[Line, ...]
    unit: Unit = "time"
    #: The line that the others are compared with, and what their notes tell.
    against: str = ""
    note_heading: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A goal, what was found, and the most that the goal allows; both are told in `unit`."""

    goal: str
    found: float
    limit: float
    unit: Literal["x", "s"] = "x"
    met: bool


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One subject. `remarks` say what ran and how, `left_out` what did not, and why."""

    subject: str
    title: str
    remarks: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    left_out: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    machine: dict[str, str]
    versions: dict[str, str]
    rounds: int
    #: That each contender ran in a round.
    seconds: float
    quick: bool
    sections: tuple[Section, ...]


def lines(
    timed: Iterable[Timed], against: Timed | None = None, notes: dict[str, str] | None = None
) -> tuple[Line, ...]:
    return tuple(_line(each, against, (notes or {}).get(each.name, "")) for each in timed)


def at_most(goal: str, found: float, limit: float, unit: Literal["x", "s"] = "x") -> Verdict:
    return Verdict(goal=goal, found=found, limit=limit, unit=unit, met=found <= limit)


def _line(timed: Timed, against: Timed | None, note: str) -> Line:
    low, high = timed.quartiles
    times = None if against is None or against is timed else ratio(timed, against)
    return Line(name=timed.name, median=timed.median, low=low, high=high, times=times, note=note)
