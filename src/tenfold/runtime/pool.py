"""Connections to one server, lent one at a time; the last that came back goes out first.

One pool for both drivers, since theirs differ in what a time limit, a lifetime and a cancellation mean, and
asyncpg's starts a task whenever a connection comes back. It cleans nothing and asks nothing: what a former
user left behind is reset in the message that begins the next transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from tenfold.errors import DatabaseUnavailableError, PoolTimeoutError, SessionClosedError
from tenfold.runtime.drivers import Connection, Connector
from tenfold.runtime.holders import Place, spoken
from tenfold.runtime.retry import Outage
from tenfold.runtime.settings import PoolSettings
from tenfold.runtime.statistics import PoolStatistics


class Pool:
    """One event loop uses it. With `insists`, a server that is gone is tried for some seconds."""

    def __init__(
        self,
        connector: Connector,
        settings: PoolSettings,
        clock: Callable[[], float] = time.monotonic,
        *,
        insists: bool = True,
    ) -> None:
        self.name = connector.name
        self.settings = settings
        self.clock = clock
        self._connector = connector
        self._insists = insists
        self._outage = Outage()
        self._lent: dict[Connection, Place] = {}
        self._idle: deque[Connection] = deque()
        # Who waits gets a connection that came back, or None: the right to make one.
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._size = 0
        self._reaping: asyncio.TimerHandle | None = None
        self._all_back: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waits = self._timeouts = self._made = 0

    async def open(self, *, lazily: bool = False) -> None:
        """Makes `min_size` connections, one at least; none yet, lazily. Raises DatabaseUnavailableError."""
        self._loop = asyncio.get_running_loop()
        self._all_back = None
        if lazily:
            return
        for _ in range(max(1, self.settings.min_size)):
            self._size += 1
            self._put_back(await self._make(insists=False))

    async def close(self) -> None:
        """Waits for those lent, as long as one waits for a connection, and closes all."""
        self._loop = None
        self._all_back = asyncio.Event()
        while self._waiting:
            self._wake(None)
        if self._reaping is not None:
            self._reaping.cancel()
        while self._idle:
            self._drop(self._idle.pop())
        if self._lent:
            try:
                async with asyncio.timeout(self.settings.acquire_timeout):
                    await self._all_back.wait()
            except TimeoutError:
                for connection in tuple(self._lent):
                    connection.terminate()

    async def acquire(self, place: Place) -> Connection:
        """A connection, lent to the place. Raises PoolTimeoutError, DatabaseUnavailableError."""
        if self._loop is not asyncio.get_running_loop():
            raise SessionClosedError(_closed(self._loop))
        connection = self._take() or await self._made_or_awaited()
        self._lent[connection] = place
        return connection

    async def connect_apart(self) -> Connection:
        """A connection that is not of the pool: for one who keeps it. Raises DatabaseUnavailableError."""
        return await self._connector.connect()

    def release(self, connection: Connection) -> None:
        """Takes a connection back; one that is not usable, or too old, is closed instead."""
        del self._lent[connection]
        if self._all_back is not None:
            self._drop(connection)
            if not self._lent:
                self._all_back.set()
        elif not connection.usable or self.clock() - connection.made > self.settings.lifetime:
            self._drop(connection)
        else:
            self._put_back(connection)

    def forget_idle(self) -> None:
        """Closes what lies idle: one of them was found dead, so the server may have closed them all."""
        while self._idle:
            self._drop(self._idle.pop())

    def reap(self) -> None:
        """Closes what has lain idle too long, down to `min_size`."""
        now = self.clock()
        while self._idle and self._size > self.settings.min_size:
            if now - (self._idle[0].idle_since or 0.0) < self.settings.idle_time:
                break
            self._drop(self._idle.popleft())

    @property
    def statistics(self) -> PoolStatistics:
        return PoolStatistics(
            server=self.name,
            size=self._size,
            idle=len(self._idle),
            held=len(self._lent),
            waiting=len(self._waiting),
            max_size=self.settings.max_size,
            made=self._made,
            waits=self._waits,
            timeouts=self._timeouts,
            longest_held=max(
                (self.clock() - place.since for place in tuple(self._lent.values())), default=0.0
            ),
        )

    # --- one connection ------------------------------------------------------------------------------

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
            self._drop(connection)
        return None

    async def _made_or_awaited(self) -> Connection:
        if self._size < self.settings.max_size:
            self._size += 1
        elif (connection := await self._wait()) is not None:
            return connection
        return await self._make(insists=self._insists)

    async def _make(self, *, insists: bool) -> Connection:
        """In the place that was counted already, which is free again where this fails."""
        try:
            connection = await self._connect(insists)
        except BaseException:
            self._size -= 1
            self._let_one_make()
            raise
        self._made += 1
        connection.made = self.clock()
        return connection

    async def _connect(self, insists: bool) -> Connection:
        while True:
            try:
                connection = await self._connector.connect()
            except DatabaseUnavailableError:
                pause = self._outage.failed(self.clock())
                if not insists or pause is None or self._loop is None:
                    raise
                await asyncio.sleep(pause)
            else:
                self._outage.over()
                return connection

    async def _wait(self) -> Connection | None:
        self._waits += 1
        future: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(self.settings.acquire_timeout):
                connection = await future
        except BaseException as error:
            self._give_on(future)
            if isinstance(error, TimeoutError):
                self._timeouts += 1
                raise PoolTimeoutError(self._exhausted()) from None
            raise
        if connection is None and self._loop is None:
            raise SessionClosedError(_closed(None))
        return connection

    def _give_on(self, future: asyncio.Future[Connection | None]) -> None:
        """What reached one who had stopped waiting goes to the next."""
        if future in self._waiting:
            self._waiting.remove(future)
        elif future.done() and not future.cancelled():
            connection = future.result()
            if connection is not None:
                self._put_back(connection)
            elif self._loop is not None:
                self._size -= 1
                self._let_one_make()

    def _put_back(self, connection: Connection) -> None:
        connection.idle_since = self.clock()
        if self._all_back is not None:
            self._drop(connection)
        elif not self._wake(connection):
            self._idle.append(connection)
            if self._reaping is None and self._size > self.settings.min_size:
                self._reap_later()

    def _drop(self, connection: Connection) -> None:
        connection.terminate()
        self._size -= 1
        self._let_one_make()

    def _let_one_make(self) -> None:
        if self._loop is not None and self._size < self.settings.max_size and self._wake(None):
            self._size += 1

    def _wake(self, connection: Connection | None) -> bool:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return True
        return False

    def _reap_later(self) -> None:
        def reap() -> None:
            self._reaping = None
            self.reap()
            if self._idle and self._size > self.settings.min_size:
                self._reap_later()

        self._reaping = asyncio.get_running_loop().call_later(self.settings.idle_time, reap)

    def _exhausted(self) -> str:
        held, limit = len(self._lent), self.settings.max_size
        return (
            f"no connection to {self.name} came free in {self.settings.acquire_timeout:g} s: "
            f"{held} of {limit} are held, {spoken(self._lent.values(), self.clock())}"
        )


def _closed(loop: object) -> str:
    if loop is None:
        return "the Database is not open; enter it with `async with`, or await its open()"
    return "the Database was opened in another event loop; each loop, and each thread, has one of its own"
