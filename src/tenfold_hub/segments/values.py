"""Types of what conditions compare: what may be asked of each, and how what rules and things have is read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Any, TypeAlias

from tenfold_hub.kit import ids
from tenfold_hub.kit.custom import key_of

#: Characters of a text.
MOST_CHARACTERS = 500

#: A type of values, as `types` of a segment keeps it; an id's is `id:` and its prefix.
Type: TypeAlias = str
#: A type without what says which ids, or which kinds.
Family: TypeAlias = str

_EQUAL = ("eq", "in", "null")
_RANGE = ("eq", "in", "gt", "gte", "lt", "lte", "null")
_TEXT = (*_EQUAL, "contains", "starts_with")
OPERATORS: Mapping[Family, tuple[str, ...]] = {
    "text": _TEXT,
    "folded": _TEXT,
    "number": _RANGE,
    "decimal": _RANGE,
    "amount": _RANGE,
    "day": _RANGE,
    "moment": (*_RANGE, "more_than_ago", "less_than_ago"),
    "boolean": ("eq", "null"),
    "choices": _EQUAL,
    "id": _EQUAL,
    "set": ("eq", "in"),
    # Asked by conditions of a form of their own.
    "kinds": (),
}
#: What a value that cannot be read raises.
UNREADABLE = (ValueError, InvalidOperation, ids.IdError)

_AGO = re.compile(r"(\d{1,5})([hd])\Z")
_UNITS = {"h": datetime.timedelta(hours=1), "d": datetime.timedelta(days=1)}


def family_of(type_: Type) -> Family:
    return type_.partition(":")[0]


def reader(type_: Type) -> Callable[[Any], Any]:
    """Brings what a condition says into the form in which it is compared. Raises one of UNREADABLE."""
    family, _, prefix = type_.partition(":")
    if family in ("id", "set"):
        return lambda value: ids.read(prefix, value)
    return _READ[family]


def of_row(name: str, family: Family) -> Callable[[Mapping[str, Any]], Any]:
    """What a thing has in a field, in the form in which it is compared; None where it is empty."""
    key = key_of(name)
    if key is None:
        return itemgetter(name)
    kept = _KEPT.get(family)

    def get(row: Mapping[str, Any]) -> Any:
        value = (row["custom"] or {}).get(key)
        return value if value is None or kept is None else kept(value)

    return get


def text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > MOST_CHARACTERS:
        raise ValueError
    return value


def boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError


def moment(value: Any) -> datetime.datetime:
    """Without a time it is midnight, and without a zone UTC."""
    found = datetime.datetime.fromisoformat(text(value))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def ago(value: Any) -> datetime.timedelta:
    """`30d` or `12h`."""
    match = _AGO.match(text(value))
    if match is None or int(match[1]) == 0:
        raise ValueError
    return int(match[1]) * _UNITS[match[2]]


def after(at: datetime.datetime | None, passed: datetime.timedelta) -> datetime.datetime | None:
    """At the end of time where it would be later."""
    try:
        return None if at is None else at + passed
    except OverflowError:
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        raise ValueError
    found = Decimal(str(value))
    if not found.is_finite():
        raise ValueError
    return found


def _day(value: Any) -> datetime.date:
    return datetime.date.fromisoformat(text(value))


#: What a condition says, as it is compared.
_READ: Mapping[Family, Callable[[Any], Any]] = {
    "text": text,
    "folded": lambda value: text(value).casefold(),
    "number": _number,
    "decimal": _decimal,
    "amount": _number,
    "day": _day,
    "moment": moment,
    "boolean": boolean,
    "choices": text,
}
#: What a custom field holds, as it is compared.
_KEPT: Mapping[Family, Callable[[Any], Any]] = {
    "folded": str.casefold,
    "decimal": Decimal,
    "amount": lambda kept: kept["minor"],
    "day": datetime.date.fromisoformat,
    "moment": datetime.datetime.fromisoformat,
}
