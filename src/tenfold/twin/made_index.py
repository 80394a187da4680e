"""Reads an index that was made in the twin as one of the source: with the source's numbers of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.catalog.build import build
from tenfold.model.relations import Index

if TYPE_CHECKING:
    from tenfold.twin.scale import Scale

# Oids below this one are the same on every server: FirstNormalObjectId.
_FIRST_OF_USERS = 16_384


def read_made_indexes(scale: Scale, table: int) -> list[Index]:
    """The indexes that the twin has on a table and its partitions. Pages and rows are 0: nothing is built."""
    snapshot = scale.snapshot
    tables = [table, *snapshot.leaves_of(table)]
    by_twin_oid = {scale.twin_oid(relation): relation for relation in tables}
    rows = scale.admin.named("table_indexes", tables=list(by_twin_oid))
    return [_translated(scale, index, by_twin_oid) for index in build(Index, rows)]


def _translated(scale: Scale, index: Index, tables: dict[int, int]) -> Index:
    import msgspec

    relation = tables[index.relation]
    numbers = {
        position: column.number
        for position, column in enumerate(scale.snapshot.columns_of(relation), start=1)
    }
    return msgspec.structs.replace(
        index,
        relation=relation,
        columns=tuple(numbers.get(number, 0) for number in index.columns),
        depends=None if index.depends is None else tuple(numbers[number] for number in index.depends),
        opclasses=tuple(_opclass(scale, oid) for oid in index.opclasses),
    )


def _opclass(scale: Scale, oid: int) -> int:
    """The source's oid of an operator class; those of extensions are found by name."""
    if oid < _FIRST_OF_USERS:
        return oid
    ((name, method),) = scale.admin.named("opclass_name", oid=oid)
    return next(
        (
            found.oid
            for found in scale.snapshot.operator_classes
            if found.name == name and found.method == method
        ),
        oid,
    )
