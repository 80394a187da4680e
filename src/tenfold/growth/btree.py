"""Pages and height of a B-tree.

Formulas: src/backend/access/nbtree/nbtsort.c for one built at once (leaves are filled to the fill factor,
inner pages to 70 %), nbtdedup.c for posting lists, and for one that grew by insertion at random places the
splitting of full pages in half, as a branching process.
"""

from __future__ import annotations

import math
from typing import Literal

from tenfold.growth.keys import Entries
from tenfold.growth.width import LINE_POINTER, PAGE, TID
from tenfold.model.relations import Index
from tenfold.model.snapshot import Snapshot

#: How a B-tree came to be: built at once or filled in ascending order, or filled in random order.
Filling = Literal["ordered", "random"]

#: Of a page without its header and special space, and the high key's and the next item's line pointers.
_ROOM = PAGE - 24 - 16 - 2 * LINE_POINTER
#: BTREE_DEFAULT_FILLFACTOR, BTREE_NONLEAF_FILLFACTOR (src/include/access/nbtree.h).
_FILL, _INNER_FILL = 90, 70
#: Longest posting list of a build (a tenth of a page, nbtsort.c) and of an insertion (half of
#: BTMaxItemSize).
_LONGEST = {"ordered": 808, "random": 1352}
#: A full page of one key is split at 96 % (BTREE_SINGLEVAL_FILLFACTOR); so much of a page more is lost where
#: the next key begins: read off indexes with 500 to 10,000 rows a key on PostgreSQL 18.
_SINGLE_VALUE_FILL, _LOST = 0.96, 0.25

#: Operator classes whose equal values are the same bytes: those with support function 4 on PostgreSQL 18.
#: Whether a collation is deterministic the snapshot does not say; it is taken to be.
_EQUAL_IMAGE = frozenset(
    """
    bit_ops bool_ops bpchar_ops bpchar_pattern_ops bytea_ops char_ops cidr_ops date_ops enum_ops inet_ops
    int2_ops int4_ops int8_ops
    macaddr8_ops macaddr_ops money_ops name_ops oid_ops oidvector_ops pg_lsn_ops text_ops
    text_pattern_ops tid_ops time_ops timestamp_ops timestamptz_ops timetz_ops uuid_ops varbit_ops varchar_ops
    varchar_pattern_ops xid8_ops
    """.split()
)


def leaf_pages(index: Index, of: Entries, deduplicated: bool, filling: Filling) -> float:
    if of.count <= 0:
        return 0.0
    if filling == "ordered":
        return _ordered_leaves(of, deduplicated, _fill_factor(index))
    return _random_leaves(of, deduplicated)


def total_pages(leaves: float, of: Entries) -> int:
    """With the metapage and the inner levels."""
    if leaves <= 0:
        return 1
    total, level = 1, math.ceil(leaves)
    while level > 1:
        total += level
        level = math.ceil(level / fan_out(of, leaves))
    return total + 1


def height(pages: int, of: Entries, filling: Filling) -> int:
    """Levels above the leaves of a B-tree with so many pages in all: 0 where the root is the leaf."""
    found, level = 0, max(0, pages - 1)
    # Inner pages are among them: one in `fan_out` is not a leaf.
    fan = fan_out(of, level)
    level = math.floor(level * (1 - 1 / fan)) if level > 2 else min(level, 1)
    # A build leaves room on the root as on any inner page; under insertions it splits when it is full.
    root = fan if filling == "ordered" else fan * 100 / _INNER_FILL
    while level > 1:
        level = 1 if level <= root else math.ceil(level / fan)
        found += 1
    return found


