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

from tenfold.runtime.cache.keys import lease_name
from tenfold.runtime.cache.link import Link
from tenfold.runtime.cache.script import Script

_BATCH = 256


@dataclass(slots=True)
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

    @property
    def in_use(self) -> bool:
        return self._link.up

    async def read(
        self, names: Sequence[str], fences: Sequence[str], lease: float, *, take_all: bool = False
    ) -> Read | None:
        """Takes leases, of so many seconds, for what is missing, or all. None: the level is out of use."""
        self._serial += 1
        token = f"{self._origin}.{self._serial}"
        options = token, round(lease * 1000), int(take_all)
        whole = await self._read_batch(names[:_BATCH], fences, *options)
        for start in range(_BATCH, len(names), _BATCH):
            more = await self._read_batch(names[start : start + _BATCH], fences, *options)
            if whole is None or more is None:
                return None
            whole.values += more.values
            whole.remaining_ms += more.remaining_ms
            whole.leases += more.leases
            # The older token of two is the stricter one.
            whole.fences = [old or new for old, new in zip(whole.fences, more.fences, strict=True)]
        return whole

    async def _read_batch(
        self, names: Sequence[str], fences: Sequence[str], token: str, lease_ms: int, take_all: int
    ) -> Read | None:
        keys = [*names, *map(lease_name, names), *fences]
        n, tokens_end = len(names), 2 * len(names) + len(fences)
        answer = await self._link.run(self._read, keys, (n, token, lease_ms, take_all))
        if answer is None:
            return None
        return Read(
            values=answer[:n],
            remaining_ms=answer[n : 2 * n],
            leases=[_text(lease) for lease in answer[tokens_end:]] or [""] * n,
            fences=[_text(fence) for fence in answer[2 * n : tokens_end]],
            token=token,
        )

    async def fill(self, fill: Fill) -> bool:
        """Whether the value stands now."""
        keys = [fill.name, lease_name(fill.name), *fill.fences]
        milliseconds = max(1, round(fill.ttl * 1000))
        arguments: list[str | bytes | int] = [
            fill.payload,
            milliseconds,
            fill.lease,
            *fill.fences.values(),
        ]
        # -1: the server is well, and full. Values stay where they are, and this one stays out.
        return bool(await self._link.run(self._fill, keys, arguments) == 1)


def _text(token: bytes | None) -> str:
    return "" if token is None else token.decode("ascii", "replace")
