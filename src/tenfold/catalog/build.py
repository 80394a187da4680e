"""Builds snapshot structs from catalog rows: a query's columns are its struct's fields, in order."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def build(struct: type[S], rows: Iterable[Sequence[Any]]) -> tuple[S, ...]:
    """One struct a row. Arrays arrive as lists and become tuples."""
    arrays = _array_positions(struct)
    make: Callable[..., S] = struct
    if not arrays:
        return tuple([make(*row) for row in rows])
    made = []
    for row in rows:
        values = list(row)
        for position in arrays:
            value = values[position]
            if value is not None:
                values[position] = tuple(value)
        made.append(make(*values))
    return tuple(made)


@cache
def _array_positions(struct: type[msgspec.Struct]) -> tuple[int, ...]:
    hints = typing.get_type_hints(struct)
    return tuple(position for position, name in enumerate(struct.__struct_fields__) if _is_tuple(hints[name]))


def _is_tuple(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple or any(_is_tuple(part) for part in typing.get_args(hint))
