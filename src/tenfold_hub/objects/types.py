"""The types that custom fields have: what a value may be, how it is kept, and how it is compared.

Kept is JSON; compared is text, or a whole number of 64 bits: only operators of such types are leakproof and
so index conditions under row-level security, and these are exact. A decimal is compared as the number of its
last digits, an amount in minor units, a date by its days, a moment by its microseconds.

Each type reads a value from JSON or from text, as imports and query strings have it, and raises ValueError,
which says what it should be.
"""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
import re2

from tenfold_hub.identity.api import email_normal, phone_normal
from tenfold_hub.kit.custom import Indexed
from tenfold_hub.kit.resource import EQUAL, RANGE, Operator
from tenfold_hub.objects.definitions import Field, Type

TEXT, NUMBER = ("objects", "text_values"), ("objects", "number_values")
#: Characters of a text, of a textarea, and of a URL, which is ASCII.
LONGEST, LONGEST_AREA, LONGEST_URL = 500, 20_000, 2_000
#: Whole numbers that JSON carries exactly in every language.
LARGEST = 2**53 - 1
#: Digits of a decimal, and those behind its point.
MOST_DIGITS, MOST_DECIMALS, USUAL_DECIMALS = 15, 9, 2
#: Bytes of a compared text: what an index entry holds with its other columns.
LONGEST_COMPARED = 2_000

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type."""

    #: The form that is kept, of what is given.
    read: Callable[[Field, Any], Any]
    #: What is compared, of the form that is kept; None where values are not.
    compared: Callable[[Field, Any], int | str] | None
    table: tuple[str, str] = TEXT
    operators: tuple[Operator, ...] = EQUAL
    #: Of Rules, those that it knows.
    rules: frozenset[str] = frozenset()
    choice: bool = False
    several: bool = False
    unique: bool = False


def read(field: Field, value: Any) -> Any:
    """The value in the form that is kept. Raises ValueError."""
    kept = KINDS[field.type].read(field, value)
    _require(field, kept)
    return kept


def default_of(field: Field) -> Any:
    return None if field.default is None else msgspec.json.decode(field.default)


def compared(field: Field, kept: Any) -> list[int | str | None]:
    """Of its values' rows: [None] for a thing that has none."""
    kind = KINDS[field.type]
    assert kind.compared is not None
    if kept is None:
        return [None]
    return [kind.compared(field, each) for each in (kept if kind.several else [kept])]


@lru_cache(maxsize=10_000)
def indexed(field: Field) -> Indexed | None:
    """How lists are filtered by it; None for a type whose values are not compared."""
    kind = KINDS[field.type]
    if kind.compared is None:
        return None
    compare = kind.compared

    def normal(given: Any) -> int | str:
        one = kind.read(field, [given] if kind.several else given)
        return compare(field, one[0] if kind.several else one)

    return Indexed(
        id=field.id,
        table=kind.table,
        type="text" if kind.table == TEXT else "bigint",
        operators=kind.operators,
        single=not kind.several,
        unique=field.unique,
        normal=normal,
    )


