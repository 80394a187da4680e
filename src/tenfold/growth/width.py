"""Bytes of values and tuples, by type, alignment and statistics."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tenfold.model.relations import Column, ColumnStatistics

PAGE = 8192
#: ItemIdData and PageHeaderData (src/include/storage/bufpage.h).
LINE_POINTER, PAGE_HEADER = 4, 24
#: ItemPointerData (src/include/storage/itemptr.h).
TID = 6
#: Strictest alignment, MAXIMUM_ALIGNOF on 64-bit platforms.
MAX_ALIGNMENT = 8
#: HeapTupleHeaderData without the null bitmap (src/include/access/htup_details.h).
_HEAP_HEADER = 23
#: Longest value with a one-byte header; longer ones have four bytes, aligned (src/include/varatt.h).
_SHORT_VARLENA = 127

ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
#: Length and alignment of types where the column does not say (files of older versions).
_FIXED = {
    "boolean": (1, 1),
    "smallint": (2, 2),
    "integer": (4, 4),
    "real": (4, 4),
    "date": (4, 4),
    "oid": (4, 4),
    "bigint": (8, 8),
    "double precision": (8, 8),
    "timestamp without time zone": (8, 8),
    "timestamp with time zone": (8, 8),
    "time without time zone": (8, 8),
    "money": (8, 8),
    "uuid": (16, 1),
    "interval": (16, 8),
}
#: What the planner takes for a varying type it knows nothing of (get_typavgwidth, lsyscache.c).
UNKNOWN_WIDTH = 32


class Layout(msgspec.Struct, frozen=True):
    """How values of one column lie in a tuple."""

    #: Bytes of one that is not null, with its header; the mean where they vary.
    width: float
    alignment: int
    fixed: bool
    #: Share of rows where it is not null.
    present: float
    #: Bytes of sampled values, where they vary and are known.
    sample: tuple[int, ...] = ()


def layout(column: Column, statistics: ColumnStatistics | None, *, readable: bool = True) -> Layout:
    """`readable` is False where the statistics' values were taken out."""
    present = 1.0 - (statistics.null_frac if statistics else 0.0)
    length, alignment = column.length, ALIGNMENTS.get(column.alignment, 4)
    if length == 0:
        length, alignment = _FIXED.get(column.type, (-1, 4))
    if length > 0:
        return Layout(float(length), alignment, True, present)
    width = float(statistics.avg_width) if statistics and statistics.avg_width else typical_width(column)
    sample: tuple[int, ...] = ()
    if readable and statistics is not None and column.type_category == "S":
        values = (*(statistics.histogram or ()), *(statistics.common_values or ()))
        sample = tuple(_stored(len(value.encode())) for value in values)
    return Layout(width, alignment, False, present, sample)


def expression_layout(statistics: ColumnStatistics | None) -> Layout:
    """Of an index's expression, whose type the snapshot does not carry."""
    if statistics is None:
        return Layout(float(UNKNOWN_WIDTH), 4, False, 1.0)
    return Layout(float(statistics.avg_width), 1, False, 1.0 - statistics.null_frac)


def typical_width(column: Column) -> float:
    """Where no statistics tell. A length limit above 32 is taken to be a limit, not a habit."""
    if column.type.startswith("numeric"):
        return 6.0
    if column.type_kind == "e":
        return 4.0
    limit = column.type.partition("(")[2].rstrip(")")
    return float(min(int(limit) + 1, UNKNOWN_WIDTH)) if limit.isdigit() else float(UNKNOWN_WIDTH)


def heap_tuple(layouts: Iterable[Layout]) -> float:
    """Bytes of a row version with its header, aligned, without its line pointer (heap_form_tuple)."""
    columns = list(layouts)
    no_null = 1.0
    for column in columns:
        no_null *= column.present
    bitmap = _aligned(_HEAP_HEADER + (len(columns) + 7) // 8)
    header = no_null * _aligned(_HEAP_HEADER) + (1.0 - no_null) * bitmap
    return header + _aligned_mean(*_data(columns))


def index_tuple(layouts: Iterable[Layout]) -> float:
    """Bytes of an index entry, aligned, without its line pointer (index_form_tuple): 8 of header."""
    columns = list(layouts)
    if len(columns) == 1 and columns[0].sample:
        sizes = [_aligned(8 + size) for size in columns[0].sample]
        return sum(sizes) / len(sizes)
    size, varies = _data(columns)
    return _aligned_mean(8 + size, varies)


def varies(layouts: Iterable[Layout]) -> bool:
    """Whether entries differ in size."""
    return any(not column.fixed and len(set(column.sample)) != 1 for column in layouts)


def _data(columns: list[Layout]) -> tuple[float, bool]:
    """Mean bytes of the values in order, with the gaps between them, and whether they vary."""
    size, moves = 0.0, False
    for column in columns:
        if column.fixed or column.width > _SHORT_VARLENA:
            alignment = column.alignment
            # After a value of any length the gap is half an alignment in the mean.
            gap = (alignment - 1) / 2 if moves else -size % alignment
            size += gap * column.present
        size += column.width * column.present
        moves = moves or not column.fixed or column.present < 1.0
    return size, moves


def _aligned_mean(size: float, moves: bool) -> float:
    """Of sizes that vary by more than an alignment, half an alignment is lost; short ones share one."""
    if moves and size > 2 * MAX_ALIGNMENT:
        return size + (MAX_ALIGNMENT - 1) / 2
    return float(_aligned(size))


def _aligned(size: float) -> int:
    return int(-(-size // MAX_ALIGNMENT) * MAX_ALIGNMENT)


def _stored(length: int) -> int:
    """Bytes of a text of this length with its header."""
    return length + 1 if length + 1 <= _SHORT_VARLENA else length + 4
