"""What the middlewares add to a request, and what an observer adds to a transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tenfold.bench.runtime.ground import SETTING, TENANT
from tenfold.bench.runtime.result import Section, Table, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, one_by_one
from tenfold.runtime import Database
from tenfold.runtime.adapters.asgi import App, Receive, Scope, Send, TenantMiddleware
from tenfold.runtime.cdn import LANDING_PAGE, Caching
from tenfold.runtime.telemetry import RequestMiddleware, Telemetry

_STATEMENT = "SELECT name FROM leads WHERE team_id = $1 AND id = $2"
_ROUTES = {"/": LANDING_PAGE}
_BARE = "the application alone"


async def middleware(bench: Bench) -> Section:
    telemetry = Telemetry()
    plain = Database(bench.ground.app, setting=SETTING)
    seen = Database(bench.ground.app, setting=SETTING, observers=[telemetry])
    async with plain, seen:
        apps: dict[str, App] = {
            _BARE: _answer,
            "RequestMiddleware": RequestMiddleware(_answer, telemetry),
            "TenantMiddleware": TenantMiddleware(_answer, plain, lambda _: TENANT),
            "Caching": Caching(_answer, _ROUTES),
            "all three": Caching(
                RequestMiddleware(TenantMiddleware(_answer, plain, lambda _: TENANT), telemetry), _ROUTES
            ),
        }
        requests = await bench.measure(
            [Contender(name, one_by_one(_request(app))) for name, app in apps.items()]
        )
        transactions = await bench.measure(
            [
                Contender("without observers", one_by_one(_transaction(plain))),
                Contender("with telemetry", one_by_one(_transaction(seen))),
            ]
        )
    return Section(
        subject="middleware",
        title="Middlewares and telemetry",
        remarks=("The application answers 200 and two bytes. A transaction asks one statement.",),
        tables=(
            Table(title="One request", lines=lines(requests, requests[0]), against=_BARE),
            Table(
                title="One transaction",
                lines=lines(transactions, transactions[0]),
                against="without observers",
            ),
        ),
    )


async def _answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def _request(app: App) -> Callable[[], Awaitable[None]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        """To nowhere."""

    headers = [(b"host", b"example.com"), (b"accept", b"*/*"), (b"user-agent", b"bench")]

    async def request() -> None:
        scope = {"type": "http", "method": "GET", "path": "/leads", "headers": headers, "query_string": b""}
        await app(scope, receive, send)

    return request


def _transaction(database: Database) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        async with database.tenant(TENANT) as session:
            await session.fetch(_STATEMENT, TENANT, 501)

    return ask
