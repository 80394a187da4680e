"""Pages of a BRIN index (src/include/access/brin_page.h, brin_revmap.c)."""

from __future__ import annotations

import math
from typing import NamedTuple

from tenfold.growth.width import LINE_POINTER, PAGE
from tenfold.model.relations import Index

#: REVMAP_PAGE_MAXITEMS: addresses of 6 bytes on one page.
_ADDRESSES = (PAGE - 24 - 8) // 6
_PAGES_PER_RANGE = 128


class BrinPages(NamedTuple):
    total: int
    revmap: int


def brin_pages(index: Index, heap_pages: int, key_widths: float) -> BrinPages:
    """Metapage, range map, and a summary of least and greatest value for each range of heap pages."""
    ranges = max(1, math.ceil(heap_pages / pages_per_range(index)))
    summary = -(-(8 + 2 * key_widths) // 8) * 8 + LINE_POINTER
    revmap = math.ceil(ranges / _ADDRESSES)
    return BrinPages(1 + revmap + math.ceil(ranges * summary / (PAGE - 32)), revmap)


def pages_per_range(index: Index) -> int:
    for option in index.options or ():
        if option.startswith("pages_per_range="):
            return int(option.partition("=")[2])
    return _PAGES_PER_RANGE
