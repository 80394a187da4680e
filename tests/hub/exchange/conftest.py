"""What works beside requests, without its pauses, and an endpoint that webhooks are sent to."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import assemble
from tenfold_hub.exchange.background import Background
from tenfold_hub.exchange.delivering import Times
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import Settings
from tests.hub.conftest import SECRET


@pytest.fixture
def settings(owner: str) -> Settings:
    return Settings(
        database=make_conninfo(owner, user=ROLES.application),
        dispatcher=make_conninfo(owner, user=ROLES.dispatcher),
        maintenance=make_conninfo(owner, user=ROLES.maintenance),
        secret=SECRET,
        webhook_networks=("127.0.0.0/8",),
    )


@pytest.fixture
def idle(db: Database, settings: Settings) -> Background:
    """Not running."""
    platform = assemble(db, Cursors(settings.key), settings)
    return platform.services["background"].hurried(times=Times(request=0.4, call=4.0), back_off=(0.05,))


@pytest.fixture
async def background(idle: Background, settings: Settings) -> AsyncIterator[Background]:
    async with idle.running(dispatching(settings)):
        yield idle


def dispatching(settings: Settings) -> Database:
    return Database(settings.dispatcher, tenant_type=uuid.UUID, setting=SETTING)


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits until the condition, which may be a coroutine function, holds."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


@dataclass
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """An HTTP server that answers what it is told to: by path, a status; 0 is silence."""

    port: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    got: list[Message] = field(default_factory=list)
    headers: str = ""

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str = "/hook") -> list[Message]:
        return [message for message in self.got if message.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                raw = {
                    k: line.split(": ", 1)[1]
                    for line in lines
                    if ": " in line
                    for k in [line.split(":")[0].lower()]
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path = first.split()[1]
                self.got.append(Message(path, raw, body))
                status = self.answers.get(path, 204)
                if status == 0:
                    await asyncio.sleep(60)
                writer.write(f"HTTP/1.1 {status} Said\r\n{self.headers}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
