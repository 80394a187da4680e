"""Gives a twin's database the sizes and statistics of a snapshot: of today, or of a grown one.

Lengths are files without bytes (`tenfold.twin.forks`), rows and pages go into pg_class, column statistics
through the server's own pg_restore_attribute_stats. Each time a relation gets new files under new numbers, so
that no session can have an old one open, and no buffer an old page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tenfold.errors import TwinError
from tenfold.growth import IndexSize, index_sizes
from tenfold.model.ddl import array
from tenfold.model.relations import ColumnStatistics, Index, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.twin.catalog import Oids
from tenfold.twin.forks import MOST_BLOCKS, Forks
from tenfold.twin.made_up import with_made_up_values
from tenfold.twin.pages import BLOCK, brin_head, btree_head, gin_head, spgist_head
from tenfold.twin.session import TwinSession

# Rows of pg_restore_attribute_stats in a transaction: each locks its table to the end of it.
_BATCH = 1_000
#: Columns of the table `incoming`, and those of them that hold values of the column's type or belong to them.
_INCOMING = (
    *("schema", "relation", "column", "number", "inherited", "null_frac", "avg_width", "n_distinct"),
    *("common_values", "common_frequencies", "histogram", "correlation"),
    *("common_elements", "common_element_frequencies", "element_count_histogram"),
    *("range_lengths", "empty_range_frac", "range_bounds"),
)
_VALUES = frozenset(_INCOMING[8:]) - {"correlation"}
_MOST_PAGES = 2**31 - 1
_PAGES_PER_RANGE = 128  # BRIN_DEFAULT_PAGES_PER_RANGE


class Length(NamedTuple):
    """How long a relation is in the twin."""

    oid: int
    #: By the last VACUUM or ANALYZE; the density of rows is `rows / pages`.
    pages: int
    rows: float
    all_visible: int
    #: Of the file.
    blocks: int
    head: bytes = b""


def load_sizes(
    session: TwinSession, forks: Forks, database: int, snapshot: Snapshot, oids: Oids
) -> dict[int, int]:
    """Gives every relation its length; the relfilenodes by twin oid."""
    return place(session, forks, database, list(_lengths(snapshot, oids)))


def place(session: TwinSession, forks: Forks, database: int, lengths: Sequence[Length]) -> dict[int, int]:
    """Gives relations their lengths; the relfilenodes by twin oid. Its first, empty file has its oid."""
    nodes = [
        forks.place(database, length.blocks, length.head) if length.blocks else length.oid
        for length in lengths
    ]
    session.named(
        "set_sizes",
        oids=[length.oid for length in lengths],
        pages=[min(length.pages, _MOST_PAGES) for length in lengths],
        rows=[length.rows for length in lengths],
        visible=[min(length.all_visible, _MOST_PAGES) for length in lengths],
        nodes=nodes,
    )
    return {length.oid: node for length, node in zip(lengths, nodes, strict=True)}


def load_statistics(session: TwinSession, snapshot: Snapshot, oids: Oids) -> list[str]:
    """Replaces all column statistics; the columns of which the server did not take all."""
    session.named("forget_statistics")
    session.named("make_incoming")
    refused = []
    statistics = snapshot.statistics
    if snapshot.redacted:
        statistics = with_made_up_values(snapshot, statistics, _expression_types(session, snapshot))
    rows = list(_statistics(snapshot, statistics, oids))
    for start in range(0, len(rows), _BATCH):
        refused += _restored(session, rows[start : start + _BATCH])
    return refused


def _restored(session: TwinSession, rows: list[tuple[object, ...]]) -> list[str]:
    """Those of the rows that the server did not take whole: without values where it cannot read one."""
    session.copy("incoming", rows)
    try:
        refused = [
            f"{schema}.{relation}.{column or number}"
            for schema, relation, column, number in session.named("restore_statistics")
        ]
        session.named("empty_incoming")
    except TwinError:
        session.named("empty_incoming")
        if len(rows) > 1:
            middle = len(rows) // 2
            return _restored(session, rows[:middle]) + _restored(session, rows[middle:])
        schema, relation, column, number, *_ = rows[0]
        if (bare := _without_values(rows[0])) != rows[0]:
            _restored(session, [bare])
        return [f"{schema}.{relation}.{column or number}"]
    return refused


def _without_values(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(None if name in _VALUES else value for name, value in zip(_INCOMING, row, strict=True))


def _lengths(snapshot: Snapshot, oids: Oids) -> Iterator[Length]:
    for relation in snapshot.relations:
        oid = oids.get((relation.schema, relation.name))
        if oid is not None and relation.kind in ("r", "m"):
            yield Length(
                oid, relation.pages, relation.rows, relation.all_visible_pages, heap_blocks(relation)
            )
    sizes = index_sizes(snapshot)
    for index in snapshot.indexes:
        owner = snapshot.relation_by_oid.get(index.relation)
        if owner is None or owner.kind == "p" or index.oid not in sizes:
            continue
        oid = oids.get((owner.schema, index.name))
        if oid is not None:
            yield index_length(index, oid, sizes[index.oid])


def heap_blocks(relation: Relation) -> int:
    """The length of the file now; what VACUUM saw where it is not known."""
    return relation.pages if relation.size_bytes is None else -(-relation.size_bytes // BLOCK)


def index_length(index: Index, oid: int, size: IndexSize) -> Length:
    """The length of an index that has `oid` in the twin."""
    blocks = size.pages if index.size_bytes is None else -(-index.size_bytes // BLOCK)
    return Length(oid, size.pages, size.tuples, 0, blocks, _head(index, size))


def _head(index: Index, size: IndexSize) -> bytes:
    """The pages that the planner reads of an index of this method."""
    match index.method:
        case "btree":
            return btree_head(size.height)
        case "gin":
            return gin_head(
                pages=min(size.pages, MOST_BLOCKS),
                entry_pages=size.entry_pages,
                data_pages=size.data_pages,
                entries=round(size.entries),
            )
        case "brin":
            per_range = _option(index, "pages_per_range") or _PAGES_PER_RANGE
            return brin_head(pages_per_range=per_range, map_pages=max(1, size.revmap_pages))
        case "spgist":
            return spgist_head()
        case _:
            return b""


def _option(index: Index, name: str) -> int | None:
    found = re.search(rf"^{name}=(\d+)$", "\n".join(index.options or ()), re.MULTILINE)
    return int(found[1]) if found else None


def _expression_types(session: TwinSession, snapshot: Snapshot) -> dict[tuple[int, int], str]:
    made = {
        (schema, index, number): name for schema, index, number, name in session.named("expression_types")
    }
    return {
        (index.oid, number): made[relation.schema, index.name, number]
        for index in snapshot.indexes
        if (relation := snapshot.relation_by_oid.get(index.relation)) is not None
        for number in range(1, index.key_count + 1)
        if (relation.schema, index.name, number) in made
    }


def _statistics(
    snapshot: Snapshot, statistics: Iterable[ColumnStatistics], oids: Oids
) -> Iterator[tuple[object, ...]]:
    for row in statistics:
        relation = snapshot.relation_by_oid.get(row.relation)
        if relation is not None:
            column = snapshot.column_by_number.get((row.relation, row.number))
            if column is None:
                continue
            name, column_name = relation.name, column.name
        else:
            index = snapshot.index_by_oid.get(row.relation)
            relation = snapshot.relation_by_oid.get(index.relation) if index is not None else None
            if index is None or relation is None:
                continue
            name, column_name = index.name, None
        if (relation.schema, name) not in oids:
            continue
        yield statistics_row(row, relation.schema, name, column_name)


def statistics_row(
    row: ColumnStatistics, schema: str, relation: str, column: str | None
) -> tuple[object, ...]:
    """A row of the table `incoming`; an expression of an index has no column's name."""
    return (
        schema,
        relation,
        column,
        row.number,
        row.inherited,
        row.null_frac,
        row.avg_width,
        row.n_distinct,
        _listed(row.common_values),
        _listed(row.common_frequencies),
        _listed(row.histogram),
        row.correlation,
        _listed(row.common_elements),
        _listed(row.common_element_frequencies),
        _listed(row.element_count_histogram),
        _listed(row.range_lengths),
        row.empty_range_frac,
        _listed(row.range_bounds),
    )


def _listed(values: tuple[str | float, ...] | None) -> str | None:
    """As the text of an array: the driver takes several times longer over the elements of a list."""
    return None if values is None else array(map(str, values))
