"""The first pages of indexes, as the planner reads them: little-endian bytes of 8,192 each.

The planner looks into four kinds of index. Of a B-tree it wants the height from the metapage, and for a
comparison at the end of the histogram it goes down to the first or last leaf: there is a path of one page a
level to an empty leaf, so that it finds nothing and keeps to the histogram. Of GIN it wants the counts of the
metapage, of BRIN the pages a range and the pages of the map. Of SP-GiST it wants to know whether the index
keeps whole values, and finds that out by a metapage that need only be one.

Layouts: storage/bufpage.h, access/nbtree.h, access/ginblock.h, access/brin_page.h and
access/spgist_private.h in src/include of 18.
"""

from __future__ import annotations

import struct
from functools import cache

BLOCK = 8192
_HEADER = 24
_LAYOUT_VERSION = 4

_BTREE_MAGIC, _BTREE_VERSION = 0x053162, 4
_BTREE_SPECIAL = 16
_LEAF, _ROOT, _META = 1, 2, 8

_GIN_SPECIAL = 8
_GIN_META, _GIN_VERSION = 1 << 3, 2

_BRIN_SPECIAL = 8
_BRIN_MAGIC, _BRIN_VERSION, _BRIN_META = 0xA8109CFA, 1, 0xF091

_SPGIST_MAGIC, _SPGIST_META, _SPGIST_PAGE = 0xBA0BABEE, 1, 0xFF82
_SPGIST_CACHED_PAGES = 8


@cache
def btree_head(height: int) -> bytes:
    """Metapage, root and the pages on the way to an empty leaf. Height 0: the root is the leaf."""
    meta = struct.pack(
        "<IIIIIIIxxxxd?",
        _BTREE_MAGIC, _BTREE_VERSION, 1, height, 1, height, 0, -1.0, True,
    )  # fmt: skip
    pages = [_page(meta, b"", _btree_special(level=0, flags=_META))]
    for level in range(height, -1, -1):
        flags = (_LEAF if level == 0 else 0) | (_ROOT if level == height else 0)
        downlink = _downlink(len(pages) + 1) if level else b""
        pages.append(_page(b"", downlink, _btree_special(level, flags)))
    return b"".join(pages)


def gin_head(*, pages: int, entry_pages: int, data_pages: int, entries: int) -> bytes:
    """A metapage with nothing pending."""
    nothing = 0xFFFFFFFF
    meta = struct.pack(
        "<IIIIqIIIxxxxqi",
        nothing, nothing, 0, 0, 0, pages, entry_pages, data_pages, entries, _GIN_VERSION,
    )  # fmt: skip
    return _page(meta, b"", struct.pack("<IHH", nothing, 0, _GIN_META))


def brin_head(*, pages_per_range: int, map_pages: int) -> bytes:
    meta = struct.pack("<IIII", _BRIN_MAGIC, _BRIN_VERSION, pages_per_range, map_pages)
    return _page(meta, b"", struct.pack("<HHHH", 0, 0, 0, _BRIN_META))


@cache
def spgist_head() -> bytes:
    """A metapage that remembers no page with room."""
    no_page = struct.pack("<Ii", 0xFFFFFFFF, 0)
    meta = struct.pack("<I", _SPGIST_MAGIC) + no_page * _SPGIST_CACHED_PAGES
    return _page(meta, b"", struct.pack("<HHHH", _SPGIST_META, 0, 0, _SPGIST_PAGE))


def _page(content: bytes, item: bytes, special: bytes) -> bytes:
    """A page with content right behind its header, or else one item."""
    start_of_special = BLOCK - len(special)
    upper = start_of_special - len(item)
    if item:
        content = struct.pack("<I", upper | 1 << 15 | len(item) << 17)  # ItemIdData: offset, normal, length
    header = struct.pack(
        "<QHHHHHHI", 0, 0, 0, _HEADER + len(content), upper, start_of_special, BLOCK | _LAYOUT_VERSION, 0
    )
    return (header + content).ljust(upper, b"\0") + item + special


def _btree_special(level: int, flags: int) -> bytes:
    return struct.pack("<IIIHH", 0, 0, level, flags, 0)


def _downlink(block: int) -> bytes:
    """A pivot tuple without keys, smaller than everything, that leads to a block."""
    without_keys = 8 | 0x2000  # size, INDEX_ALT_TID_MASK
    return struct.pack("<HHHH", block >> 16, block & 0xFFFF, 0, without_keys)