def fan_out(of: Entries, leaves: float) -> float:
    """Children of an inner page: its keys are cut after the first column that tells leaves apart."""
    split_alike = of.distinct < 2 * leaves
    width = of.width + 8 if split_alike else of.first_width
    return max(2.0, math.floor((_ROOM - PAGE * (100 - _INNER_FILL) // 100) / (width + LINE_POINTER)))


def deduplicates(snapshot: Snapshot, index: Index) -> bool:
    """Whether equal keys are kept once.

    See https://www.postgresql.org/docs/current/btree.html#BTREE-DEDUPLICATION.
    """
    if len(index.columns) > index.key_count or "deduplicate_items=off" in (index.options or ()):
        return False
    classes = (snapshot.operator_class_by_oid.get(oid) for oid in index.opclasses)
    return all(found is not None and found.name in _EQUAL_IMAGE for found in classes)


def _ordered_leaves(of: Entries, deduplicated: bool, fill: int) -> float:
    room = _ROOM - PAGE * (100 - fill) // 100
    item = of.width + LINE_POINTER
    if not deduplicated or of.distinct >= of.count:
        per_page = room / item - 0.5 if of.varies else math.floor(room / item)
        return of.count / max(1.0, per_page)
    size, items, full = _grouped(of, "ordered")
    longest = _LONGEST["ordered"] + LINE_POINTER
    whole = longest * math.floor(room / longest)
    usable = full * whole + (1 - full) * (room - size / items / 2)
    return size / usable


def _random_leaves(of: Entries, deduplicated: bool) -> float:
    room = _ROOM + LINE_POINTER
    size = of.count * (of.width + LINE_POINTER)
    if deduplicated and of.distinct < of.count:
        size, _, _ = _grouped(of, "random")
    split = split_pages(of.count, of.count / size * room)
    # Equal keys come in the order of their rows: a long run of them fills its pages.
    in_runs = size / room / _SINGLE_VALUE_FILL + _LOST * of.distinct
    return max(1.0, min(split, in_runs))


def split_pages(count: float, capacity: float) -> float:
    """Pages after so many insertions at random places.

    A full page splits in half, but the rightmost at the fill factor (nbtsplitloc.c): nine tenths of the keys
    are to its left for good, and the page that remains goes on alike with the rest.
    """
    if count <= capacity:
        return 1.0
    share = _FILL / 100
    return _halved_pages(share * count, capacity) + split_pages((1 - share) * count, capacity)


def _halved_pages(count: float, capacity: float) -> float:
    """Pages fill alike and so split at nearly the same time.

    The mean fill swings around ln 2 = 69 % (A. Yao, On random 2-3 trees, Acta Informatica 9, 1978) and
    settles as the generations mix. From half to full a page takes ln 2 in the logarithm of the count, with
    variance 1 / capacity; the k-th generation of splits comes after a sum of k of them.
    """
    if count <= capacity:
        return 1.0
    since, variance = math.log(count / capacity), 1 / capacity
    mean = math.log(2) + variance / 2
    pages, generation = 2.0, 1
    while (left := since - generation * mean) > -6 * math.sqrt(generation * variance):
        pages += 2.0**generation * 0.5 * math.erfc(-left / math.sqrt(2 * generation * variance))
        generation += 1
    return pages


def _grouped(of: Entries, filling: Filling) -> tuple[float, float, float]:
    """Bytes of all items with posting lists, how many items they are, and the share of full posting lists."""
    common = [count for count in of.common if count > 0]
    rest_keys = max(0.0, of.distinct - len(common))
    rest = max(0.0, of.count - math.fsum(common))
    size = items = full = 0.0
    groups = [(count, 1.0) for count in common]
    if rest_keys > 0 and rest > 0:
        groups.append((rest / min(rest_keys, rest), min(rest_keys, rest)))
    longest = math.floor((_LONGEST[filling] - of.width) / TID)
    for rows, times in groups:
        lists, alike = _group(rows, longest)
        size += times * (lists * (of.width + LINE_POINTER) + alike * (TID * rows + 3))
        items += times * lists
        full += times * min(lists, rows / longest if rows > longest else 0.0)
    return size, items, min(1.0, full / items)


def _group(rows: float, longest: int) -> tuple[float, float]:
    """Posting lists of a key with so many rows, and how much of it is a list: a lone row needs none.

    Three bytes are lost to alignment in the mean.
    """
    lists = max(1.0, rows / longest + 0.5)
    if rows >= 30:
        return lists, 1.0
    # Rows a key as chance has it: Poisson, of keys that have one at all.
    mean = _mean_with_zeros(rows)
    return lists, 1.0 - (mean / math.expm1(mean) if mean > 0 else 1.0) / max(1.0, rows)


def _mean_with_zeros(rows: float) -> float:
    """The Poisson mean whose mean over those above zero is `rows`."""
    low, high = 0.0, rows
    for _ in range(40):
        middle = (low + high) / 2
        above = middle / -math.expm1(-middle) if middle > 0 else 1.0
        low, high = (middle, high) if above < rows else (low, middle)
    return low


def _fill_factor(index: Index) -> int:
    for option in index.options or ():
        if option.startswith("fillfactor="):
            return int(option.partition("=")[2])
    return _FILL
