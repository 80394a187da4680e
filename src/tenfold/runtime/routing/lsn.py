"""Positions in a server's log, and the token that carries one from a write to the reads after it."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_TOKEN = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,16})\Z", re.ASCII)
_LONGEST = 33
# A log page begins with a header of 24 bytes, the first of a file with one of 40 (xlog_internal.h).
_PAGE, _HEADERS = 8192, (24, 40)


class Token(NamedTuple):
    """Of which cluster, and up to where it is to be seen."""

    system: int
    lsn: int

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """None for what is no token: it came from a client, and a wrong one is no reason to fail."""
        found = _TOKEN.match(text) if text and len(text) <= _LONGEST else None
        return cls(int(found[1], 16), int(found[2], 16)) if found else None

    def __str__(self) -> str:
        return f"{self.system:x}-{self.lsn:x}"


def lsn_of(text: str) -> int:
    """The position that PostgreSQL writes as `16/B374D848`. Raises ValueError."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def to_be_replayed(insert_lsn: int) -> int:
    """What a replica must have replayed to have all that stands before the primary's insert position.

    At the end of a page the insert position is already behind the next page's header, which a replica only
    passes with the next record.
    """
    within = insert_lsn % _PAGE
    return insert_lsn - within if within in _HEADERS else insert_lsn
