"""Requests to an application that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

Headers = Sequence[tuple[bytes, bytes]]


class Answering:
    """An application: sets keys of the scope, then answers in two parts."""

    def __init__(self, status: int = 200, headers: Headers = (), **found_out: Any) -> None:
        self.status, self.headers, self.found_out = status, headers, found_out

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.update(self.found_out)
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})


def request(path: str = "/page", headers: Headers = (), method: str = "GET", **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        **more,
    }


def run(work: Coroutine[Any, Any, None]) -> None:
    """Nothing here waits for anything, so no event loop is needed."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


def asked(app: Callable[..., Any], scope: dict[str, Any]) -> list[Any]:
    """What was sent for the request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    run(app(scope, None, send))
    return sent
