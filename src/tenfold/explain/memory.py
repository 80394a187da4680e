"""Sorts and hashes that do not fit into memory: counted, or by the planner's own arithmetic. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.explain.ground import Ground, Place
from tenfold.model.explained import Verdict

# relation_byte_size() of costsize.c: each row aligned, and a header of 24 bytes.
_SORTED_ROW = 24
# ExecChooseHashTableSize() of nodeHash.c: HJTUPLE_OVERHEAD and the header of a minimal tuple.
_HASHED_ROW = 16 + 16
# hash_agg_entry_size() of nodeAgg.c, without transition values: chunk, tuple header and table entry.
_GROUP = 16 + 16 + 40


def spill(place: Place, ground: Ground) -> Iterator[Verdict]:
    """A sort or hash table on disk."""
    counted = _counted(place)
    message = counted or (None if place.analyzed else _expected(place, ground))
    if message is not None:
        yield Verdict("spill", place.node.label, place.path, message, _remedy(place))


def _counted(place: Place) -> str | None:
    node = place.node
    if node.sort_space_type == "Disk":
        return f"the sort spilled {_size((node.sort_space or 0) * 1024)} to disk ({node.sort_method})"
    if node.hash_batches is not None and node.hash_batches > 1:
        return f"the hash table was worked on in {node.hash_batches:,} batches, all but one of them on disk"
    if node.disk_usage:
        return f"the hash table spilled {_size(node.disk_usage * 1024)} to disk"
    return None


def _expected(place: Place, ground: Ground) -> str | None:
    """By rows, width and the memory that this role's sessions have."""
    node, rows = place.node, place.node.rows
    if node.type == "Sort" and not _is_top_n(place, ground):
        wanted, room = _bytes(node.rows, node.width, _SORTED_ROW), ground.work_mem
        what, limit = "the sort", "work_mem"
    elif node.type == "Hash":
        rows = node.rows * (place.processes if node.parallel else 1.0)
        wanted = _bytes(rows, node.width, _HASHED_ROW)
        room, what, limit = int(ground.hash_memory * _workers(place)), "the hash table", "hash memory"
    elif node.type == "Aggregate" and node.strategy in ("Hashed", "Mixed"):
        wanted, room = _bytes(node.rows, node.width, _GROUP), ground.hash_memory
        what, limit = "the hash table", "hash memory"
    else:
        return None
    if wanted <= room:
        return None
    return f"{what} is expected to spill: {_size(wanted)} for {rows:,.0f} rows, {limit} is {_size(room)}"


def _is_top_n(place: Place, ground: Ground) -> bool:
    """Whether a LIMIT right above keeps the sort to a heap of few rows, which cost_sort() looks for too."""
    limit = place.above[0] if place.above else None
    return (
        limit is not None
        and limit.type == "Limit"
        and _bytes(limit.rows, place.node.width, _SORTED_ROW) <= ground.work_mem
    )


def _workers(place: Place) -> float:
    """Processes that pool their memory for one shared hash table."""
    if not place.node.parallel:
        return 1.0
    gather = next((node for node in place.above if node.type.startswith("Gather")), None)
    return 1.0 + (gather.workers_planned or 0 if gather is not None else 0)


def _remedy(place: Place) -> str:
    if place.node.type == "Sort":
        return "an index in this order spares the sort; or select less, or SET LOCAL work_mem for this query"
    return "select fewer rows or columns; or SET LOCAL work_mem or hash_mem_multiplier for this query"


def _bytes(rows: float, width: int, overhead: int) -> float:
    return rows * (-(-width // 8) * 8 + overhead)


def _size(count: float) -> str:
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1024:,.0f} kB"
