"""Ids as the API shows them: what a thing is, and a UUID that grows with time: `per_01jd6xkqv8f5t9x2...`.

The text is that of TypeID: 26 characters of base 32, without i, l, o and u. In the database an id is a uuid,
and rows that were made one after the other lie side by side in an index.
"""

from __future__ import annotations

import os
import struct
import time
import uuid

from tenfold.errors import TenfoldError

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
#: Two digits at a time, ten bits of an id, and three: a list shows many.
_TWO = tuple(high + low for high in _DIGITS for low in _DIGITS)
_THREE = tuple(high + low for high in _TWO for low in _DIGITS)
# The digits as Python has them, and all that are none.
_AS_PYTHON = bytes.maketrans(_DIGITS.encode(), b"0123456789abcdefghijklmnopqrstuv")
_STRANGE = bytes(set(range(256)).difference(_DIGITS.encode()))

_last = 0
#: Random bits of the next ids: to ask the kernel for those of one takes longer than to make it.
_random: list[int] = []
_AT_ONCE = 64


class IdError(TenfoldError):
    """This is no id of that kind."""


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562), greater than all that this process made before it.

    Its 48 bits of time are milliseconds; the 12 below them a fraction of one, which counts on where the clock
    stands still or goes back.
    """
    global _last
    nanoseconds = time.time_ns()
    tick = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 * 4096 // 1_000_000)
    _last = tick = max(tick, _last + 1)
    if not _random:
        _random.extend(struct.unpack(f"{_AT_ONCE}Q", os.urandom(8 * _AT_ONCE)))
    random = _random.pop() & (1 << 62) - 1
    return uuid.UUID(int=(tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | random)


def _forget_random() -> None:
    _random.clear()


# Two processes that one forked into do not go on with the same bits.
os.register_at_fork(after_in_child=_forget_random)


def shown(prefix: str, id: uuid.UUID) -> str:
    """The id as the API shows it."""
    high, low = divmod(id.int, 1 << 60)
    return (
        f"{prefix}_{_TWO[high >> 60]}{_THREE[high >> 45 & 32767]}{_THREE[high >> 30 & 32767]}"
        f"{_THREE[high >> 15 & 32767]}{_THREE[high & 32767]}{_THREE[low >> 45]}{_THREE[low >> 30 & 32767]}"
        f"{_THREE[low >> 15 & 32767]}{_THREE[low & 32767]}"
    )


def read(prefix: str, text: object) -> uuid.UUID:
    """The id that the text shows. Raises IdError, which does not repeat the text."""
    if (
        not isinstance(text, str)
        or len(text) != len(prefix) + 1 + _LENGTH
        or not text.startswith(f"{prefix}_")
    ):
        raise IdError(f"this is no id of the form {prefix}_...")
    try:
        digits = text[-_LENGTH:].encode("ascii")
        if digits.translate(None, _STRANGE) != digits:
            raise ValueError
        return uuid.UUID(int=int(digits.translate(_AS_PYTHON), 32))
    except ValueError:
        raise IdError(f"this is no id of the form {prefix}_...") from None
