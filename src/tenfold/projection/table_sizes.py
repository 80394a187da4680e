"""Rows and bytes of every table at every point. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tenfold.model.forecast import IndexForecast, TableForecast
from tenfold.model.relations import Index, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.projection.asking import Visit

_PAGE = 8192

#: Indexes right below a partitioned one, by its oid.
Below: TypeAlias = Mapping[int, Sequence[Index]]


def table_sizes(visits: Sequence[Visit]) -> tuple[TableForecast, ...]:
    """Of the visits at points, the largest at the last one first. A table has its partitions' rows."""
    snapshot = visits[0].snapshot
    below: defaultdict[int, list[Index]] = defaultdict(list)
    for index in snapshot.indexes:
        if index.parent is not None:
            below[index.parent].append(index)
    tables = [_table(relation, visits, below) for relation in grown_relations(snapshot)]
    return tuple(sorted(tables, key=lambda table: (-table.total_bytes(-1), table.name)))


def grown_relations(snapshot: Snapshot) -> Iterator[Relation]:
    """What has rows: tables, partitioned ones as a whole, materialized views; not an extension's."""
    for relation in snapshot.relations:
        is_stored = (relation.is_table or relation.kind == "m") and not relation.is_partition
        if is_stored and relation.extension is None:
            yield relation


def stored(snapshot: Snapshot, relation: Relation) -> tuple[int, ...]:
    """Oids of the relations that hold its rows."""
    return snapshot.leaves_of(relation.oid) if relation.kind == "p" else (relation.oid,)


def heap_bytes(relation: Relation) -> int:
    return relation.pages * _PAGE if relation.size_bytes is None else relation.size_bytes


def index_bytes(index: Index) -> int:
    return index.pages * _PAGE if index.size_bytes is None else index.size_bytes


def total_bytes(snapshot: Snapshot, oids: Sequence[int]) -> int:
    """Heaps, TOAST and indexes of these tables."""
    return sum(
        heap_bytes(snapshot.relation_by_oid[part])
        + (snapshot.relation_by_oid[part].toast_bytes or 0)
        + sum(index_bytes(index) for index in snapshot.indexes_of(part))
        for oid in oids
        for part in stored(snapshot, snapshot.relation_by_oid[oid])
    )


def _table(relation: Relation, visits: Sequence[Visit], below: Below) -> TableForecast:
    parts = stored(visits[0].snapshot, relation)

    def summed(of: str) -> tuple[int, ...]:
        return tuple(_bytes(visit.snapshot, parts, of) for visit in visits)

    points = [visit.stop.point for visit in visits]
    return TableForecast(
        name=relation.display,
        rows=tuple(visit.rows.get(relation.oid, 0.0) for visit in visits),
        heap_bytes=summed("heap"),
        toast_bytes=summed("toast"),
        index_bytes=summed("index"),
        indexes=tuple(_indexes(relation, visits, below)),
        monthly_rows=tuple(
            point.monthly.get(relation.oid) if point is not None else None for point in points
        ),
        transient=any(point is not None and relation.oid in point.growth.retained for point in points),
    )


def _bytes(snapshot: Snapshot, parts: Sequence[int], of: str) -> int:
    match of:
        case "heap":
            return sum(heap_bytes(snapshot.relation_by_oid[part]) for part in parts)
        case "toast":
            return sum(snapshot.relation_by_oid[part].toast_bytes or 0 for part in parts)
        case _:
            return sum(index_bytes(index) for part in parts for index in snapshot.indexes_of(part))


def _indexes(relation: Relation, visits: Sequence[Visit], below: Below) -> Iterator[IndexForecast]:
    """An index of a partitioned table is as large as its parts."""
    for index in visits[0].snapshot.indexes_of(relation.oid):
        parts = tuple(_leaves(index.oid, below)) if relation.kind == "p" else (index.oid,)
        yield IndexForecast(
            index.name,
            index.method,
            tuple(sum(index_bytes(visit.snapshot.index_by_oid[part]) for part in parts) for visit in visits),
        )


def _leaves(oid: int, below: Below) -> Iterator[int]:
    """The indexes below a partitioned one that have entries themselves."""
    for child in below.get(oid, ()):
        if child.oid in below:
            yield from _leaves(child.oid, below)
        else:
            yield child.oid
