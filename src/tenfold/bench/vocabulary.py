"""Plain text that looks like what a column of that name would hold. Everybody in it is invented.

Telephone numbers use the exchange kept for fiction, addresses the domains kept for examples. No value holds
a character that COPY or JSON would have to escape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random

from tenfold.bench.fill_spec import TextKind

_FIRST = """
    Ada Amir Ana Anton Bea Boris Carla Chen Clara Dan Dario Elif Elsa Emil Erin Eva Farah Felix Gita Grace
    Hana Hugo Ida Imran Ines Ivan Jack Jana Joan Jonas Kai Kim Lara Leo Lin Lucy Marc Maria Max Mei Mila
    Nadia Nils Nora Olga Omar Otto Paul Pia Priya Ravi Rosa Ruth Sam Sara Sofia Tara Theo Tom Uma Vera
    Victor Wen Yara Zoe
""".split()
_LAST = """
    Abbott Adler Ahmed Baker Bauer Brandt Castro Chan Cohen Costa Dahl Diaz Dubois Evans Farkas Fischer
    Flores Garcia Gupta Haas Hansen Hill Ito Jansen Jones Kaur Keller Khan Kim Kowalski Kumar Lang Larsen
    Lee Lopez Maier Marin Moore Morales Moreau Moss Nagy Nguyen Novak Okafor Olsen Ortiz Park Patel Petrov
    Quinn Reyes Rossi Sato Schmidt Silva Singh Smith Suzuki Tanaka Torres Turner Vogel Wagner Walker Weber
    Wong Young Zhang
""".split()
_PLACES = """
    Akron:OH Albany:NY Austin:TX Boise:ID Boston:MA Chicago:IL Dallas:TX Dayton:OH Denver:CO Durham:NC
    Eugene:OR Fresno:CA Houston:TX Lansing:MI Lincoln:NE Madison:WI Memphis:TN Miami:FL Mobile:AL
    Naples:FL Newark:NJ Omaha:NE Orlando:FL Peoria:IL Phoenix:AZ Portland:OR Reno:NV Salem:OR Seattle:WA
    Tampa:FL Toledo:OH Tucson:AZ
""".split()
_STREETS = "Oak Elm Maple Cedar Lake Hill Mill Park River Church School Spring Bridge Garden Union".split()
_TRADES = "Realty Lending Holdings Partners Homes Logistics Dental Roofing Studio Foods Supply".split()
_JOBS = (
    "Owner",
    "Broker",
    "Manager",
    "Director",
    "Agent",
    "Analyst",
    "Engineer",
    "Nurse",
    "Teacher",
    "Buyer",
)
_WORDS = """
    offer house street roof garden price week month call letter answer question time morning evening visit
    family neighbor school market value rate plan paper title bank loan repair kitchen window door summer
    winter
""".split()
_VERBS = "wants to see;asks about;will think about;has sold;cannot part with;likes;would leave".split(";")
_WHEN = "today;next week;after the holidays;in spring;when the rates fall;soon".split(";")

#: Column name to kind of text; the first that is found decides.
_NAMES: tuple[tuple[str, TextKind], ...] = (
    (r"email", "email"),
    (r"phone|mobile|(from|to)_address", "phone"),
    (r"first_?name", "first_name"),
    (r"last_?name|surname", "last_name"),
    (r"(full|display)_?name|^contact$", "full_name"),
    (r"company|organi[sz]ation_name|employer", "company"),
    (r"job_?title|position_title", "job_title"),
    (r"city|town", "city"),
    (r"^state$|province", "state"),
    (r"zip|postal|postcode", "zip_code"),
    (r"street|address", "street"),
    (r"url|link|website", "url"),
    (r"slug", "slug"),
    (r"hash|token|secret|_ref$|external_id|prefix", "hex"),
    (r"user_id|_by$|assigned_to|actor", "user"),
    (r"body|notes?$|biography|description|content|greeting|subject|summary", "sentence"),
    (r"name|title", "label"),
)


def kind_of(column: str) -> TextKind:
    """The kind of text that a column's name promises."""
    return next((kind for pattern, kind in _NAMES if re.search(pattern, column)), "word")


def words(kind: TextKind, rng: Random, count: int, *, unique: bool = False) -> list[str]:
    """So many values of one kind; `unique` puts 40 random bits into each."""
    values = _MAKERS[kind](rng, count)
    if not unique:
        return values
    marks = [f"{rng.getrandbits(40):010x}" for _ in range(count)]
    if kind == "email":
        return [value.replace("@", f".{mark}@") for value, mark in zip(values, marks, strict=True)]
    return [f"{value}-{mark}" for value, mark in zip(values, marks, strict=True)]


def _from(values: Sequence[str]) -> Callable[[Random, int], list[str]]:
    return lambda rng, count: rng.choices(values, k=count)


def _joined(pattern: str, *pools: Sequence[str]) -> Callable[[Random, int], list[str]]:
    def make(rng: Random, count: int) -> list[str]:
        return list(map(pattern.format, *(rng.choices(pool, k=count) for pool in pools)))

    return make


def _phones(rng: Random, count: int) -> list[str]:
    areas = rng.choices(range(201, 990), k=count)
    return [f"+1{area}555{int(rng.random() * 10_000):04d}" for area in areas]


def _hex(rng: Random, count: int) -> list[str]:
    return [f"{rng.getrandbits(64):016x}" for _ in range(count)]


def _sentences(rng: Random, count: int) -> list[str]:
    """One to three sentences a value, of a stock of 400."""
    stock = [
        f"{rng.choice(_FIRST)} {rng.choice(_VERBS)} the {rng.choice(_WORDS)} {rng.choice(_WHEN)}."
        for _ in range(400)
    ]
    lengths = rng.choices((1, 2, 3), weights=(4, 4, 2), k=count)
    return [" ".join(rng.choices(stock, k=length)) for length in lengths]


_LOWER_FIRST, _LOWER_LAST = [name.lower() for name in _FIRST], [name.lower() for name in _LAST]
_NUMBERS = [str(number) for number in range(1, 1000)]
_DOMAINS = ("example.com", "example.net", "example.org")

_MAKERS: Mapping[TextKind, Callable[[Random, int], list[str]]] = {
    "city": _from([place.partition(":")[0] for place in _PLACES]),
    "company": _joined("{} {}", _LAST, _TRADES),
    "email": _joined("{}.{}{}@{}", _LOWER_FIRST, _LOWER_LAST, _NUMBERS, _DOMAINS),
    "first_name": _from(_FIRST),
    "full_name": _joined("{} {}", _FIRST, _LAST),
    "hex": _hex,
    "job_title": _from(_JOBS),
    "label": _joined("{} {} {}", [word.title() for word in _WORDS], _WORDS, _NUMBERS),
    "last_name": _from(_LAST),
    "phone": _phones,
    "sentence": _sentences,
    "slug": _joined("{}-{}-{}", _WORDS, _WORDS, _NUMBERS),
    "state": _from([place.partition(":")[2] for place in _PLACES]),
    "street": _joined("{} {} Street", _NUMBERS, _STREETS),
    "url": _joined("https://{}/{}/{}", _DOMAINS, _WORDS, _NUMBERS),
    "user": _joined("user_{}{}", _LOWER_FIRST, _NUMBERS),
    "word": _from(_WORDS),
    "zip_code": _joined(
        "{}{}", [str(number) for number in range(100, 1000)], [f"{n:02d}" for n in range(100)]
    ),
}
