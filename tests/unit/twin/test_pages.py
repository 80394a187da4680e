"""The first pages of indexes are laid out as the server reads them."""

from __future__ import annotations

import struct

import pytest

from tenfold.twin.pages import BLOCK, brin_head, btree_head, gin_head, spgist_head


def bounds(page: bytes) -> tuple[int, int, int, int]:
    """pd_lower, pd_upper, pd_special and pd_pagesize_version."""
    lower, upper, special, size = struct.unpack_from("<HHHH", page, 12)
    return lower, upper, special, size


@pytest.mark.parametrize("height", [0, 1, 3])
def test_a_btree_has_a_path_from_its_root_to_a_leaf(height: int) -> None:
    head = btree_head(height)
    pages = [head[start : start + BLOCK] for start in range(0, len(head), BLOCK)]
    assert len(pages) == height + 2
    root, level = struct.unpack_from("<II", pages[0], 24 + 8)
    assert (root, level) == (1, height)
    for at, page in enumerate(pages[1:], start=1):
        *_, level, flags, _ = struct.unpack_from("<IIIHH", page, BLOCK - 16)
        assert level == height - (at - 1)
        assert bool(flags & 1) == (level == 0)
        assert bool(flags & 2) == (at == 1)
        if level:
            (item,) = struct.unpack_from("<I", page, 24)
            upper, child = struct.unpack_from("<HH", page, item & 0x7FFF)
            assert (upper, child) == (0, at + 1)


@pytest.mark.parametrize(
    "head",
    [
        btree_head(2)[:BLOCK],
        gin_head(pages=9, entry_pages=4, data_pages=3, entries=100),
        brin_head(pages_per_range=128, map_pages=2),
        spgist_head(),
    ],
    ids=["btree", "gin", "brin", "spgist"],
)
def test_a_metapage_keeps_to_its_page(head: bytes) -> None:
    lower, upper, special, size = bounds(head)
    assert len(head) == BLOCK
    assert 24 < lower <= upper <= special < BLOCK
    assert size == BLOCK | 4


def test_counts_are_where_the_server_looks_for_them() -> None:
    gin = gin_head(pages=9, entry_pages=4, data_pages=3, entries=1 << 40)
    assert struct.unpack_from("<III", gin, 24 + 24) == (9, 4, 3)
    assert struct.unpack_from("<q", gin, 24 + 40) == (1 << 40,)
    brin = brin_head(pages_per_range=16, map_pages=5)
    assert struct.unpack_from("<II", brin, 24 + 8) == (16, 5)
    assert struct.unpack_from("<I", spgist_head(), 24) == (0xBA0BABEE,)
