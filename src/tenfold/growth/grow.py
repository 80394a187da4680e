"""A snapshot at another size: rows, pages, statistics and index sizes as they would be there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tenfold.errors import UsageError
from tenfold.growth.assume import assume
from tenfold.growth.columns import grown_column, grown_expression, hinted
from tenfold.growth.distinct import distinct_count
from tenfold.growth.domain import Sizes, Values, heaps
from tenfold.growth.heap import grown_heap
from tenfold.growth.index_size import index_pages
from tenfold.growth.keys import entry_count
from tenfold.growth.rows import descendants, rows_after, rows_today
from tenfold.growth.width import PAGE
from tenfold.model.growth import Grown, Growth
from tenfold.model.relations import ColumnStatistics, Index, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy


def grow(snapshot: Snapshot, tenancy: Tenancy, growth: Growth) -> Grown:
    """The database at the size that `growth` names, with what had to be assumed.

    What keeps its rows and has no hint stays as it is, to the byte. Extended statistics stay. Raises
    UsageError for rows or hints of what is not there, and for such as cannot be.
    """
    _check_hints(snapshot, growth)
    before = rows_today(snapshot)
    after = rows_after(snapshot, growth, before)
    told = {place: hint.distinct for place, hint in growth.hints.items() if hint.distinct is not None}
    sizes = Sizes.of(snapshot, tenancy, before, after, told)
    changed = frozenset(oid for oid in after if after[oid] != before[oid])
    if not changed and not growth.hints:
        return Grown(snapshot)
    assumed, assumptions = assume(sizes, growth, changed)
    grown = tuple(_statistics(sizes, growth, row, changed) for row in snapshot.statistics)
    resized = msgspec.structs.replace(
        snapshot,
        statistics=_ordered((*grown, *(_with_hint(sizes, growth, row) for row in assumed))),
        relations=_relations(_with(snapshot, assumed), sizes, changed),
    )
    indexes = tuple(
        _index(sizes, index, resized) if index.relation in changed else index for index in snapshot.indexes
    )
    return Grown(msgspec.structs.replace(resized, indexes=indexes), assumptions)


def _relations(known: Snapshot, sizes: Sizes, changed: frozenset[int]) -> tuple[Relation, ...]:
    return tuple(
        grown_heap(known, relation, sizes.before[relation.oid], sizes.after[relation.oid])
        if relation.oid in changed
        else relation
        for relation in known.relations
    )


def _with(snapshot: Snapshot, assumed: tuple[ColumnStatistics, ...]) -> Snapshot:
    return msgspec.structs.replace(snapshot, statistics=_ordered((*snapshot.statistics, *assumed)))


def _ordered(rows: Iterable[ColumnStatistics]) -> tuple[ColumnStatistics, ...]:
    return tuple(sorted(rows, key=lambda row: (row.relation, row.number)))


def _statistics(
    sizes: Sizes, growth: Growth, row: ColumnStatistics, changed: frozenset[int]
) -> ColumnStatistics:
    index = sizes.snapshot.index_by_oid.get(row.relation)
    if index is not None:
        return _expression(sizes, index, row) if index.relation in changed else row
    if row.relation not in sizes.before:
        return row
    column = sizes.snapshot.column_by_number.get((row.relation, row.number))
    if column is None:
        return row
    touched = row.relation in changed or (
        row.inherited and any(oid in changed for oid in descendants(sizes.snapshot, row.relation))
    )
    rows = sizes.rows(row.relation, row.inherited)
    if touched and rows[1] > 0:
        values = sizes.values(column, row)
        days = 0.0 if row.relation in growth.retained else growth.days
        row = grown_column(column, row, values, rows[1], days=days, readable=not sizes.snapshot.redacted)
    return _with_hint(sizes, growth, row)


def _with_hint(sizes: Sizes, growth: Growth, row: ColumnStatistics) -> ColumnStatistics:
    hint = growth.hints.get((row.relation, row.number))
    if hint is None:
        return row
    column = sizes.snapshot.column_by_number[row.relation, row.number]
    return hinted(column, row, hint, sizes.rows(row.relation, row.inherited)[1])


def _expression(sizes: Sizes, index: Index, row: ColumnStatistics) -> ColumnStatistics:
    before, after = sizes.before[index.relation], sizes.after[index.relation]
    if after <= 0:
        return row
    count = distinct_count(row, before)
    unique = index.unique and index.key_count == 1
    target = after if unique else heaps(count, before, after)
    return grown_expression(row, Values("heaps", count, min(target, after)), after)


def _index(sizes: Sizes, index: Index, resized: Snapshot) -> Index:
    """A partitioned index has no storage; its tuples are those of its parts."""
    before, after = sizes.before[index.relation], sizes.after[index.relation]
    relation = sizes.snapshot.relation_by_oid[index.relation]
    if relation.kind == "p":
        return index
    tuples = entry_count(resized, index, before, after)
    today = index
    if index.tuples < 0 or (index.tuples == 0 and before > 0):
        today = msgspec.structs.replace(index, tuples=entry_count(sizes.snapshot, index, before, before))
    pages = index_pages(sizes.snapshot, today, resized, tuples)
    return msgspec.structs.replace(index, tuples=tuples, pages=pages, size_bytes=pages * PAGE)


def _check_hints(snapshot: Snapshot, growth: Growth) -> None:
    for relation, number in growth.hints:
        if (relation, number) not in snapshot.column_by_number:
            raise UsageError(
                f"A hint names column {number} of oid {relation}, which is not in this snapshot."
            )
