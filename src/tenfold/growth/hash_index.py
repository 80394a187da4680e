"""Pages of a hash index (src/backend/access/hash/hashpage.c, hashutil.c)."""

from __future__ import annotations

import math

from tenfold.growth.keys import Entries
from tenfold.growth.width import PAGE

#: An entry is the hash of the key: 16 bytes with its header, and its line pointer.
_ITEM = 20
#: Entries a bucket at which another bucket is made: HASH_DEFAULT_FILLFACTOR 75 %.
_TARGET = PAGE * 75 // 100 // _ITEM
_ROOM = (PAGE - 24 - 16) // _ITEM


def hash_pages(of: Entries) -> int:
    """Metapage, bitmap, buckets as _hash_init makes them, and overflow pages of keys that many rows share."""
    buckets = _buckets(max(2, math.ceil(of.count / _TARGET)))
    alike = of.count / of.distinct if of.distinct > 0 else 0.0
    overflow = of.distinct * max(0.0, alike / _ROOM - 0.5)
    return 2 + buckets + math.ceil(overflow)


def _buckets(wanted: int) -> int:
    """Buckets come in powers of two, from 1,024 on in quarters of one (_hash_spareindex)."""
    power = 1 << (wanted - 1).bit_length()
    if power <= 1024:
        return power
    step = power // 8
    return power // 2 + step * math.ceil((wanted - power // 2) / step)
