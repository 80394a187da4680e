"""Column types: when two hold the same kind of value, how far one reaches, and how a column gets another."""

from __future__ import annotations

import re

from tenfold.model.ddl import identifier
from tenfold.model.relations import Column, Relation
from tenfold.model.snapshot import Snapshot

_NAME = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')
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


def retype(
    snapshot: Snapshot, table: Relation, column: Column, wanted: str, using: str | None = None
) -> tuple[str, ...]:
    """The statement that gives a column another type; none where the server refuses it.

    It refuses for a column of a partition key, of the table or of a partition; that takes a new table. A
    generated column's type is its expression's.
    """
    if column.generated or _is_partition_key(snapshot, table, identifier(column.name)):
        return ()
    name = identifier(column.name)
    how = f" USING {using}" if using else ""
    return (f"ALTER TABLE {table.qualified} ALTER COLUMN {name} TYPE {wanted}{how}",)


def _is_partition_key(snapshot: Snapshot, table: Relation, name: str) -> bool:
    """Whether the name stands in the partition key; a function of that name there is taken for it."""
    if table.partition_key is None:
        return False
    return name in _NAME.findall(table.partition_key) or any(
        _is_partition_key(snapshot, snapshot.relation_by_oid[part], name)
        for part in snapshot.children_of(table.oid)
    )
