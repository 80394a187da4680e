"""A response for which a tenant's session was opened is private, though nothing else says whose it is."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from tenfold.errors import PublicResponseError
from tenfold.runtime import Database
from tenfold.runtime.cdn import LANDING_PAGE, Caching, TenantWitness
from tests.db.runtime.adapters.asking import ask

PUBLIC = b"public, max-age=300, s-maxage=60"
PATHS = ["/plain", "/asked", "/system", "/later", "/stream"]


async def rows(db: Database) -> str:
    async with db.tenant(7, read_only=True) as session:
        return str(await session.fetch_value("SELECT count(*) FROM notes"))


def application(db: Database) -> Caching:
    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await run_in_threadpool(lambda: "nothing"))

    async def asked(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await rows(db))

    async def system(request: Request) -> PlainTextResponse:
        async with db.system("the front page") as session:
            return PlainTextResponse(str(await session.fetch_value("SELECT 1")))

    async def later(request: Request) -> PlainTextResponse:
        return PlainTextResponse("sent before", background=BackgroundTask(rows, db))

    async def stream(request: Request) -> StreamingResponse:
        async def parts() -> Any:
            yield "page"
            yield await rows(db)

        return StreamingResponse(parts())

    endpoints = [plain, asked, system, later, stream]
    routes = [Route(path, endpoint) for path, endpoint in zip(PATHS, endpoints, strict=True)]
    return Caching(Starlette(routes=routes), dict.fromkeys(PATHS, LANDING_PAGE))


async def test_a_session_of_a_tenant_makes_the_response_private(notes: str) -> None:
    async with Database(notes, observers=[TenantWitness()]) as db:
        app = application(db)
        for path, rule in (
            ("/plain", PUBLIC),
            ("/asked", b"private, no-store"),
            ("/system", PUBLIC),
            ("/later", PUBLIC),
            ("/plain", PUBLIC),
        ):
            answer = await ask(app, path)
            assert (path, answer.headers[b"cache-control"]) == (path, rule)


async def test_rows_of_a_tenant_do_not_follow_a_public_head(notes: str) -> None:
    async with Database(notes, observers=[TenantWitness()]) as db:
        sent: list[bytes] = []

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        with pytest.RaisesGroup(PublicResponseError, allow_unwrapped=True, flatten_subgroups=True):
            scope = {"type": "http", "method": "GET", "path": "/stream", "query_string": b"", "headers": []}
            await application(db)({**scope, "asgi": {"spec_version": "2.4"}}, None, send)  # type: ignore[arg-type]
        assert sent == [b"", b"page"]
