"""Values of one column for many rows at once, as COPY text, from its type, its hint and its name.

A column is made whole: one list of strings, one random stream. Nothing here knows of keys or tenants but the
order of a tenant's rows, which `cycle` needs.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from random import Random

import msgspec

from tenfold.bench.fill_spec import ColumnHint, Scalar
from tenfold.bench.vocabulary import kind_of, words
from tenfold.errors import ConfigError
from tenfold.model.relations import Column

#: How COPY text writes NULL.
NULL = r"\N"

_INTEGERS = ("smallint", "integer", "bigint")
_FLOATS = ("real", "double precision")
_EPOCH = datetime.date(1970, 1, 1)
_DAY = 86_400
_LENGTH = re.compile(r"character(?: varying)?\((\d+)\)")
_NUMERIC = re.compile(r"numeric(?:\((\d+),(-?\d+)\))?")


class Demand(msgspec.Struct, frozen=True):
    """What is asked of a column beside its type."""

    hint: ColumnHint
    #: Labels of its enum, or the values that a CHECK lists.
    allowed: tuple[str, ...]
    unique: bool
    #: First and last day of times that have no hint.
    window: tuple[datetime.date, datetime.date]


def left_to_server(column: Column, hint: ColumnHint | None) -> bool:
    """Whether the server fills the column: it is generated, or its constant default serves.

    A default that is computed does not: two runs would differ.
    """
    if column.generated:
        return True
    constant = column.default is not None and "(" not in column.default and "CURRENT_" not in column.default
    return constant and hint is None


def is_time(column: Column) -> bool:
    return column.type.startswith("timestamp")


def column_values(column: Column, demand: Demand, rng: Random, tenants: Sequence[int]) -> list[str]:
    """Values for the rows whose tenants are given. Times without a zone are written as UTC.

    Raises ConfigError for a type that needs a hint.
    """
    hint, count = demand.hint, len(tenants)
    if hint.choices is not None:
        return _chosen(hint.choices, rng, count)
    if hint.cycle is not None:
        return _in_turn([copy_text(value) for value in hint.cycle], tenants)
    if hint.json is not None:
        return _objects(hint.json, rng, count)
    if hint.text is None and demand.allowed:
        return rng.choices([copy_text(value) for value in demand.allowed], k=count)
    return _by_type(column, demand, rng, count)


def with_nulls(values: list[str], share: float, rng: Random) -> list[str]:
    if share <= 0:
        return values
    draw = rng.random
    return [NULL if draw() < share else value for value in values]


def random_times(window: tuple[datetime.date, datetime.date], rng: Random, count: int) -> list[int]:
    """Seconds since 1970, anywhere between the first and the end of the last day."""
    first = (window[0] - _EPOCH).days * _DAY
    span = ((window[1] - window[0]).days + 1) * _DAY
    draw = rng.random
    return [first + int(draw() * span) for _ in range(count)]


def times_after(starts: Iterable[int], delay: tuple[float, float], rng: Random) -> list[int]:
    low, span, draw = delay[0], delay[1] - delay[0], rng.random
    return [int(start + low + draw() * span) for start in starts]


def time_text(seconds: Iterable[int]) -> list[str]:
    """ISO times in UTC."""
    clock, days = _clock(), _Days()
    return [f"{days[second // _DAY]} {clock[second % _DAY]}" for second in seconds]


def uuids(rng: Random, count: int) -> list[str]:
    """Version 4 by their bits, as text."""
    made = [f"{rng.getrandbits(128):032x}" for _ in range(count)]
    return [f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}" for h in made]


def copy_text(value: Scalar) -> str:
    """One value as COPY text."""
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


@cache
def _clock() -> list[str]:
    """Every second of a day as text."""
    return [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}+00" for s in range(_DAY)]


class _Days(dict[int, str]):
    def __missing__(self, day: int) -> str:
        text = self[day] = (_EPOCH + datetime.timedelta(days=day)).isoformat()
        return text


def _chosen(choices: tuple[Scalar, ...] | Mapping[str, float], rng: Random, count: int) -> list[str]:
    values = [copy_text(value) for value in choices]
    weights = list(choices.values()) if isinstance(choices, Mapping) else None
    return rng.choices(values, weights=weights, k=count)


def _in_turn(values: Sequence[str], tenants: Sequence[int]) -> list[str]:
    seen: Counter[int] = Counter()
    made = []
    for tenant in tenants:
        made.append(values[seen[tenant] % len(values)])
        seen[tenant] += 1
    return made


def _objects(keys: Mapping[str, tuple[Scalar, ...]], rng: Random, count: int) -> list[str]:
    members = []
    for key, values in keys.items():
        name = json.dumps(key, ensure_ascii=False)
        texts = [copy_text(f"{name}: {json.dumps(value, ensure_ascii=False)}") for value in values]
        members.append(rng.choices(texts, k=count))
    return ["{" + ", ".join(row) + "}" for row in zip(*members, strict=True)]


def _by_type(column: Column, demand: Demand, rng: Random, count: int) -> list[str]:
    hint, type_ = demand.hint, column.type
    if type_ == "date":
        days, window = _Days(), hint.window or demand.window
        return [days[second // _DAY] for second in random_times(window, rng, count)]
    if type_ in _INTEGERS:
        low, high = hint.range or (0, 1000)
        return [str(number) for number in rng.choices(range(int(low), int(high) + 1), k=count)]
    if type_ in _FLOATS or _NUMERIC.fullmatch(type_):
        return _decimals(type_, hint.range, rng, count)
    if type_ == "boolean":
        return rng.choices(("t", "f"), k=count)
    if type_ == "uuid":
        return uuids(rng, count)
    if type_ in ("json", "jsonb"):
        return ["{}"] * count
    if type_.endswith("[]"):
        return ["{}"] * count
    if type_ == "text" or type_.startswith("character"):
        return _texts(column, demand, rng, count)
    if not column.not_null:
        return [NULL] * count
    raise ConfigError(f"column {column.name} of type {type_} needs a hint: give it choices")


def _decimals(type_: str, wanted: tuple[float, float] | None, rng: Random, count: int) -> list[str]:
    found = _NUMERIC.fullmatch(type_)
    precision, scale = (int(found[1]), int(found[2])) if found and found[1] else (12, 2)
    low, high = wanted or (0.0, min(1000.0, 10.0 ** (precision - scale) - 1))
    span, digits, draw = high - low, max(scale, 0), rng.random
    return [f"{low + draw() * span:.{digits}f}" for _ in range(count)]


def _texts(column: Column, demand: Demand, rng: Random, count: int) -> list[str]:
    if "gen_random_uuid" in (column.default or ""):
        return uuids(rng, count)
    kind = demand.hint.text or kind_of(column.name)
    values = words(kind, rng, count, unique=demand.unique)
    limit = _LENGTH.fullmatch(column.type)
    if limit is None:
        return values
    # What makes a value unique stands near its end.
    length = int(limit[1])
    return [value[-length:] for value in values] if demand.unique else [value[:length] for value in values]
