"""Pages of a GIN index: a B-tree of elements, each with its rows in line or in a tree of its own.

Formulas: ginCompressPostingList (src/backend/access/gin/ginpostinglist.c) for the bytes of a row pointer,
GinFormTuple (ginentrypage.c) for an entry, GinMaxItemSize (src/include/access/ginblock.h)
for where a tree begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from tenfold.growth.elements import Elements
from tenfold.growth.width import LINE_POINTER, PAGE

_ROOM = PAGE - 24 - 8
#: Longest entry with its rows in line.
_LONGEST_ENTRY = 2704
#: A page of entries that is filled in order splits in half and stays so; read off builds on PostgreSQL 18,
#: as is how full pages of posting trees are.
_ENTRY_FILL, _TREE_FILL = 0.52, 0.93
#: gin_pending_list_limit, 4 MB: pages of the pending list that were merged stay in the file.
_PENDING_PAGES = 480
#: Pages from which a distance takes one byte more than two: eleven bits of it are the place on the page
#: (ginpostinglist.c).
_PAGES_OF_BYTES = tuple(float(2 ** (7 * count - 11)) for count in (2, 3, 4))


class GinPages(msgspec.Struct, frozen=True):
    entry_pages: int
    data_pages: int
    entries: float
    #: Pages of the pending list of one that was filled row by row.
    pending_pages: int

    def total(self, *, inserted: bool) -> int:
        return 1 + self.entry_pages + self.data_pages + (self.pending_pages if inserted else 0)


def gin_pages(groups: Iterable[Elements], rows: float, rows_per_page: float) -> GinPages:
    """Of an index on so many rows, so many of which share a heap page."""
    entry_bytes = data_pages = distinct = pending = 0.0
    for group in groups:
        share = group.per_row / group.distinct
        if rows <= 0 or share <= 0:
            continue
        rows_each = max(1.0, rows * share)
        count = min(group.distinct, rows * group.per_row)
        pointers = 6 + (rows_each - 1) * _pointer_bytes(share, rows_per_page)
        entry = 8 + group.width + pointers
        if entry > _LONGEST_ENTRY:
            pages = math.ceil(pointers / (_ROOM * _TREE_FILL))
            data_pages += count * (pages + (pages > 1))
            entry = 8 + group.width
        entry_bytes += count * (_aligned(entry) + LINE_POINTER)
        distinct += count
        pending += rows * group.per_row * (_aligned(8 + group.width) + LINE_POINTER)
    leaves = math.ceil(entry_bytes / (_ROOM * _ENTRY_FILL)) if entry_bytes > _ROOM else 1
    return GinPages(
        entry_pages=leaves + math.ceil(leaves / 150) if leaves > 1 else 1,
        data_pages=math.ceil(data_pages),
        entries=distinct,
        pending_pages=min(_PENDING_PAGES, math.ceil(pending / _ROOM)),
    )


def _pointer_bytes(share: float, rows_per_page: float) -> float:
    """Bytes of one distance between row pointers, seven bits each, of an element with this share of the rows.

    One byte reaches the other rows of the same page, two the next 7 pages, and each further one 128 times as
    many. The rows in between are geometrically many, and the first of them stands anywhere on its page.
    """
    share = min(share, 1 - 1e-9)
    none_on_page = math.pow(1 - share, rows_per_page)
    elsewhere = (1 - none_on_page) / (rows_per_page * share)
    return 1 + elsewhere * (1 + sum(math.pow(none_on_page, pages - 1) for pages in _PAGES_OF_BYTES))


def _aligned(size: float) -> float:
    return math.ceil(size / 8) * 8
