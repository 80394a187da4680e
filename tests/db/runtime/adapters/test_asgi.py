"""A request has the tenant that the resolver says, and reads what its sender wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tenfold.errors import TenantError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.adapters.asgi import TenantMiddleware
from tests.db.runtime.replication import StandbyServer

COOKIE = "read_token"


async def teams(request: Request) -> JSONResponse:
    async with request.state.tenant.session(read_only=True) as session:
        rows = await session.fetch("SELECT DISTINCT team_id, pg_is_in_recovery() FROM notes")
    return JSONResponse([list(row) for row in rows])


async def write(request: Request) -> JSONResponse:
    async with request.state.tenant.session() as session:
        changed = await session.execute("UPDATE notes SET body = 'written'")
    async with request.state.tenant.session(read_only=True) as session:
        seen = await session.fetch_value("SELECT count(*) FROM notes WHERE body = 'written'")
    return JSONResponse([changed, seen])


ROUTES = [Route("/teams", teams), Route("/write", write, methods=["POST"])]


async def resolve(scope: Any) -> str | None:
    """Stands for a login: these tests have the tenant in a header."""
    found = dict(scope["headers"]).get(b"x-login")
    return found.decode() if found is not None else None


class Response:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> Response:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], sent[0]["headers"], body)


@pytest.fixture
def app(db: Database) -> TenantMiddleware:
    return TenantMiddleware(Starlette(routes=ROUTES), db, resolve)


async def test_a_request_sees_the_rows_of_its_tenant(app: TenantMiddleware) -> None:
    for tenant in (7, 8):
        answer = await ask(app, "/teams", x_login=str(tenant))
        assert answer.body == f"[[{tenant},false]]".encode()


async def test_a_request_of_no_tenant_is_asked_nothing_for(app: TenantMiddleware) -> None:
    with pytest.raises(TenantError, match="no tenant"):
        await ask(app, "/teams")


async def test_what_is_no_id_is_a_bad_request(app: TenantMiddleware) -> None:
    answer = await ask(app, "/teams", x_login="7; DROP TABLE notes")
    assert answer.status == 400
    assert b"DROP" not in answer.body


async def test_without_replicas_no_token_is_sent(app: TenantMiddleware) -> None:
    answer = await ask(app, "/write", "POST", x_login="7")
    assert answer.body == b"[10,10]"
    assert b"tenfold-token" not in answer.headers


async def test_what_is_no_request_passes(db: Database) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert "state" not in scope

    await TenantMiddleware(application, db, resolve)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]


class TestWithReplica:
    @pytest.fixture
    async def db(self, primary: EmbeddedServer, replica: StandbyServer) -> AsyncIterator[Database]:
        replica_dsn = replica.dsn("postgres", "app")
        async with Database(primary.dsn(user="app"), replicas=[replica_dsn]) as db:
            yield db

    async def test_a_token_in_a_header_or_cookie_brings_reads_their_writes(
        self, db: Database, replica: StandbyServer
    ) -> None:
        app = TenantMiddleware(Starlette(routes=ROUTES), db, resolve, cookie=COOKIE)
        replica.pause()
        written = await ask(app, "/write", "POST", x_login="7")
        assert written.body == b"[10,10]"
        token = written.headers[b"tenfold-token"].decode()
        cookie = written.headers[b"set-cookie"].decode()
        assert cookie.startswith(f"{COOKIE}={token};")
        assert "HttpOnly" in cookie
        assert b"tenfold-token" not in (await ask(app, "/teams", x_login="7")).headers
        # The replica has not replayed the write: whoever brings the token is sent to the primary.
        for headers, on_replica in (
            ({}, "true"),
            ({"tenfold_token": token}, "false"),
            ({"cookie": f"a=b; {COOKIE}={token}"}, "false"),
            ({"cookie": "a=b"}, "true"),
        ):
            answer = await ask(app, "/teams", x_login="7", **headers)
            assert answer.body == f"[[7,{on_replica}]]".encode()
