"""One connection for all commands: each is sent as it comes, and the answers come in the order of commands.

So a command costs no connection of its own, and those that are under way at once share their trips. A
connection that failed once is not used again: nobody could say whose the next answer would be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LineError
from redis.exceptions import RedisError, ResponseError

#: A place in the row: who waits, the bytes that were sent, and until when an answer is waited for.
_Place: TypeAlias = tuple[asyncio.Future[Any], int, float]

#: Of so many bytes without an answer, asyncio takes all without waiting for the socket: half its own limit.
_TAKEN_AT_ONCE = 32_768
#: An answer may have come while the loop was busy elsewhere: it gets so many seconds to be read.
_GRACE = 0.01


class Wire:
    """The server has `timeout` seconds for each command. Calls raise RedisError or OSError."""

    def __init__(self, connection: AbstractConnection, timeout: float) -> None:
        self._connection, self._timeout = connection, timeout
        self._loop = asyncio.get_running_loop()
        self._row: deque[_Place] = deque()
        self._unanswered = 0
        self._watch: asyncio.TimerHandle | None = None
        self._listening: asyncio.Task[None] | None = None
        #: Its exception is what ended the connection.
        self.broken: asyncio.Future[None] = self._loop.create_future()

    async def open(self) -> None:
        connect: Callable[[], Awaitable[None]] = self._connection.connect
        async with asyncio.timeout(self._timeout):
            await connect()
        self._listening = asyncio.create_task(self._listen(), name="tenfold cache wire")

    async def close(self) -> None:
        """Whoever waits for an answer is told that there will be none."""
        self._break(LineError("the connection was closed"))
        try:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.wait([self._listening])
        finally:
            await self._connection.disconnect(nowait=True)

    async def call(self, *parts: str | bytes | int) -> Any:
        """The answer to a command. Who gives up waiting leaves the row as it is."""
        if self.broken.done() or not self._connection.is_connected:
            raise LineError("the connection is closed")
        packed = pack(parts)
        answer: asyncio.Future[Any] = self._loop.create_future()
        until = self._loop.time() + self._timeout
        # The place in the row and the bytes on the wire are taken in one step: it waits after it wrote.
        self._row.append((answer, len(packed), until))
        self._unanswered += len(packed)
        if self._watch is None:
            self._watch = self._loop.call_at(until, self._look)
        sending = self._connection.send_packed_command(packed, check_health=False)
        if self._unanswered < _TAKEN_AT_ONCE:
            await sending
        else:
            async with asyncio.timeout_at(until):
                await sending
        return await answer

    async def _listen(self) -> None:
        read: Callable[[], Awaitable[Any]] = self._connection.read_response
        try:
            while True:
                try:
                    answer = await read()
                except ResponseError as error:
                    answer = error
                self._give(answer)
        except (RedisError, OSError) as error:
            self._break(error)
        finally:
            self._break(LineError("nobody listens any more"))

    def _give(self, answer: Any) -> None:
        if not self._row:
            raise LineError("the server answered what was not asked")
        waiting, size, _ = self._row.popleft()
        self._unanswered -= size
        if waiting.done():
            return
        if isinstance(answer, ResponseError):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    def _look(self, overdue: _Place | None = None) -> None:
        """Breaks the wire where the first of the row is overdue, and was it before the grace."""
        self._watch = None
        if not self._row:
            return
        first = self._row[0]
        if first is overdue:
            self._break(TimeoutError())
        elif first[2] <= self._loop.time():
            self._watch = self._loop.call_later(_GRACE, self._look, first)
        else:
            self._watch = self._loop.call_at(first[2], self._look)

    def _break(self, error: Exception) -> None:
        if self.broken.done():
            return
        self.broken.set_exception(error)
        if self._watch is not None:
            self._watch.cancel()
        for future in (self.broken, *(waiting for waiting, _, _ in self._row)):
            if not future.done():
                future.set_exception(error)
            if not future.cancelled():
                # Who gives up in this moment never looks; that is no reason to complain.
                future.exception()
        self._row.clear()


def pack(parts: Iterable[str | bytes | int]) -> bytes:
    """A command as the protocol has it: an array of strings, each behind its length."""
    strings = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    head = b"*%d\r\n" % len(strings)
    return head + b"".join([b"$%d\r\n%b\r\n" % (len(each), each) for each in strings])
