"""One connection for all: answers reach those who asked, and a fault reaches everybody at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.exceptions import ConnectionError as LineError
from redis.exceptions import ResponseError

from tenfold.runtime.cache.wire import Wire, pack
from tests.db.runtime.cache.redis_server import RedisServer
from tests.waiting import until


@asynccontextmanager
async def opened(path: str, timeout: float = 30) -> AsyncIterator[Wire]:
    wire = Wire(UnixDomainSocketConnection(path=path, socket_timeout=None, protocol=2), timeout)
    try:
        await wire.open()
        yield wire
    finally:
        await wire.close()


@pytest.fixture
def path(redis_server: RedisServer) -> str:
    return redis_server.url.removeprefix("unix://")


async def test_a_thousand_at_once_get_each_their_own(path: str) -> None:
    async with opened(path) as wire:
        answers = await asyncio.gather(*(wire.call("ECHO", f"é {number}") for number in range(1000)))
    assert answers == [f"é {number}".encode() for number in range(1000)]


async def test_who_gives_up_does_not_shift_the_answers_of_the_others(
    path: str, redis_server: RedisServer
) -> None:
    async with opened(path) as wire:
        redis_server.pause()
        calls = [asyncio.create_task(wire.call("ECHO", number)) for number in range(100)]
        await asyncio.sleep(0)
        for call in calls[::3]:
            call.cancel()
        redis_server.resume()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    kept = [number for number in range(100) if number % 3]
    assert [answers[number] for number in kept] == [str(number).encode() for number in kept]
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::3])


async def test_an_error_of_one_command_is_that_commands_alone(path: str) -> None:
    async with opened(path) as wire:
        answers = await asyncio.gather(
            wire.call("ECHO", "a"), wire.call("NONSENSE"), wire.call("ECHO", "b"), return_exceptions=True
        )
    assert isinstance(answers[1], ResponseError)
    assert answers[::2] == [b"a", b"b"]


async def test_more_than_the_socket_takes_is_sent_all_the_same(path: str) -> None:
    large = bytes(3_000_000)
    async with opened(path) as wire:
        sent = [asyncio.create_task(wire.call("ECHO", large + str(number).encode())) for number in range(5)]
        answers = await asyncio.gather(*sent)
        assert wire._unanswered == 0
    assert [answer[-1:] for answer in answers] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_server_that_hangs_is_given_up_by_all_together(path: str, redis_server: RedisServer) -> None:
    async with opened(path, timeout=0.1) as wire:
        redis_server.pause()
        # The first fit into the socket; the last does not, and waits for it.
        calls = [wire.call("ECHO", "a"), wire.call("ECHO", "b"), wire.call("ECHO", bytes(20_000_000))]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        redis_server.resume()
        assert [isinstance(answer, OSError | LineError) for answer in answers] == [True] * 3
        assert isinstance(wire.broken.exception(), OSError | LineError)
        # What the server answers now would be an answer to an earlier command.
        with pytest.raises(LineError):
            await wire.call("ECHO", "c")
    # The socket keeps what it was given, until the server takes it.
    await until(lambda: len(redis_server.client.client_list()) == 1, "the end of the connection")


async def test_a_server_that_dies_is_told_to_all_who_wait(path: str, redis_server: RedisServer) -> None:
    async with opened(path) as wire:
        redis_server.pause()
        calls = [asyncio.create_task(wire.call("ECHO", number)) for number in range(3)]
        await asyncio.sleep(0)
        redis_server.kill()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(answer, OSError | LineError) for answer in answers] == [True] * 3


async def test_a_loop_that_was_busy_for_longer_than_the_timeout_blames_nobody(path: str) -> None:
    async with opened(path, timeout=0.05) as wire:
        call = asyncio.create_task(wire.call("ECHO", "a"))
        await asyncio.sleep(0)
        busy_until = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < busy_until:
            pass
        assert await call == b"a"
        assert await wire.call("ECHO", "b") == b"b"


async def test_those_who_wait_when_it_is_closed_are_told(path: str, redis_server: RedisServer) -> None:
    async with opened(path) as wire:
        redis_server.pause()
        call = asyncio.create_task(wire.call("ECHO", "a"))
        await asyncio.sleep(0)
    with pytest.raises(LineError):
        await call
    redis_server.resume()


async def test_an_answer_that_nobody_asked_for_ends_the_connection(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            commands = sum(line.startswith(b"*") for line in chunk.splitlines())
            writer.write(b"+one\r\n+two\r\n" if b"ECHO" in chunk else b"+OK\r\n" * commands)
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_unix_server(answer, tmp_path / "s"):
        async with opened(str(tmp_path / "s")) as wire:
            assert await wire.call("ECHO", "one") == b"one"
            with pytest.raises(LineError, match="not asked"):
                await wire.broken
        await ended.wait()


def test_a_command_is_an_array_of_strings_behind_their_lengths() -> None:
    assert pack(["SET", "é", b"\x00\r\n", 12]) == (
        b"*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$3\r\n\x00\r\n\r\n$2\r\n12\r\n"
    )
