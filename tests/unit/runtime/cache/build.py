"""For tests of the cache: a clock to be set, a source of truth whose loads can be held back, namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from tenfold.runtime.cache import Namespace
from tenfold.runtime.cache.keys import Key
from tenfold.runtime.tenant import TenantId


class User(msgspec.Struct, frozen=True):
    name: str
    version: int = 0


USER = Namespace(name="user", type=User, ttl=60, negative_ttl=10, jitter=0)
NOTE = Namespace(name="note", type=dict[str, int], ttl=60, jitter=0)
PLAN = Namespace(name="plan", type=str, ttl=60, jitter=0, platform="the same for all")


class Source:
    """Rows by tenant and key. A load reads first and waits afterwards: so it brings old values back."""

    def __init__(self) -> None:
        self.rows: dict[tuple[TenantId | None, Key], Any] = {}
        self.loads = 0
        #: How many loads have read and wait.
        self.waiting = 0
        self._waiters = asyncio.Condition()
        self._gate = asyncio.Event()
        self._gate.set()

    def hold(self) -> None:
        self._gate = asyncio.Event()

    def release(self) -> None:
        self._gate.set()

    async def until_waiting(self, loads: int = 1) -> None:
        async with self._waiters:
            await self._waiters.wait_for(lambda: self.waiting >= loads)

    def one(self, tenant: TenantId | None, key: Key) -> Callable[[], Awaitable[Any]]:
        async def load() -> Any:
            return (await self.many(tenant)([key]))[key]

        return load

    def many(self, tenant: TenantId | None) -> Callable[[Sequence[Any]], Awaitable[dict[Any, Any]]]:
        async def load(keys: Sequence[Any]) -> dict[Any, Any]:
            self.loads += 1
            read = {key: self.rows.get((tenant, key)) for key in keys}
            gate = self._gate
            async with self._waiters:
                self.waiting += 1
                self._waiters.notify_all()
            try:
                await gate.wait()
            finally:
                self.waiting -= 1
            for value in read.values():
                if isinstance(value, Exception):
                    raise value
            return read

        return load


async def settled() -> None:
    """Lets every task that can go on without I/O do so."""
    for _ in range(20):
        await asyncio.sleep(0)
