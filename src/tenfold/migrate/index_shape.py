"""Whether one index does the work of another: of those that exist and those that are only wished for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tenfold.model.relations import Index
from tenfold.model.remedy import CreateIndex, Key, Table
from tenfold.model.snapshot import Snapshot


class Shape(msgspec.Struct, frozen=True):
    """What of an index decides what it can serve, in a form that can be compared."""

    table: Table
    method: str
    keys: tuple[Key, ...]
    include: frozenset[str]
    where: str | None
    unique: bool


def shape_of_wish(remedy: CreateIndex) -> Shape:
    return Shape(
        table=remedy.table,
        method=remedy.method,
        keys=tuple(_normal(key) for key in remedy.keys),
        include=frozenset(remedy.include),
        where=_text(remedy.where),
        unique=remedy.unique,
    )


def shape_of_index(snapshot: Snapshot, index: Index) -> Shape:
    relation = snapshot.relation_by_oid[index.relation]
    return Shape(
        table=Table(relation.schema, relation.name),
        method=index.method,
        keys=tuple(_keys(snapshot, index)),
        include=frozenset(snapshot.column_names(index.relation, index.included_columns)),
        where=_text(index.predicate),
        unique=index.unique,
    )


def serves_equality(shape: Shape, columns: frozenset[str]) -> bool:
    """Whether equality on just these columns descends it straight to its rows, whatever rows they are."""
    leading = {key.column for key in shape.keys[: len(columns)]}
    return shape.where is None and shape.method == "btree" and leading == columns


def covers(one: Shape, other: Shape) -> bool:
    """Whether an index of the first shape makes one of the second redundant.

    A B-tree serves what a B-tree on its leading keys serves, in either direction; one over all rows serves
    what a partial one serves; only a unique one enforces uniqueness, and only of just its keys.
    """
    if (one.table, one.method) != (other.table, other.method) or one.where not in (None, other.where):
        return False
    if other.unique and not (one.unique and one.where == other.where and len(one.keys) == len(other.keys)):
        return False
    if one.method != "btree":
        return one.keys == other.keys and one.include >= other.include
    leading = one.keys[: len(other.keys)]
    carried = one.include | {key.column for key in one.keys if key.column is not None}
    return (leading == other.keys or leading == _backwards(other.keys)) and other.include <= carried


def _keys(snapshot: Snapshot, index: Index) -> Iterable[Key]:
    expressions = iter(index.expressions or ())
    # A wish cannot name a collation; with one of its own, an index is like none but its equal.
    collated = " COLLATE " in index.definition
    for position, number in enumerate(index.key_columns):
        opclass = snapshot.operator_class_by_oid.get(index.opclasses[position])
        own = [] if opclass is None or opclass.is_default else [opclass.name]
        own += [f"collation {index.collations[position]}"] if collated else []
        yield Key(
            column=snapshot.column_by_number[index.relation, number].name if number else None,
            expression=_text(next(expressions)) if not number else None,
            descending=index.descending(position),
            nulls_first=index.nulls_first(position),
            opclass=" ".join(own) or None,
        )


def _normal(key: Key) -> Key:
    """With the order of nulls spelt out, and without the schema of an operator class."""
    return Key(
        column=key.column,
        expression=_text(key.expression),
        descending=key.descending,
        nulls_first=key.descending if key.nulls_first is None else key.nulls_first,
        opclass=key.opclass.rpartition(".")[2] if key.opclass else None,
    )


def _backwards(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(
        msgspec.structs.replace(key, descending=not key.descending, nulls_first=not key.nulls_first)
        for key in keys
    )


def _text(expression: str | None) -> str | None:
    """Without the outer parentheses and the spacing, which differ between who writes it."""
    if expression is None:
        return None
    text = " ".join(expression.split())
    while text.startswith("(") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    """Whether the first parenthesis is closed by the last character."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(text) - 1
    return False
