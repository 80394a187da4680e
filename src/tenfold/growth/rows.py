"""How many rows each relation has today and at the grown size, partitions and all."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tenfold.errors import UsageError
from tenfold.growth import heap
from tenfold.model.growth import Growth
from tenfold.model.relations import Relation
from tenfold.model.snapshot import Snapshot

_WITH_ROWS = ("r", "p", "m", "f")


def rows_today(snapshot: Snapshot) -> dict[int, float]:
    """Rows by oid, of a partitioned table those of its leaves; 0 where nothing tells.

    Of a relation that was never analysed, as many as its length has room for (estimate_rel_size,
    src/backend/optimizer/util/plancat.c).
    """
    counts = {
        relation.oid: _own_rows(snapshot, relation)
        for relation in snapshot.relations
        if relation.kind in _WITH_ROWS and relation.kind != "p"
    }
    for relation in snapshot.relations:
        if relation.kind == "p":
            leaves = snapshot.leaves_of(relation.oid)
            counts[relation.oid] = math.fsum(counts.get(leaf, 0.0) for leaf in leaves)
    return counts


def rows_after(snapshot: Snapshot, growth: Growth, today: Mapping[int, float]) -> dict[int, float]:
    """Rows by oid at the grown size. Raises UsageError for rows of what has none, or that are no number."""
    for oid, rows in growth.rows.items():
        if oid not in today:
            raise UsageError(f"A growth names rows of oid {oid}, and no table has it in this snapshot.")
        if not math.isfinite(rows) or rows < 0:
            name = snapshot.relation_by_oid[oid].display
            raise UsageError(f"Rows of {name} must be a number from 0, not {rows:g}.")
    after = dict(today)
    partitioned = [r for r in snapshot.relations if r.kind == "p"]
    for relation in partitioned:
        if relation.oid in growth.rows:
            after.update(_spread(snapshot.leaves_of(relation.oid), growth.rows[relation.oid], today))
    after.update({oid: float(rows) for oid, rows in growth.rows.items()})
    for relation in partitioned:
        leaves = snapshot.leaves_of(relation.oid)
        changed = any(after[leaf] != today[leaf] for leaf in leaves if leaf in today)
        if leaves and changed:
            after[relation.oid] = math.fsum(after[leaf] for leaf in leaves if leaf in after)
    return after


def descendants(snapshot: Snapshot, relation: int) -> tuple[int, ...]:
    """All that inherit from it, at whatever depth."""
    return tuple(
        below for child in snapshot.children_of(relation) for below in (child, *descendants(snapshot, child))
    )


def tree_rows(snapshot: Snapshot, relation: int, counts: Mapping[int, float]) -> float:
    """Rows that statistics of the whole inheritance tree speak of."""
    if snapshot.relation_by_oid[relation].kind == "p":
        return counts[relation]
    return counts[relation] + math.fsum(counts.get(oid, 0.0) for oid in descendants(snapshot, relation))


def _own_rows(snapshot: Snapshot, relation: Relation) -> float:
    if relation.rows >= 0 and not (relation.rows == 0 and relation.pages == 0):
        return relation.rows
    blocks = (relation.size_bytes or 0) // 8192
    return blocks * heap.rows_per_page(snapshot, relation)


def _spread(leaves: tuple[int, ...], rows: float, today: Mapping[int, float]) -> dict[int, float]:
    """Over the leaves as they share rows today, evenly where they have none."""
    total = math.fsum(today[leaf] for leaf in leaves)
    if total > 0:
        return {leaf: rows * today[leaf] / total for leaf in leaves}
    return {leaf: rows / len(leaves) for leaf in leaves}
