"""Some made-up people of one organization, and the companies that they work for: what domains make rows of.

The same seed and the same end of time give the same rows, to the last id, whatever is loaded beside them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, TypeAlias

from tenfold_hub.seeding import vocabulary as words

#: Milliseconds of a day, and for how many days an organization is there.
DAY = 86_400_000
DAYS = 730
NULL = r"\N"

_NUMBERS = words.numbers()
_ASCII = {word: words.ascii_of(word) for word in {*words.GIVEN, *words.FAMILY}}
#: Prime to the count of numbers, so that none comes twice before all have come once.
_STRIDE = 7919


@dataclass(slots=True)
class Rows:
    """Of one table, as lines of COPY's text form: columns apart by a tab, NULL as \\N."""

    table: tuple[str, str]
    columns: tuple[str, ...]
    lines: list[str] = field(default_factory=list)


class Company(NamedTuple):
    id: str
    ms: int
    name: str
    domain: str


class Person(NamedTuple):
    id: str
    ms: int
    given: str
    family: str
    email: str
    #: E.164; None of those whose number is not known.
    phone: str | None
    #: Of words.PLACES.
    place: int
    company: Company | None
    #: As a contact; None of those who only buy.
    contact: str | None


Maker: TypeAlias = "Callable[[Batch], Iterable[Rows]]"


@dataclass
class Batch:
    """People `first` to `first + count - 1` of an organization that is to have `of`."""

    organization: str
    seed: str
    first: int
    count: int
    of: int
    #: The end of time, in milliseconds: nothing was made after it.
    until: int
    #: What was made for the organization already, by kind: its batches are made one after the other.
    made: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}/{self.first}")

    @property
    def begins(self) -> str:
        """The organization's first day, as COPY reads it."""
        return moment(self.until - DAYS * DAY)

    @property
    def opens(self) -> bool:
        """Whether this is the first of its organization: what there is once is made with it."""
        return self.first == 0

    def id(self, ms: int) -> str:
        """A new UUID of version 7, of that time."""
        low = self.random.getrandbits(74)
        return f"{ms:012x}7{low >> 62:03x}{(low & (1 << 62) - 1) | 1 << 63:016x}"

    def shared(self, what: str, place: int) -> str:
        """The id of something that the organization has once: the same in each of its batches."""
        low = random.Random(f"{self.seed}/{what}/{place}").getrandbits(74)
        begin = self.until - DAYS * DAY + place
        return f"{begin:012x}7{low >> 62:03x}{(low & (1 << 62) - 1) | 1 << 63:016x}"

    def later(self, ms: int, days: float) -> int:
        """A time after that one, most likely soon, and never after the end of time."""
        return min(self.until, ms + int(self.random.expovariate(1 / days) * DAY))

    @cached_property
    def companies(self) -> list[Company]:
        """One for some twelve people."""
        count = (self.first + self.count + 11) // 12 - (self.first + 11) // 12 or int(self.opens)
        place = (self.first + 11) // 12
        made = []
        for number in range(place, place + count):
            pick = self.random.randrange
            name = f"{words.FIRST_OF_COMPANY[pick(len(words.FIRST_OF_COMPANY))]}"
            name += f" {words.SECOND_OF_COMPANY[pick(len(words.SECOND_OF_COMPANY))]}"
            ms = self._time(number * 12)
            domain = f"{name.lower().replace(' ', '-')}-{number + 1}.example"
            made.append(Company(self.id(ms), ms, name, domain))
        return made

    @cached_property
    def people(self) -> list[Person]:
        chosen, pick = self.random.choices, self.random.random
        given, family = chosen(words.GIVEN, k=self.count), chosen(words.FAMILY, k=self.count)
        companies = chosen(self.companies, k=self.count)
        made: list[Person] = []
        for place in range(self.count):
            number = self.first + place
            ms = self._time(number)
            company = companies[place] if pick() < 0.85 else None
            phone, country = _NUMBERS[(number * _STRIDE) % len(_NUMBERS)]
            named = given[place], family[place]
            if made and pick() < 0.01:
                # Somebody who is there twice, under another address: what duplicates are suggested of.
                twin = made[int(pick() * len(made))]
                named = twin.given, twin.family
                phone, country = twin.phone or phone, twin.place
            host = company.domain if company else f"{('mail', 'post', 'home')[number % 3]}.example.com"
            made.append(
                Person(
                    id=self.id(ms),
                    ms=ms,
                    given=named[0],
                    family=named[1],
                    email=f"{_ASCII[named[0]]}.{_ASCII[named[1]]}{number + 1}@{host}",
                    phone=phone if pick() < 0.7 else None,
                    place=country,
                    company=company,
                    contact=self.id(ms) if pick() < 0.75 else None,
                )
            )
        return made

    def _time(self, number: int) -> int:
        """When the organization met its n-th person: evenly over its days, the last one today."""
        step = DAYS * DAY / self.of
        return int(self.until - DAYS * DAY + (number + self.random.random()) * step)


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def text(value: str | None) -> str:
    """As COPY reads it. What is made up here has no tab, line end or backslash but in JSON."""
    return NULL if value is None else value.replace("\\", "\\\\")
