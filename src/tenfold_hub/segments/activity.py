"""Conditions on what was done: `{"activity": "call", "at_least": 2, "within": "30d"}`.

It holds where that many activities took place in the time that is asked for; those that are planned count
from the moment on at which they take place. Neither the number of a thing's activities nor its history is
read: the latest few say whether it holds, and they and the next few when that will change.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tenfold_hub.crm.api import Times
from tenfold_hub.kit.problems import Fault
from tenfold_hub.segments import values

#: The name of the field that such conditions ask, and the word for activities of any kind.
ACTIVITY, ANY = "activity", "any"
#: Activities that a condition can ask for, and kinds that it can name.
MOST_TIMES, MOST_KINDS = 100, 20

_PARTS = frozenset({ACTIVITY, "at_least", "within", "since"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """At least so many activities, of the kinds or of any, of a time that passes along or since a moment."""

    #: None: of any kind.
    kinds: frozenset[str] | None
    at_least: int = 1
    within: datetime.timedelta | None = None
    since: datetime.datetime | None = None
    pointer: str = ""

    @property
    def field(self) -> str:
        return ACTIVITY

    @property
    def mentions(self) -> frozenset[str]:
        """What it depends on, as who tells of changes names it."""
        return frozenset({ACTIVITY}) if self.kinds is None else frozenset(map(of_kind, self.kinds))

    def holds(self, times: Mapping[str, Times], now: datetime.datetime) -> bool:
        return len(self._counting(times, now)) >= self.at_least

    def turns(self, times: Mapping[str, Times], now: datetime.datetime) -> datetime.datetime | None:
        """When time alone changes it next, or changes it at the earliest."""
        counting = self._counting(times, now)
        if len(counting) >= self.at_least:
            # Whatever comes before that only adds to them.
            return None if self.within is None else values.after(counting[self.at_least - 1], self.within)
        coming = sorted(chain.from_iterable(each.next for each in self._of_kinds(times)))
        if self.since is not None and self.since > now:
            return self.since if coming else None
        missing = self.at_least - len(counting)
        return coming[missing - 1] if len(coming) >= missing else None

    def _counting(self, times: Mapping[str, Times], now: datetime.datetime) -> list[datetime.datetime]:
        """Those that took place in the time that is asked for, the latest first, as many as are needed."""
        begin = self.since if self.within is None else now - self.within
        past = sorted(chain.from_iterable(each.past for each in self._of_kinds(times)), reverse=True)
        if begin is None:
            return past[: self.at_least]
        # A time that passes along ends where `more_than_ago` begins to hold.
        inclusive = self.within is None
        return [at for at in past[: self.at_least] if at > begin or (inclusive and at == begin)]

    def _of_kinds(self, times: Mapping[str, Times]) -> Iterable[Times]:
        return times.values() if self.kinds is None else (times[each] for each in self.kinds if each in times)


def of_kind(kind: str) -> str:
    """The name under which conditions mention activities of one kind."""
    return f"{ACTIVITY}.{kind}"


def read(given: Mapping[str, Any], pointer: str, faults: list[Fault]) -> Activity | None:
    """None, and faults, where it cannot be read."""
    before = len(faults)
    for name in given.keys() - _PARTS:
        detail = "activity, at_least, within and since"
        faults.append(Fault(f"{pointer}/{str(name)[:40]}", "unknown_field", detail))
    if "within" in given and "since" in given:
        faults.append(Fault(pointer, "invalid", "within or since, and not both"))

    def part(name: str, reading: Callable[[Any], Any], detail: str) -> Any:
        try:
            return reading(given[name]) if name in given else None
        except values.UNREADABLE:
            faults.append(Fault(f"{pointer}/{name}", "invalid", detail))
            return None

    kinds = part(ACTIVITY, _kinds, "a kind, a list of kinds, or any")
    at_least = part("at_least", _times, f"a number from 1 to {MOST_TIMES}")
    within = part("within", values.ago, "a time such as 30d or 12h")
    since = part("since", values.moment, "a date or a moment")
    if len(faults) > before:
        return None
    kinds = None if ANY in kinds else frozenset(kinds)
    return Activity(kinds=kinds, at_least=at_least or 1, within=within, since=since, pointer=pointer)


def known(condition: Activity, kinds: Collection[str], faults: list[Fault]) -> bool:
    """Whether there are activities of such kinds."""
    if condition.kinds is None or condition.kinds <= set(kinds):
        return True
    detail = f"use some of {', '.join(kinds)}, or {ANY}"
    faults.append(Fault(f"{condition.pointer}/{ACTIVITY}", "invalid", detail))
    return False


def _kinds(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    if not 1 <= len(several) <= MOST_KINDS:
        raise ValueError
    return [values.text(each) for each in several]


def _times(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_TIMES:
        raise ValueError
    return value