@lru_cache(maxsize=1_000)
def pattern(text: str) -> Any:
    """Compiled for RE2, which reads a text once, whatever the pattern. Raises ValueError."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        said = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"this is no regular expression as RE2 has them: {said}") from None


# --- rules -------------------------------------------------------------------------------------------


def _require(field: Field, kept: Any) -> None:
    rules = field.rules
    if isinstance(kept, str):
        if rules.min_length is not None and len(kept) < rules.min_length:
            raise ValueError(f"at least {rules.min_length} characters")
        if rules.max_length is not None and len(kept) > rules.max_length:
            raise ValueError(f"at most {rules.max_length} characters")
        if rules.pattern is not None and pattern(rules.pattern).fullmatch(kept) is None:
            raise ValueError(f"it matches {rules.pattern}")
    if rules.min is not None and _order(field, kept) < _order(field, rules.min):
        raise ValueError(f"at least {rules.min}")
    if rules.max is not None and _order(field, kept) > _order(field, rules.max):
        raise ValueError(f"at most {rules.max}")


def _order(field: Field, value: Any) -> Any:
    kind = KINDS[field.type]
    assert kind.compared is not None
    return kind.compared(field, kind.read(field, value))


# --- texts -------------------------------------------------------------------------------------------


def _plain(longest: int) -> Callable[[Field, Any], str]:
    def read(_: Field, value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise ValueError("a text that is not empty")
        if len(value) > longest:
            raise ValueError(f"at most {longest:,} characters")
        return unicodedata.normalize("NFC", value)

    return read


def _folded(_: Field, kept: str) -> str:
    """Without regard to case."""
    folded = kept.casefold()
    if len(folded.encode()) > LONGEST_COMPARED:
        raise ValueError(f"at most {LONGEST_COMPARED:,} bytes, as it is filterable")
    return folded


def _url(_: Field, value: Any) -> str:
    if (
        not isinstance(value, str)
        or len(value) > LONGEST_URL
        or not value.isascii()
        or not value.isprintable()
    ):
        raise ValueError(f"a URL, of at most {LONGEST_URL:,} ASCII characters")
    try:
        parts = urlsplit(value.strip())
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or " " in value.strip():
        raise ValueError("a URL, as https://example.com/page")
    return parts._replace(netloc=parts.netloc.lower()).geturl()


def _email(_: Field, value: Any) -> str:
    found = email_normal(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("an e-mail address")
    return found


def _phone(_: Field, value: Any) -> str:
    found = phone_normal(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a phone number that begins with its country, as +49")
    return found


def _same(_: Field, kept: Any) -> Any:
    return kept


# --- numbers -----------------------------------------------------------------------------------------


def _number(_: Field, value: Any) -> int:
    found = _exact(value)
    if found != found.to_integral_value() or abs(found) > LARGEST:
        raise ValueError(f"a whole number, of at most {LARGEST}")
    return int(found)


def _decimal(field: Field, value: Any) -> str:
    places = decimals_of(field)
    found = _exact(value)
    scaled = found.scaleb(places)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"a number with at most {places} digits behind the point")
    if abs(scaled) >= 10**MOST_DIGITS:
        raise ValueError(f"a number of at most {MOST_DIGITS} digits, {places} of them behind the point")
    return f"{found:.{places}f}"


def _last_digits(field: Field, kept: str) -> int:
    return int(Decimal(kept).scaleb(decimals_of(field)))


def decimals_of(field: Field) -> int:
    return USUAL_DECIMALS if field.rules.decimals is None else field.rules.decimals


def _currency(field: Field, value: Any) -> dict[str, Any]:
    """`{"minor": 1250, "currency": "EUR"}`, or the amount alone."""
    if isinstance(value, Mapping):
        if value.get("currency", field.rules.currency) != field.rules.currency or value.keys() - _AMOUNT:
            raise ValueError(f"an amount in {field.rules.currency}, in minor units")
        value = value.get("minor")
    return {"minor": _number(field, value), "currency": field.rules.currency}


_AMOUNT = {"minor", "currency"}


def _minor(_: Field, kept: Mapping[str, Any]) -> int:
    found: int = kept["minor"]
    return found


def _exact(value: Any) -> Decimal:
    """A float is the number that its shortest text says."""
    if isinstance(value, int | float | str) and not isinstance(value, bool) and len(str(value)) <= 40:
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            found = Decimal("NaN")
        if found.is_finite() and abs(found.adjusted()) <= 40:
            return found
    raise ValueError("a number")


def _boolean(_: Field, value: Any) -> bool:
    # By identity: 1 equals True, and is none.
    for found, text in ((True, "true"), (False, "false")):
        if value is found or value == text:
            return found
    raise ValueError("true or false")


# --- times -------------------------------------------------------------------------------------------


def _date(_: Field, value: Any) -> str:
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("a date, as 2026-01-31") from None


def _days(_: Field, kept: str) -> int:
    return datetime.date.fromisoformat(kept).toordinal()


def _datetime(_: Field, value: Any) -> str:
    try:
        found = datetime.datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
        utc = found.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a moment, as 2026-01-31T12:00:00Z") from None
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _microseconds(_: Field, kept: str) -> int:
    return (datetime.datetime.fromisoformat(kept) - _EPOCH) // _MICROSECOND


# --- choices -----------------------------------------------------------------------------------------


def _choice(field: Field, value: Any) -> str:
    option = field.choices.get(value) if isinstance(value, str) else None
    if option is None:
        raise ValueError("one of the options' values")
    return option.value


def _choices(field: Field, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ValueError("a list of the options' values, with one at least")
    if set(value) - field.choices.keys():
        raise ValueError("one of the options' values, each")
    return [option.value for option in field.options if option.value in value]


_LENGTH = frozenset({"min_length", "max_length", "pattern"})
_BOUNDS = frozenset({"min", "max"})

KINDS: Mapping[Type, Kind] = {
    "text": Kind(read=_plain(LONGEST), compared=_folded, rules=_LENGTH, unique=True),
    "textarea": Kind(read=_plain(LONGEST_AREA), compared=None, rules=_LENGTH),
    "number": Kind(read=_number, compared=_same, table=NUMBER, operators=RANGE, rules=_BOUNDS, unique=True),
    "decimal": Kind(
        read=_decimal, compared=_last_digits, table=NUMBER, operators=RANGE, rules=_BOUNDS | {"decimals"}
    ),
    "date": Kind(read=_date, compared=_days, table=NUMBER, operators=RANGE, rules=_BOUNDS),
    "datetime": Kind(read=_datetime, compared=_microseconds, table=NUMBER, operators=RANGE, rules=_BOUNDS),
    "boolean": Kind(read=_boolean, compared=lambda _, kept: int(kept), table=NUMBER),
    "dropdown": Kind(read=_choice, compared=_same, choice=True),
    "radio": Kind(read=_choice, compared=_same, choice=True),
    "checkbox": Kind(read=_choices, compared=_same, choice=True, several=True),
    "url": Kind(read=_url, compared=_same, rules=_LENGTH, unique=True),
    "email": Kind(read=_email, compared=_same, unique=True),
    "phone": Kind(read=_phone, compared=_same, unique=True),
    "currency": Kind(
        read=_currency, compared=_minor, table=NUMBER, operators=RANGE, rules=_BOUNDS | {"currency"}
    ),
}
