"""Sizes of indexes: as observed where they are, as each method's formula says where they grew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tenfold.growth import btree
from tenfold.growth.brin import brin_pages
from tenfold.growth.elements import Elements, elements_of
from tenfold.growth.gin import GinPages, gin_pages
from tenfold.growth.gist import tree_pages
from tenfold.growth.hash_index import hash_pages
from tenfold.growth.keys import Entries, entries, entry_count, key_statistics
from tenfold.model.relations import Index
from tenfold.model.snapshot import Snapshot

#: Fewest pages whose ratio to the formula is the index's own and not that of its last page.
_TELLING_PAGES = 20
#: Fewest pages that tell an index filled in random order from one built at once.
_DISTINGUISHABLE_PAGES = 4
#: The formulas for both must differ by so many pages; one is chance.
_APART = 2
#: How far pages may be from their mean by chance, by the root of their number.
_CHANCE = 0.5
#: Correlation from which entries are taken to come in ascending order.
_IN_ORDER = 0.9


class IndexSize(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner asks an index for."""

    pages: int
    tuples: float
    #: Of a B-tree: levels above the leaves.
    height: int = 0
    #: Of a GIN index: pages of elements, pages of posting trees, distinct elements.
    entry_pages: int = 0
    data_pages: int = 0
    entries: float = 0.0
    #: Of a BRIN index: pages of the range map.
    revmap_pages: int = 0


class _Kept(NamedTuple):
    """How an index is kept today, which growth does not change."""

    inserted: bool
    #: Observed pages over the formula's.
    correction: float


def index_sizes(snapshot: Snapshot) -> Mapping[int, IndexSize]:
    """By oid, of every index that has storage, at the pages that the snapshot has."""
    return {index.oid: _size(snapshot, index) for index in snapshot.indexes if _has_storage(snapshot, index)}


def index_pages(today: Snapshot, index: Index, grown: Snapshot, tuples: float) -> int:
    """Pages of the index with so many entries in the grown snapshot, kept as it is kept today.

    `grown` has the statistics and heap pages of the grown size; the index's own size there is not looked at.
    """
    kept = _kept(today, index)
    pages = max(1, math.ceil(_formula(grown, index, tuples, inserted=kept.inserted) * kept.correction))
    if index.tuples > 0 and index.pages > 0 and tuples >= index.tuples:
        return max(pages, index.pages)
    return min(pages, index.pages) if index.pages > 0 and 0 < tuples < index.tuples else pages


def as_built(snapshot: Snapshot, index: Index) -> Index:
    """The index with the entries and pages that CREATE INDEX would give it on the snapshot's rows."""
    rows = max(0.0, snapshot.relation_by_oid[index.relation].rows)
    tuples = entry_count(snapshot, index, rows, rows)
    pages = max(1, _formula(snapshot, index, tuples, inserted=False))
    return msgspec.structs.replace(index, tuples=tuples, pages=pages)


def btree_height(snapshot: Snapshot, index: Index) -> int:
    """Levels above the leaves at the pages that the snapshot has: 0 where the root is the leaf."""
    filling: btree.Filling = "random" if _kept(snapshot, index).inserted else "ordered"
    return btree.height(index.pages, entries(snapshot, index, max(0.0, index.tuples)), filling)


def _size(snapshot: Snapshot, index: Index) -> IndexSize:
    tuples = max(0.0, index.tuples)
    size = IndexSize(pages=index.pages, tuples=tuples)
    if index.method == "btree":
        return msgspec.structs.replace(size, height=btree_height(snapshot, index))
    if index.method == "gin":
        model = _gin(snapshot, index, tuples)
        inner = max(0, index.pages - 1)
        # Where fewer pages are there than the formula says, they are shared out as it shares its own.
        share = min(1.0, inner / (model.entry_pages + model.data_pages))
        data = round(model.data_pages * share)
        entry_pages = min(inner - data, model.entry_pages)
        return msgspec.structs.replace(
            size, entry_pages=max(0, entry_pages), data_pages=data, entries=model.entries
        )
    if index.method == "brin":
        heap_pages = snapshot.relation_by_oid[index.relation].pages
        return msgspec.structs.replace(size, revmap_pages=brin_pages(index, heap_pages, 8.0).revmap)
    return size


def _kept(today: Snapshot, index: Index) -> _Kept:
    """By today's size where that tells, else by the order of the first column."""
    first = key_statistics(today, index, 0)
    in_order = first is None or abs(first.correlation or 0.0) >= _IN_ORDER
    by_order = _Kept(index.method == "btree" and not in_order, 1.0)
    if index.tuples <= 0 or index.pages < _DISTINGUISHABLE_PAGES:
        return by_order
    pages = {kind: _formula(today, index, index.tuples, inserted=kind) for kind in (False, True)}
    if abs(pages[False] - pages[True]) < _APART and index.pages < _TELLING_PAGES:
        return by_order
    inserted = min(pages, key=lambda kind: abs(math.log(index.pages / pages[kind])))
    chance = _CHANCE / math.sqrt(index.pages)
    if abs(math.log(index.pages / pages[by_order.inserted])) < chance:
        inserted = by_order.inserted
    telling = index.pages >= _TELLING_PAGES
    return _Kept(inserted, index.pages / pages[inserted] if telling else 1.0)


def _formula(snapshot: Snapshot, index: Index, tuples: float, *, inserted: bool) -> int:
    if index.method == "gin":
        return _gin(snapshot, index, tuples).total(inserted=inserted)
    of = entries(snapshot, index, tuples)
    if index.method == "btree":
        return _btree(snapshot, index, of, inserted=inserted)
    if index.method == "hash":
        return hash_pages(of)
    if index.method == "brin":
        heap_pages = snapshot.relation_by_oid[index.relation].pages
        return brin_pages(index, heap_pages, of.width - 8).total
    return tree_pages(index.method, of)


def _btree(snapshot: Snapshot, index: Index, of: Entries, *, inserted: bool) -> int:
    filling: btree.Filling = "random" if inserted else "ordered"
    leaves = btree.leaf_pages(index, of, btree.deduplicates(snapshot, index), filling)
    return btree.total_pages(leaves, of)


def _gin(snapshot: Snapshot, index: Index, tuples: float) -> GinPages:
    relation = snapshot.relation_by_oid[index.relation]
    groups: list[Elements] = []
    for position, number in enumerate(index.key_columns):
        column = snapshot.column_by_number[index.relation, number] if number else None
        found = snapshot.operator_class_by_oid.get(index.opclasses[position])
        statistics = key_statistics(snapshot, index, position)
        groups += elements_of(column, found.name if found else "", statistics, tuples, not snapshot.redacted)
    return gin_pages(groups, tuples, max(1.0, relation.rows / relation.pages) if relation.pages else 50.0)


def _has_storage(snapshot: Snapshot, index: Index) -> bool:
    relation = snapshot.relation_by_oid.get(index.relation)
    return relation is not None and relation.kind != "p"
