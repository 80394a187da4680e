"""Heap, TOAST and visibility of a table at a grown size.

Formulas: heap_form_tuple (src/backend/access/common/heaptuple.c) for the width of a row, and
RelationGetBufferForTuple (src/backend/access/heap/hio.c) for what of a page is filled.
"""

from __future__ import annotations

import math

import msgspec

from tenfold.growth.width import LINE_POINTER, PAGE, PAGE_HEADER, heap_tuple, layout
from tenfold.model.relations import Relation
from tenfold.model.snapshot import Snapshot

#: Fewest pages whose density says more than the width of a row: the last one is half empty.
TELLING_PAGES = 10
#: autovacuum_vacuum_insert_threshold: below it nothing marks pages as all-visible.
_UNVISITED_ROWS = 1000
#: autovacuum_vacuum_insert_scale_factor lets a fifth of the rows come between two runs: a tenth in the mean.
_VISIBLE = 0.9


def rows_per_page(snapshot: Snapshot, relation: Relation) -> float:
    """How many rows fit on a page, by their width and the fill factor."""
    width = heap_tuple(
        layout(column, snapshot.statistics_of(relation.oid, column.number), readable=not snapshot.redacted)
        for column in snapshot.columns_of(relation.oid)
        if column.generated != "v"
    )
    fill = int(relation.option("fillfactor") or 100) / 100
    room = PAGE * fill - PAGE_HEADER
    return max(1.0, math.floor(room / (width + LINE_POINTER)))


def grown_heap(snapshot: Snapshot, relation: Relation, today: float, after: float) -> Relation:
    """The relation with rows, pages and bytes as they would be, at the observed density where it tells."""
    if relation.kind == "p":
        return msgspec.structs.replace(relation, rows=after)
    share = relation.all_visible_pages / relation.pages if relation.pages else 0.0
    if today < _UNVISITED_ROWS <= after and share == 0.0:
        share = _VISIBLE
    pages = _pages(snapshot, relation, today, after)
    factor = after / today if today > 0 else 1.0
    return msgspec.structs.replace(
        relation,
        rows=after,
        pages=pages,
        all_visible_pages=min(pages, round(pages * share)),
        size_bytes=pages * PAGE,
        toast_bytes=None if relation.toast_bytes is None else round(relation.toast_bytes * factor),
    )


def _pages(snapshot: Snapshot, relation: Relation, today: float, after: float) -> int:
    if after <= 0:
        return 0
    if relation.pages <= 0 or today <= 0:
        return max(1, math.ceil(after / rows_per_page(snapshot, relation)))
    pages = max(1, math.ceil(after / _density(snapshot, relation)))
    # A table does not shrink by growing, nor grow by shrinking, however it is filled today.
    return max(pages, relation.pages) if after >= today else min(pages, relation.pages)


def _density(snapshot: Snapshot, relation: Relation) -> float:
    """Rows a full page: those that are there tell it, but for how full the last page is."""
    pages, rows = relation.pages, relation.rows
    if rows <= 0:
        return rows_per_page(snapshot, relation)
    if pages >= TELLING_PAGES:
        return rows / (pages - 0.5)
    most = rows / (pages - 1) if pages > 1 else math.inf
    return min(max(rows_per_page(snapshot, relation), rows / pages), most)
