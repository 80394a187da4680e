"""Pure ASGI middleware (Starlette, FastAPI, Litestar): each request has an id, and a record of what it did.

    app = RequestMiddleware(app, telemetry)

Put it outermost, so that its times and its id are those of the whole request. Websockets pass: they have no
end to speak of; `telemetry.recording("message")` records what one message does.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from time import perf_counter
from typing import Any

from tenfold.runtime.adapters.asgi import App, Receive, Scope, Send
from tenfold.runtime.telemetry.record import Record, recorded
from tenfold.runtime.telemetry.request_id import HEADER, id_of
from tenfold.runtime.telemetry.route import Routes, method_of
from tenfold.runtime.telemetry.telemetry import Telemetry

#: The client left before it was answered; the number is nginx's.
LEFT = 499
_FAILED = 500
_START = "http.response.start"
_BODY = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})
_TIMING = b"server-timing"
_OWN = "tenfold.record"


class RequestMiddleware:
    """A response carries the request's id in `X-Request-ID`: the sender's, where that is sane, or a new one.

    With `expose` it carries its timing in `Server-Timing`, as far as the response's start. A predicate is
    asked then, when it is known who is logged in. By default nobody gets it: how long a query took, and
    whether the cache knew the answer, tell a stranger what he may not read.
    """

    def __init__(
        self, app: App, telemetry: Telemetry, *, expose: bool | Callable[[Scope], bool] = False
    ) -> None:
        self._app, self._telemetry, self._expose = app, telemetry, expose
        self._routes = Routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Within another, this middleware would count and log everything twice.
        if scope["type"] != "http" or _OWN in scope:
            await self._app(scope, receive, send)
            return
        record = scope[_OWN] = self._telemetry.request(id_of(scope["headers"]))
        exchange = _Exchange(scope, receive, send, record, self._expose)
        failure: BaseException | None = None
        try:
            with recorded(record):
                await self._app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            failure = error
            raise
        finally:
            self._telemetry.finished(
                record,
                self._routes.of(scope),
                method_of(scope),
                exchange.outcome(failure),
                exchange.seconds(),
                failed=failure is not None,
            )


class _Exchange:
    """One request and its response, as they pass."""

    __slots__ = (
        "_ended",
        "_expose",
        "_gone",
        "_receive",
        "_record",
        "_scope",
        "_send",
        "_started",
        "_status",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: Record,
        expose: bool | Callable[[Scope], bool],
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._record, self._expose = record, expose
        self._status = 0
        self._ended = 0.0
        self._gone = False
        self._started = perf_counter()

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        # Servers say it of every client once the response is complete.
        if message["type"] == "http.disconnect" and not self._ended:
            self._gone = True
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        kind = message["type"]
        if kind == _START:
            message["headers"] = self._headers(message.get("headers", ()))
        try:
            await self._send(message)
        except OSError:  # so a server says that nobody is there any more
            self._gone = True
            raise
        if kind == _START:
            self._status = message["status"]
        elif kind in _BODY and not message.get("more_body", False):
            self._ended = perf_counter()

    def outcome(self, failure: BaseException | None) -> int:
        """The status that was sent, or what came of the request instead."""
        if isinstance(failure, Exception) and not self._gone:
            return _FAILED
        # What is no Exception is a cancellation, with which servers end requests whose client is gone.
        return self._status or (LEFT if self._gone or failure is not None else _FAILED)

    def seconds(self) -> float:
        """Until the last byte was sent: nobody waits for what a framework does in the background then."""
        return (self._ended or perf_counter()) - self._started

    def _headers(self, headers: Any) -> list[tuple[bytes, bytes]]:
        own = [each for each in headers if each[0].lower() != HEADER]
        own.append((HEADER, self._record.id.encode()))
        if self._expose is True or (self._expose is not False and self._expose(self._scope)):
            own.append((_TIMING, server_timing(self._record, perf_counter() - self._started)))
        return own


def server_timing(record: Record, seconds: float) -> bytes:
    """`acquire;dur=0.4, tenant;dur=0.2, db;dur=12.3;desc="7 queries", ...`, in ms, as browsers show it."""
    hits = f"{record.cache_hits} of {record.cache_reads} hits"
    parts = [
        f"acquire;dur={record.acquire * 1000:.1f}",
        f"tenant;dur={record.begin * 1000:.1f}",
        f'db;dur={record.query_seconds * 1000:.1f};desc="{record.queries} queries"',
        f"commit;dur={record.end * 1000:.1f}",
        f'cache;dur={record.cache_seconds * 1000:.1f};desc="{hits}"',
        f"total;dur={seconds * 1000:.1f}",
    ]
    return ", ".join(parts).encode()
