"""The server's binary forms of extended statistics. Pure.

Layouts: statext_ndistinct_serialize, statext_dependencies_serialize and statext_mcv_serialize in
src/backend/statistics of 18, little-endian. Nothing in them is aligned.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping, Sequence

_N_DISTINCT_MAGIC, _DEPENDENCIES_MAGIC, _BASIC = 0xA352BFA4, 0xB4549A2C, 1
_HEADER = struct.Struct("<III")
_SIDES = re.compile(r"-?\d+")


def n_distinct_bytes(text: str, numbers: Mapping[int, int]) -> bytes:
    """`{"3, 4": 25}` as pg_ndistinct, with other numbers for columns; expressions keep theirs, below zero."""
    items: Mapping[str, float] = json.loads(text)
    packed = [
        struct.pack("<di", float(count), len(columns)) + _packed(columns)
        for columns, count in ((_numbers(key, numbers), count) for key, count in items.items())
    ]
    return _HEADER.pack(_N_DISTINCT_MAGIC, _BASIC, len(packed)) + b"".join(packed)


def dependencies_bytes(text: str, numbers: Mapping[int, int]) -> bytes:
    """`{"3 => 4": 0.5}` as pg_dependencies."""
    items: Mapping[str, float] = json.loads(text)
    packed = [
        struct.pack("<dh", float(degree), len(columns)) + _packed(columns)
        for columns, degree in ((_numbers(key, numbers), degree) for key, degree in items.items())
    ]
    return _HEADER.pack(_DEPENDENCIES_MAGIC, _BASIC, len(packed)) + b"".join(packed)


def mcv_with(mcv: bytes, width: int, frequencies: Sequence[tuple[float, float]]) -> bytes:
    """A pg_mcv_list of `width` columns with other frequencies and base frequencies, in the order it has."""
    size = (
        width * 3 + 16
    )  # for each column a flag for NULL and an index of two bytes; two frequencies between
    start = len(mcv) - size * len(frequencies)
    changed = bytearray(mcv)
    for position, (frequency, base) in enumerate(frequencies):
        struct.pack_into("<dd", changed, start + position * size + width, frequency, base)
    return bytes(changed)


def _numbers(key: str, numbers: Mapping[int, int]) -> list[int]:
    found = [int(number) for number in _SIDES.findall(key)]
    return [numbers[number] if number > 0 else number for number in found]


def _packed(columns: Iterable[int]) -> bytes:
    columns = list(columns)
    return struct.pack(f"<{len(columns)}h", *columns)
