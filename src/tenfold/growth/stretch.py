"""Histogram bounds of a range that grows: numbers and times. Those of other types cannot be stretched."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from tenfold.model.relations import Column

_MAXIMUM = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_DIGITS = re.compile(r"numeric\(\d+,(\d+)\)")
_EPOCH = datetime(2000, 1, 1)
_FIRST, _LAST = "0001-01-01", datetime(9999, 12, 31)


class Scale(NamedTuple):
    """How values of a type are read as numbers, and numbers as values."""

    number: Callable[[str], Decimal]
    text: Callable[[Decimal], str]
    maximum: Decimal | None = None


def scale_of(column: Column) -> Scale | None:
    """None for types whose values have no distance: text, uuid and others."""
    base = column.type.partition("(")[0].strip()
    if base in _MAXIMUM:
        return Scale(Decimal, lambda value: str(int(value)), Decimal(_MAXIMUM[base]))
    if base == "numeric":
        return Scale(Decimal, lambda value: f"{value:f}")
    if base in ("real", "double precision"):
        return Scale(Decimal, lambda value: repr(float(value)))
    if base == "date":
        return Scale(_days, lambda value: _date(value).isoformat(), _days(_LAST.date().isoformat()))
    if base.startswith("timestamp"):
        aware = column.type.endswith("with time zone")
        return Scale(_seconds, lambda value: _timestamp(value, aware), _seconds(_LAST.isoformat()))
    return None


def smallest_step(column: Column) -> float | None:
    """Between two values of the type, in its scale's unit; None where it is as good as none."""
    if column.type in _MAXIMUM or column.type == "date":
        return 1.0
    digits = _DIGITS.fullmatch(column.type)
    return 10.0 ** -int(digits[1]) if digits else None


def distance_between(column: Column, low: str, high: str) -> float | None:
    """In the scale's unit; None where the type has no distance, or a value is not of its usual form."""
    numbers = _numbers(scale_of(column), [low, high])
    return float(numbers[1] - numbers[0]) if numbers else None


def stretched(column: Column, bounds: Sequence[str], factor: float) -> tuple[str, ...]:
    """The bounds with the least one kept and the distances times the factor, as far as the type goes."""
    scale = scale_of(column)
    numbers = _numbers(scale, bounds)
    if scale is None or numbers is None or len(numbers) < 2 or factor == 1:
        return tuple(bounds)
    low, width = numbers[0], numbers[-1] - numbers[0]
    by = Decimal(factor)
    if scale.maximum is not None and width > 0:
        by = min(by, (scale.maximum - low) / width)
    return tuple(scale.text(low + (number - low) * by) for number in numbers)


def reaching_back(column: Column, bounds: Sequence[str], days: float) -> tuple[str, ...]:
    """Bounds of times with the last one kept and a window that is so many days longer."""
    scale = scale_of(column)
    numbers = _numbers(scale, bounds)
    if scale is None or numbers is None or len(numbers) < 2 or numbers[0] == numbers[-1] or days <= 0:
        return tuple(bounds)
    high, width = numbers[-1], numbers[-1] - numbers[0]
    longer = Decimal(days) * (1 if column.type == "date" else 86_400)
    by = min(width + longer, high - scale.number(_FIRST)) / width
    return tuple(scale.text(high - (high - number) * by) for number in numbers)


def fitted(column: Column, bounds: Sequence[str], low: str | None, high: str | None) -> tuple[str, ...]:
    """The bounds moved and stretched so that they begin and end there; just the ends where that cannot be."""
    scale = scale_of(column)
    numbers = _numbers(scale, bounds)
    ends = _numbers(scale, [low or bounds[0], high or bounds[-1]])
    if scale is None or numbers is None or ends is None or numbers[0] == numbers[-1]:
        return (low or bounds[0], *bounds[1:-1], high or bounds[-1]) if len(bounds) > 1 else tuple(bounds)
    by = (ends[1] - ends[0]) / (numbers[-1] - numbers[0])
    return tuple(scale.text(ends[0] + (number - numbers[0]) * by) for number in numbers)


def spread(
    column: Column, low: str, high: str, values: float, *, bounds: int = 101
) -> tuple[str, ...] | None:
    """Bounds of values spread evenly between two; None where the type has no distance or there is no room."""
    scale = scale_of(column)
    ends = _numbers(scale, [low, high])
    count = int(min(bounds, values))
    if scale is None or ends is None or count < 2 or ends[0] >= ends[1]:
        return None
    step = (ends[1] - ends[0]) / (count - 1)
    texts = tuple(scale.text(ends[0] + step * position) for position in range(count))
    return texts if len(set(texts)) > 1 else None


def ahead(column: Column, values: Sequence[str], factor: float, count: float) -> tuple[str, ...] | None:
    """Bounds of the values that come after those that there are, where a domain grows by the factor."""
    scale = scale_of(column)
    numbers = _numbers(scale, values)
    if scale is None or numbers is None or factor <= 1:
        return None
    low, high = min(numbers), max(numbers)
    end = low + (high - low + 1) * Decimal(factor)
    end = end if scale.maximum is None else min(end, scale.maximum)
    return spread(column, scale.text(high + 1), scale.text(end), count)


def _numbers(scale: Scale | None, values: Sequence[str]) -> list[Decimal] | None:
    """None where one is not finite, or not of the type's usual text form."""
    if scale is None:
        return None
    try:
        numbers = [scale.number(value) for value in values]
    except (ValueError, InvalidOperation, OverflowError):
        return None
    return numbers if all(number.is_finite() for number in numbers) else None


def _seconds(text: str) -> Decimal:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta())
    passed = moment - _EPOCH
    return Decimal(passed.days * 86_400 + passed.seconds) + Decimal(passed.microseconds) / 1_000_000


def _timestamp(seconds: Decimal, aware: bool) -> str:
    moment = _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    return moment.isoformat(sep=" ") + ("+00" if aware else "")


def _days(text: str) -> Decimal:
    return Decimal((date.fromisoformat(text) - _EPOCH.date()).days)


def _date(days: Decimal) -> date:
    return _EPOCH.date() + timedelta(days=int(days))
