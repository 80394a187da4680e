"""What an index stores: how many entries, how wide, how many of them alike."""

from __future__ import annotations

import math
import re

import msgspec

from tenfold.growth.distinct import distinct_count
from tenfold.growth.width import Layout, expression_layout, index_tuple, layout, varies
from tenfold.model.relations import ColumnStatistics, Index
from tenfold.model.snapshot import Snapshot

_NULL_TEST = re.compile(r"^\(*(\"?)(?P<name>[^\"()]+)\1 IS (?P<negated>NOT )?NULL\)*$")


class Entries(msgspec.Struct, frozen=True):
    """Entries of an index as a whole."""

    count: float
    #: Bytes of one, with its header, aligned.
    width: float
    #: Bytes of its first key alone: what inner pages have at least.
    first_width: float
    varies: bool
    #: Distinct keys.
    distinct: float
    #: Entries of the commonest keys, one each; they are among the distinct.
    common: tuple[float, ...] = ()
    #: Of the first key: how far the order of the rows follows it, -1 to 1.
    correlation: float = 0.0


def entries(snapshot: Snapshot, index: Index, count: float) -> Entries:
    """Of an index with so many entries, by the statistics of its columns."""
    statistics = [key_statistics(snapshot, index, position) for position in range(len(index.columns))]
    layouts = [_layout(snapshot, index, position, row) for position, row in enumerate(statistics)]
    distinct, common = _distinct(index, statistics[: index.key_count], count)
    first = statistics[0] if statistics else None
    return Entries(
        count=count,
        width=index_tuple(layouts),
        first_width=index_tuple(layouts[:1]),
        varies=varies(layouts),
        distinct=distinct,
        common=common,
        correlation=(first.correlation or 0.0) if first else 0.0,
    )


def key_statistics(snapshot: Snapshot, index: Index, position: int) -> ColumnStatistics | None:
    """Of the column at this position, from 0; an expression's are kept under the index's own oid."""
    number = index.columns[position]
    if number:
        return snapshot.statistics_of(index.relation, number)
    return snapshot.statistics_of(index.oid, position + 1)


def entry_count(snapshot: Snapshot, index: Index, today: float, after: float) -> float:
    """Entries of the index when its table has `after` rows and not `today`'s: as many a row as now."""
    if index.predicate is None:
        return after
    if today > 0 and index.tuples > 0:
        return min(1.0, index.tuples / today) * after
    return _share_of_rows(snapshot, index) * after


def _share_of_rows(snapshot: Snapshot, index: Index) -> float:
    """Of a partial index nobody has counted: what a test for null leaves, else all rows."""
    test = _NULL_TEST.match(index.predicate or "")
    column = snapshot.column(index.relation, test["name"]) if test else None
    statistics = snapshot.statistics_of(index.relation, column.number) if column else None
    if test is None or statistics is None:
        return 1.0
    return 1.0 - statistics.null_frac if test["negated"] else statistics.null_frac


def _layout(snapshot: Snapshot, index: Index, position: int, statistics: ColumnStatistics | None) -> Layout:
    number = index.columns[position]
    if not number:
        return expression_layout(statistics)
    column = snapshot.column_by_number[index.relation, number]
    return layout(column, statistics, readable=not snapshot.redacted)


def _distinct(
    index: Index, statistics: list[ColumnStatistics | None], count: float
) -> tuple[float, tuple[float, ...]]:
    """Distinct keys as if columns were independent, at most one an entry; all where a column is unknown."""
    if count <= 0:
        return 0.0, ()
    known = [row for row in statistics if row is not None and row.n_distinct != 0]
    if len(known) < len(statistics):
        return count, ()
    if len(known) == 1:
        return _distinct_of_one(index, known[0], count)
    if index.unique:
        return count, ()
    product = 1.0
    for row in known:
        product = min(product * max(1.0, distinct_count(row, count)), 1e18)
    # So many entries show these of all the pairs there are (see distinct.seen).
    return max(1.0, -product * math.expm1(-count / product)), ()


def _distinct_of_one(index: Index, row: ColumnStatistics, count: float) -> tuple[float, tuple[float, ...]]:
    nulls = row.null_frac * count
    if index.unique:
        return max(1.0, count - nulls + (nulls > 0)), (nulls,) if nulls > 1 else ()
    common = tuple(share * count for share in (row.null_frac, *(row.common_frequencies or ())) if share > 0)
    return min(count, max(1.0, distinct_count(row, count), float(len(common)))), common
