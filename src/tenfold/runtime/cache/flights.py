"""What is on its way: a value for all who wait for it, whoever of them gives up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from tenfold.runtime.cache.codec import Codec
from tenfold.runtime.cache.fences import Ticket
from tenfold.runtime.cache.namespaces import Namespace
from tenfold.runtime.cache.statistics import SpaceCounts


@dataclass(frozen=True, slots=True)
class Space:
    """One namespace of one tenant, as loads see it."""

    namespace: Namespace[Any]
    codec: Codec
    #: Values are kept as bytes and decoded for each reader, since readers could change them.
    thaws: bool
    counts: SpaceCounts
    scope: str
    tag_prefix: str


class Flight:
    """One name on its way. It brings what is kept: a value, bytes to thaw, or None for nothing."""

    __slots__ = ("_brought", "_failure", "_waiting", "key", "landed", "name", "started", "ticket")

    def __init__(self, name: str, key: object, ticket: Ticket, started: float) -> None:
        self.name, self.key, self.ticket, self.started = name, key, ticket, started
        self.landed = False
        self._brought: Any = None
        self._failure: BaseException | None = None
        self._waiting: list[asyncio.Future[Any]] = []

    async def wait(self) -> Any:
        """What it brings. Each reader waits for a future of his own, so that he can give up alone."""
        if not self.landed:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            return await future
        if self._failure is not None:
            raise self._failure
        return self._brought

    def land(self, brought: Any, failure: BaseException | None = None) -> None:
        self.landed, self._brought, self._failure = True, brought, failure
        for future in self._waiting:
            if future.done():
                continue
            if failure is None:
                future.set_result(brought)
            else:
                future.set_exception(failure)
                # Who gives up in this moment never looks; that is no reason to complain.
                future.exception()
        self._waiting.clear()
