"""What a change will cost, from the snapshot's sizes: bounds to plan by, not measurements.

The rates are assumptions, on the careful side of what one run gave (PostgreSQL 18, two cores, two million
rows of 190 bytes in memory, no waiting for the disk): 0.2 to 1.1 µs a row to sort and write an index, 0.06 µs
to check a row for null and 0.15 µs to look up its foreign key, 190,000 rows a second updated by key, up to
15 ms for a policy, ENABLE and FORCE in one transaction. Reading is taken at 200 MB/s, as if nothing were in
memory.
"""

from __future__ import annotations

from tenfold.model.change import Estimate
from tenfold.model.relations import Column, Relation
from tenfold.model.remedy import CreateIndex
from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject

READ_BYTES_PER_SECOND = 200e6
SORT_SECONDS_PER_ROW = 1.1e-6
CHECK_SECONDS_PER_ROW = 0.2e-6
#: A backfill leaves half of the time to writers, and waits for its WAL to reach the disk.
BACKFILL_ROWS_PER_SECOND = 40_000
BRIEF_SECONDS = 0.02

_PAGE = 8192
#: B-tree pages are filled to 90 % (BTREE_DEFAULT_FILLFACTOR, src/include/access/nbtree.h).
_FILL = 0.9
_TUPLE_HEADER, _LINE_POINTER, _ALIGNMENT, _TID = 8, 4, 8, 6
#: Heap pointers in one posting list of at most half of BTMaxItemSize (src/backend/access/nbtree/nbtdedup.c).
_POSTING_TIDS = 220
#: Bytes of a value where there are no statistics.
_WIDTHS = {
    "smallint": 2,
    "integer": 4,
    "bigint": 8,
    "uuid": 16,
    "boolean": 1,
    "date": 4,
    "timestamp with time zone": 8,
    "timestamp without time zone": 8,
}
_WIDTH_OF_OTHERS = 24
#: Types whose equal values may look different, so that the B-tree keeps every copy
#: (https://www.postgresql.org/docs/current/btree.html#BTREE-DEDUPLICATION).
_NOT_DEDUPLICATED = ("numeric", "real", "double precision", "jsonb")

BRIEF = Estimate(seconds=BRIEF_SECONDS, lock_seconds=BRIEF_SECONDS)


def build_estimate(subject: Subject, relation: Relation, remedy: CreateIndex) -> Estimate:
    """Of a concurrent build: it reads the table twice, sorts the keys and writes the index."""
    rows = subject.rows(relation)
    size = index_bytes(subject, relation, remedy)
    seconds = (2 * heap_bytes(relation) + size) / READ_BYTES_PER_SECOND + rows * SORT_SECONDS_PER_ROW
    return Estimate(bytes=size, seconds=round(seconds, 3), lock_seconds=round(seconds, 3), rows=int(rows))


def scan_estimate(subject: Subject, relation: Relation) -> Estimate:
    """Of a check of every row: it reads the table once."""
    rows = subject.rows(relation)
    seconds = heap_bytes(relation) / READ_BYTES_PER_SECOND + rows * CHECK_SECONDS_PER_ROW
    return Estimate(seconds=round(seconds, 3), lock_seconds=round(seconds, 3), rows=int(rows))


def backfill_estimate(subject: Subject, relation: Relation, width: int) -> Estimate:
    """Of an update of every row: each leaves its old version behind until vacuum."""
    rows = subject.rows(relation)
    return Estimate(
        bytes=heap_bytes(relation) + int(rows) * width,
        seconds=round(rows / BACKFILL_ROWS_PER_SECOND, 3),
        lock_seconds=0.0,
        rows=int(rows),
    )


def heap_bytes(relation: Relation) -> int:
    return relation.size_bytes if relation.size_bytes is not None else relation.pages * _PAGE


def index_bytes(subject: Subject, relation: Relation, remedy: CreateIndex) -> int:
    """Bytes of the index's leaf pages, for all rows also where it is partial.

    A B-tree stores equal keys once, with 6 bytes a row; others are taken to copy the value for each row.
    """
    rows = subject.rows(relation)
    columns = [_find(subject.snapshot, relation, key.column) for key in remedy.keys]
    columns += [_find(subject.snapshot, relation, name) for name in remedy.include]
    width = sum(_width(subject.snapshot, column) for column in columns)
    entry = _aligned(_TUPLE_HEADER + width) + _LINE_POINTER
    total = rows * entry
    if remedy.method == "btree" and not remedy.unique and not remedy.include:
        distinct = _distinct(subject.snapshot, columns, rows)
        if distinct < rows and all(map(_is_deduplicated, columns)):
            total = min(total, rows * _TID + (distinct + rows / _POSTING_TIDS) * entry)
    return int(total / _FILL)


def column_width(type_name: str) -> int:
    return _WIDTHS.get(type_name, _WIDTH_OF_OTHERS)


def _find(snapshot: Snapshot, relation: Relation, name: str | None) -> Column | None:
    return None if name is None else snapshot.column(relation.oid, name)


def _width(snapshot: Snapshot, column: Column | None) -> int:
    """Of an expression and of a column yet to be added nothing is known."""
    if column is None:
        return _ALIGNMENT
    statistics = snapshot.statistics_of(column.relation, column.number)
    return statistics.avg_width if statistics is not None else column_width(column.type)


def _distinct(snapshot: Snapshot, columns: list[Column | None], rows: float) -> float:
    """Distinct keys, as if the columns were independent; all rows where one is unknown."""
    distinct = 1.0
    for column in columns:
        statistics = None if column is None else snapshot.statistics_of(column.relation, column.number)
        if statistics is None:
            return rows
        count = statistics.n_distinct
        distinct *= count if count >= 0 else -count * rows
    return min(distinct, rows)


def _is_deduplicated(column: Column | None) -> bool:
    if column is None or column.type_category == "A" or column.type_kind in ("c", "r", "m"):
        return False
    return not column.type.startswith(_NOT_DEDUPLICATED)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
