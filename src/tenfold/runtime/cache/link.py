"""The line to Redis or Valkey: one subscription, one circuit breaker, and what waits for them to heal.

- The first fault of a command, or of the subscription, opens the circuit: nobody else waits for it.
- In the background the line is tried again, at once and then with growing pauses. It is up when it has
  subscribed, delivered the invalidations that could not be sent, and proved that it may write.
- When the subscription is lost, or goes up, `on_lost` is called: what was missed is not known, so the first
  level is emptied. A loss that nobody reports is noticed by heartbeat: the first level is trusted for
  `lease` seconds from the last answered ping, no longer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LineError
from redis.exceptions import RedisError

from tenfold.errors import CacheError
from tenfold.runtime.cache.invalidation import Message, read_message, write_message
from tenfold.runtime.cache.keys import lease_name
from tenfold.runtime.cache.local import Trust
from tenfold.runtime.cache.script import Script
from tenfold.runtime.cache.statistics import LinkCounts
from tenfold.runtime.cache.wire import Wire

log = logging.getLogger("tenfold.runtime.cache")

#: Pauses between attempts, from the settings of the inherited products: 100 ms more each time, 3 s at most.
_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
#: As many invalidations wait for a line that is down; beyond that, healing forgets everything.
_MOST_PENDING = 10_000
_BATCH = 500
#: Between two pings passes this share of the lease.
_PING_SHARE = 0.25
_OF_EVERY_CONNECTION: dict[str, Any] = {
    "protocol": 2,
    "decode_responses": False,
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "health_check_interval": 0,
    # A connection that reconnects by itself would not say which messages it missed.
    "retry": Retry(NoBackoff(), 0),
}


class Link:
    def __init__(
        self,
        url: str,
        *,
        application: str,
        timeout: float,
        lease: float,
        clock: Callable[[], float],
        trust: Trust,
        on_names: Callable[[Iterable[str]], None],
        on_lost: Callable[[], None],
    ) -> None:
        try:
            self._pool: Any = ConnectionPool.from_url(url)
        except ValueError as error:
            raise CacheError("the URL of the cache begins with redis://, rediss:// or unix://") from error
        # Whatever the URL says: nothing but the line itself waits, pings, or connects again.
        self._pool.connection_kwargs |= _OF_EVERY_CONNECTION
        self._application = application
        self._channel = f"{application}:invalidations"
        self._origin = secrets.token_hex(8)
        self._forget = Script("forget")
        self._timeout, self._lease = timeout, lease
        self._clock, self._trust = clock, trust
        self._on_names, self._on_lost = on_names, on_lost
        self.counts = LinkCounts()
        self.up = False
        self._times_up = 0
        self._pending: set[str] = set()
        self._pending_all = False
        self._pings: dict[bytes, tuple[float, asyncio.Future[None]]] = {}
        self._ping_serial = 0
        self._connection: AbstractConnection | None = None
        self._wire: Wire | None = None
        self._faulted = asyncio.Event()
        self._error: BaseException | None = None
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- for the cache -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begins; returns when the line is up, or the first attempt has failed."""
        self._task = asyncio.create_task(self._stay(), name="tenfold cache link")
        await self._settled.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._down()

    async def call(self, *parts: str | bytes | int) -> Any:
        """What the command answers, or None where the line is down or goes down over it."""
        return await self._guarded(lambda wire: wire.call(*parts))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """What the script answers, or None where the line is down or goes down over it."""
        return await self._guarded(lambda wire: script.run(wire.call, keys, arguments))

    async def invalidate(self, names: frozenset[str]) -> bool:
        """Deletes the names and tells the others; False: both wait until the line is up."""
        while self.up:
            if await self._guarded(lambda wire: self._send(wire, names)) is not None:
                return True
        self._pending |= names
        if len(self._pending) > _MOST_PENDING:
            self._pending.clear()
            self._pending_all = True
        self._count_pending()
        return False

    async def caught_up(self) -> None:
        """Returns when what others invalidated before this call is in force here, or nothing is kept here."""
        if not self.up or self._connection is None:
            # Nothing is kept while the line is down; what is in flight must not be joined either.
            self._on_lost()
            return
        serial, answered = self._register_ping()
        try:
            await self._send_ping(self._connection, serial)
        except (RedisError, OSError) as error:
            self._fault(error)
        await asyncio.shield(answered)

    async def _guarded(self, command: Callable[[Wire], Awaitable[Any]]) -> Any:
        wire = self._wire
        if wire is None:
            self.counts.skipped += 1
            return None
        try:
            return await command(wire)
        except (RedisError, OSError) as error:
            # A fault of a line that has been mended since says nothing about the new one.
            if self._wire is wire:
                self._fault(error)
            return None

    # --- up and down ---------------------------------------------------------------------------------

    async def _stay(self) -> None:
        failed = 0
        while True:
            self._faulted.clear()
            began, times_up = time.monotonic(), self._times_up
            self._error = await self._outcome() or self._error
            self._down()
            self._settled.set()
            went_up = self._times_up > times_up
            # A line that holds for a while and breaks is tried at once; one that flaps is not.
            failed = 0 if went_up and time.monotonic() - began > _LONGEST_PAUSE else failed + 1
            if went_up or failed == 1:
                log.warning("the shared cache is out of use: %s", type(self._error).__name__)
            await asyncio.sleep(min(failed * _PAUSE, _LONGEST_PAUSE))

    async def _outcome(self) -> BaseException | None:
        """What ended the line, after all that served it has ended."""
        connection: AbstractConnection = self._pool.make_connection()
        wire = Wire(self._pool.make_connection(), self._timeout)
        async with AsyncExitStack() as ends:
            # Whoever closes the cache meanwhile interrupts one of these steps, and the others follow.
            ends.push_async_callback(connection.disconnect, nowait=True)
            ends.push_async_callback(wire.close)
            parts = [
                asyncio.create_task(self._serve(connection, wire)),
                asyncio.create_task(self._faulted.wait()),
            ]
            ends.push_async_callback(_stop, parts)
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            self._connection = None
            return next((task.exception() for task in done if task.exception()), None)

    async def _serve(self, connection: AbstractConnection, wire: Wire) -> None:
        await wire.open()
        open_connection: Callable[[], Awaitable[None]] = connection.connect
        async with asyncio.timeout(self._timeout):
            await open_connection()
            await connection.send_command("SUBSCRIBE", self._channel)
            await connection.read_response()
        # What was loaded while nobody listened may have been invalidated since.
        self._on_lost()
        await self._replay(wire)
        self._connection, self._wire, self.up = connection, wire, True
        self._times_up += 1
        self.counts.healed += self._times_up > 1
        parts = [
            asyncio.create_task(self._listen(connection)),
            asyncio.create_task(self._beat(connection)),
        ]
        try:
            done, _ = await asyncio.wait([*parts, wire.broken], return_when=asyncio.FIRST_COMPLETED)
            for end in done:
                end.result()
        finally:
            await _stop(parts)

    def _fault(self, error: BaseException) -> None:
        self.counts.failures += 1
        self._error = error
        self._down()
        self._faulted.set()

    def _down(self) -> None:
        self._trust.until = float("-inf")
        self._wire = None
        if self.up:
            self.up = False
            self.counts.opened += 1
        self._on_lost()
        for _, answered in self._pings.values():
            if not answered.done():
                answered.set_result(None)
        self._pings.clear()

    # --- the subscription ----------------------------------------------------------------------------

    async def _listen(self, connection: AbstractConnection) -> None:
        while True:
            response = await connection.read_response()
            match response:
                case [b"message", _, bytes(payload)]:
                    self._hear(payload)
                case [b"pong", bytes(serial)] if serial in self._pings:
                    sent, answered = self._pings.pop(serial)
                    # The server had sent all messages of before the ping, so they are in force now.
                    self._trust.until = sent + self._lease
                    if not answered.done():
                        answered.set_result(None)
                    self._settled.set()

    def _hear(self, payload: bytes) -> None:
        self.counts.messages += 1
        try:
            message = read_message(payload)
        except CacheError:
            self.counts.unreadable_messages += 1
            self._on_lost()
            return
        if message.names is None:
            self._on_lost()
        elif message.origin != self._origin:
            self._on_names(message.names)

    async def _beat(self, connection: AbstractConnection) -> None:
        """Pings, and proves now and then that the server takes writes: a replica would serve old values."""
        while True:
            serial, answered = self._register_ping()
            await self._send_ping(connection, serial)
            # With the pause before it no longer than the lease, even where the clock jumped back.
            async with asyncio.timeout(self._lease * (1 - _PING_SHARE)):
                await asyncio.shield(answered)
            await self.call("DEL", f"{self._application}:probe")
            await asyncio.sleep(self._lease * _PING_SHARE)

    def _register_ping(self) -> tuple[bytes, asyncio.Future[None]]:
        self._ping_serial += 1
        serial = str(self._ping_serial).encode()
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pings[serial] = self._clock(), answered
        return serial, answered

    async def _send_ping(self, connection: AbstractConnection, serial: bytes) -> None:
        if not connection.is_connected:
            # It would connect again by itself, and be no subscription.
            raise LineError("the subscription is closed")
        async with asyncio.timeout(self._timeout):
            await connection.send_command("PING", serial, check_health=False)

    # --- invalidations -------------------------------------------------------------------------------

    async def _send(self, wire: Wire, names: Iterable[str]) -> bool:
        ordered = sorted(names)
        gone = [*ordered, *(lease_name(name) for name in ordered if self._is_value(name))]
        message = write_message(Message(self._origin, ordered))
        await self._forget.run(wire.call, gone, [self._channel, message])
        return True

    async def _replay(self, wire: Wire) -> None:
        """Sends what waited. Ends with nothing pending, so that the line may go up in the same step."""
        await wire.call("DEL", f"{self._application}:probe")
        while self._pending or self._pending_all:
            await (self._replay_all(wire) if self._pending_all else self._replay_some(wire))
            self._count_pending()

    async def _replay_all(self, wire: Wire) -> None:
        self._pending_all = False
        try:
            await self._forget_everything(wire)
        except BaseException:
            self._pending_all = True
            raise

    async def _replay_some(self, wire: Wire) -> None:
        # Taken out first: what is invalidated once more during the send must be sent once more.
        batch = frozenset(islice(self._pending, _BATCH))
        self._pending -= batch
        try:
            await self._send(wire, batch)
        except BaseException:
            self._pending |= batch
            raise

    async def _forget_everything(self, wire: Wire) -> None:
        """Deletes every scope: no value is one without the scope that it was filled under."""
        cursor = b"0"
        while True:
            cursor, names = await wire.call(
                "SCAN", cursor, "MATCH", f"{self._application}:s:*", "COUNT", 1000
            )
            if names:
                await wire.call("DEL", *names)
            if cursor == b"0":
                break
        await wire.call("PUBLISH", self._channel, write_message(Message(self._origin, None)))

    def _is_value(self, name: str) -> bool:
        return name.startswith(f"{self._application}:v:")

    def _count_pending(self) -> None:
        self.counts.pending = len(self._pending) + self._pending_all


async def _stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
