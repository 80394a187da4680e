"""Values of the right type and in the right order where a redacted snapshot has only their rank. Pure.

A rank is the value's place among the common ones, or among the bounds of a histogram. What is no rank stays
as it is: numbers that grew, labels of enumerations, booleans.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address

import msgspec

from tenfold.model.relations import Column, ColumnStatistics
from tenfold.model.snapshot import Snapshot

#: Type names of expressions by (index oid, position): a snapshot does not tell them.
ExpressionTypes = Mapping[tuple[int, int], str]

_PADDED = 10
_FIRST_DAY = datetime.datetime(2000, 1, 1)
_FIRST_ADDRESS = int(IPv4Address("10.0.0.0"))
_MODIFIER = re.compile(r"\((\d+)(?:,(-?\d+))?\)")


def with_made_up_values(
    snapshot: Snapshot,
    statistics: Iterable[ColumnStatistics],
    expression_types: ExpressionTypes | None = None,
) -> tuple[ColumnStatistics, ...]:
    """Column statistics of a redacted snapshot with values that the server can read."""
    types = expression_types or {}
    return tuple(_made_up(row, _type_of(snapshot, row, types)) for row in statistics)


def made_up_value(snapshot: Snapshot, column: Column, value: str) -> str | None:
    """One value of a column; None where none can be made."""
    return _value(_base(snapshot, column), value)


def _type_of(snapshot: Snapshot, row: ColumnStatistics, expression_types: ExpressionTypes) -> str | None:
    column = snapshot.column_by_number.get((row.relation, row.number))
    return _base(snapshot, column) if column is not None else expression_types.get((row.relation, row.number))


def _base(snapshot: Snapshot, column: Column) -> str | None:
    """What a domain is underneath; None of types that values cannot be made of."""
    name, kind = column.type, column.type_kind
    by_name = {f"{type_.schema}.{type_.name}": type_ for type_ in snapshot.types} if kind == "d" else {}
    found = snapshot.type_by_oid.get(column.type_oid)
    while kind == "d" and found is not None and found.base is not None:
        name, found = found.base, by_name.get(found.base)
        kind = found.kind if found is not None else "b"
    return name if kind in ("b", "e") else None


def _made_up(row: ColumnStatistics, type_name: str | None) -> ColumnStatistics:
    common = _values(type_name, row.common_values)
    elements = _values(_element(type_name), row.common_elements)
    return msgspec.structs.replace(
        row,
        common_values=common,
        common_frequencies=row.common_frequencies if common is not None else None,
        histogram=_values(type_name, row.histogram),
        common_elements=elements,
        common_element_frequencies=row.common_element_frequencies if elements is not None else None,
    )


def _values(type_name: str | None, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """All or nothing: a list with gaps would be another list."""
    made = [_value(type_name, value) for value in values or ()]
    whole = tuple(value for value in made if value is not None)
    return whole if whole and len(whole) == len(made) else None


def _value(type_name: str | None, value: str) -> str | None:
    if type_name is None:
        return None
    if not value.isdecimal():
        return value
    if type_name.endswith("[]"):
        element = _value(type_name.removesuffix("[]"), value)
        return None if element is None else "{" + element + "}"
    bare = _MODIFIER.sub("", type_name)
    make = _MAKERS.get(bare.rpartition(".")[2])
    return None if make is None else make(int(value), _modifiers(type_name))


def _element(type_name: str | None) -> str | None:
    """The type of what a GIN index or a list of common elements holds."""
    if type_name == "tsvector":
        return "text"
    return type_name.removesuffix("[]") if type_name is not None and type_name.endswith("[]") else None


def _modifiers(type_name: str) -> tuple[int, ...]:
    found = _MODIFIER.search(type_name)
    return tuple(int(part) for part in found.groups() if part is not None) if found else ()


_Maker = Callable[[int, tuple[int, ...]], str | None]


def _number(rank: int, modifiers: tuple[int, ...]) -> str | None:
    if not modifiers:
        return str(rank)
    precision, scale = modifiers[0], modifiers[1] if len(modifiers) > 1 else 0
    if rank >= 10**precision:
        return None
    return f"{rank / 10**scale:.{scale}f}" if scale > 0 else str(rank)


def _text(rank: int, modifiers: tuple[int, ...]) -> str | None:
    """With zeros before it, so that it sorts as it counts."""
    text = str(rank).zfill(min(_PADDED, *modifiers) if modifiers else _PADDED)
    return text if not modifiers or len(text) <= modifiers[0] else None


def _uuid(rank: int, _: tuple[int, ...]) -> str:
    digits = f"{rank:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _moment(rank: int, _: tuple[int, ...]) -> str:
    return f"{_FIRST_DAY + datetime.timedelta(hours=rank)}"


def _moment_in_utc(rank: int, _: tuple[int, ...]) -> str:
    return f"{_FIRST_DAY + datetime.timedelta(hours=rank)}+00"


def _day(rank: int, _: tuple[int, ...]) -> str:
    return f"{_FIRST_DAY.date() + datetime.timedelta(days=rank)}"


def _time(rank: int, _: tuple[int, ...]) -> str | None:
    return f"{datetime.timedelta(seconds=rank)}" if rank < 86_400 else None


def _interval(rank: int, _: tuple[int, ...]) -> str:
    return f"{rank} hours"


def _bits(rank: int, modifiers: tuple[int, ...]) -> str | None:
    width = modifiers[0] if modifiers else 1
    return f"{rank:0{width}b}" if rank < 2**width else None


def _bytes(rank: int, _: tuple[int, ...]) -> str:
    return f"\\x{rank:08x}"


def _address(rank: int, _: tuple[int, ...]) -> str:
    return str(IPv4Address(_FIRST_ADDRESS + rank))


def _json(rank: int, _: tuple[int, ...]) -> str:
    return f'"{rank:0{_PADDED}}"'


_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision", "oid", "money")
_TEXTS = ("text", "character varying", "character", "bpchar", "name", "citext", "ltree")
_MAKERS: Mapping[str, _Maker] = {
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_TEXTS, _text),
    "uuid": _uuid,
    "timestamp with time zone": _moment_in_utc,
    "timestamp without time zone": _moment,
    "date": _day,
    "time without time zone": _time,
    "interval": _interval,
    "bit": _bits,
    "bit varying": _bits,
    "bytea": _bytes,
    "inet": _address,
    "cidr": _address,
    "jsonb": _json,
}
