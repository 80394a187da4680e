"""The second level: values in Redis or Valkey, read with their fences and filled only behind them.

A fence is a random token under a name: of a lease (one value), of a scope (one namespace of one tenant), or
of a tag. Who loads takes the tokens first, creating those that are missing. The fill compares them where it
sets the value, in one script. An invalidation deletes them. A token never comes back, so a fence that was
evicted, expired or flushed refuses the fill, or makes the entry a miss: losing one costs a load, never truth.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tenfold.runtime.cache.keys import lease_name
from tenfold.runtime.cache.link import Link
from tenfold.runtime.cache.script import Script

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Read:
    """What the second level holds under some names, in their order; fences in the order asked."""

    values: list[bytes | None]
    remaining_ms: list[int]
    #: Empty where no lease was taken.
    leases: list[str]
    fences: list[str]
    #: The leases that are this token were taken by this read, the others by someone before.
    token: str


@dataclass(frozen=True, slots=True)
class Fill:
    name: str
    payload: bytes
    ttl: float
    lease: str
    #: Token by fence.
    fences: dict[str, str]


class Shared:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._read = Script("read")
        self._fill = Script("fill")
        self._origin, self._serial = secrets.token_hex(16), 0

    async def read(
        self, names: Sequence[str], fences: Sequence[str], lease: float, *, take_all: bool = False
    ) -> Read | None:
        """Takes leases, of so many seconds, for what is missing, or all. None: the level is out of use."""
        self._serial += 1
        whole = Read([], [], [], [], f"{self._origin}.{self._serial}")
        for start in range(0, len(names), _BATCH):
            some = names[start : start + _BATCH]
            keys = [*some, *map(lease_name, some), *fences]
            arguments = [len(some), whole.token, round(lease * 1000), int(take_all)]
            answer = await self._link.call(partial(self._read.run, keys=keys, arguments=arguments))
            if answer is None:
                return None
            n, tokens_end = len(some), 2 * len(some) + len(fences)
            whole.values.extend(answer[:n])
            whole.remaining_ms.extend(answer[n : 2 * n])
            whole.leases.extend(map(_text, answer[tokens_end:] or [None] * n))
            # The older token of two is the stricter one.
            older = whole.fences or [""] * len(fences)
            tokens = answer[2 * n : tokens_end]
            whole.fences[:] = [old or _text(new) for old, new in zip(older, tokens, strict=True)]
        return whole

    async def fill(self, fill: Fill) -> bool:
        """Whether the value stands now."""
        keys = [fill.name, lease_name(fill.name), *fill.fences]
        arguments = [fill.payload, max(1, round(fill.ttl * 1000)), fill.lease, *fill.fences.values()]
        # -1: the server is well, and full. Values stay where they are, and this one stays out.
        return await self._link.call(partial(self._fill.run, keys=keys, arguments=arguments)) == 1


def _text(token: bytes | None) -> str:
    return "" if token is None else token.decode("ascii", "replace")
