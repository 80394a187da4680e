"""Requests to an ASGI application, without a server between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Response:
    def __init__(self, sent: list[Any]) -> None:
        start = next(message for message in sent if message["type"] == "http.response.start")
        self.status, self.headers = start["status"], dict(start["headers"])
        self.body = b"".join(message.get("body", b"") for message in sent)


async def ask(
    app: Any,
    path: str,
    method: str = "GET",
    *,
    told: Callable[[int], None] = lambda status: None,
    **headers: str,
) -> Response:
    """The response; `told` is called when its status is sent. What fails without a response is raised."""
    sent: list[Any] = []

    answered = asyncio.Event()
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if waiting:
            return waiting.pop()
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told(message["status"])
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    try:
        await app(scope, receive, send)
    except Exception:
        # Frameworks answer 500 and raise what caused it once more, for the log of the server.
        if not any(message["type"] == "http.response.start" for message in sent):
            raise
    return Response(sent)


async def converse(app: Any, path: str, *messages: str, **headers: str) -> list[Any]:
    """What a WebSocket answers to the messages, and how it ends."""
    waiting = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": message} for message in messages),
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "subprotocols": [],
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return sent
