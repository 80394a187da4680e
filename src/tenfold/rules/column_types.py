"""When two columns hold the same kind of value, for all that lengths and domains differ."""

from __future__ import annotations

import re

from tenfold.model.relations import Column
from tenfold.model.snapshot import Snapshot

_MODIFIER = re.compile(r"\([^)]*\)")

#: Bytes of the integer types, by `format_type`.
INTEGER_BYTES = {"smallint": 2, "integer": 4, "bigint": 8}


def same_type(snapshot: Snapshot, one: Column, other: Column) -> bool:
    """Whether values compare without a cast: the same type, or text beside varchar, or a domain over it."""
    return one.type_oid == other.type_oid or base_type(snapshot, one) == base_type(snapshot, other)


def base_type(snapshot: Snapshot, column: Column) -> str:
    """A column's type as `bare_type` says it; of a domain, the type underneath."""
    domain = snapshot.type_by_oid.get(column.type_oid) if column.type_kind == "d" else None
    return bare_type(domain.base if domain and domain.base else column.type)


def bare_type(name: str) -> str:
    """A type's name without length or precision; `text` for varchar, which is stored and compared alike."""
    bare = _MODIFIER.sub("", name)
    return "text" if bare == "character varying" else bare


def largest_integer(type_name: str) -> int | None:
    """The greatest value of an integer type; None for any other."""
    size = INTEGER_BYTES.get(type_name)
    return None if size is None else 2 ** (8 * size - 1) - 1
