"""A request has the tenant that the resolver says, and reads what its sender wrote."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tenfold.errors import NoTenantError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.adapters.asgi import TenantMiddleware
from tenfold.runtime.adapters.starlette import no_tenant
from tests.conftest import patient
from tests.db.runtime.adapters.asking import ask
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


@pytest.fixture
def app(db: Database) -> TenantMiddleware:
    return TenantMiddleware(Starlette(routes=ROUTES), db, resolve)


async def test_a_request_sees_the_rows_of_its_tenant(app: TenantMiddleware) -> None:
    for tenant in (7, 8):
        answer = await ask(app, "/teams", x_login=str(tenant))
        assert answer.body == f"[[{tenant},false]]".encode()


async def test_a_request_of_no_tenant_is_forbidden(db: Database) -> None:
    starlette = Starlette(routes=ROUTES, exception_handlers={NoTenantError: no_tenant})
    answer = await ask(TenantMiddleware(starlette, db, resolve), "/teams")
    assert answer.status == 403
    assert json.loads(answer.body)["detail"] == str(NoTenantError())


async def test_what_is_no_id_is_a_bad_request(app: TenantMiddleware) -> None:
    answer = await ask(app, "/teams", x_login="7; DROP TABLE notes")
    assert answer.status == 400
    assert json.loads(answer.body)["title"] == "Bad Request"
    assert answer.headers[b"cache-control"] == b"private, no-store"
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
        async with Database(patient(primary.dsn(user="app")), replicas=[replica_dsn]) as db:
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

    async def test_a_token_that_is_none_sends_reads_to_the_primary(
        self, db: Database, replica: StandbyServer
    ) -> None:
        app = TenantMiddleware(Starlette(routes=ROUTES), db, resolve, cookie=COOKIE)
        replica.pause()
        token = (await ask(app, "/write", "POST", x_login="7")).headers[b"tenfold-token"].decode()
        cluster, _, position = token.partition("-")
        headers: dict[str, str]
        for headers in (
            {"tenfold_token": "garbage"},
            {"tenfold_token": ""},
            {"tenfold_token": "\u00e4" * 10_000},
            {"tenfold_token": f"1-{position}"},
            {"tenfold_token": f"{cluster}-ffffffffffffffff"},
            {"cookie": f"{COOKIE}={cluster}-1; {COOKIE}={cluster}-2"},
            {"tenfold_token": f"{cluster}-1", "cookie": f"{COOKIE}={cluster}-2"},
            {"cookie": f'a[b]="c; ;=; d e; {COOKIE}={token}'},
            {"cookie": "; ".join([*(f"c{n}={n}" for n in range(5_000)), f"{COOKIE}={token}"])},
        ):
            answer = await ask(app, "/teams", x_login="7", **headers)
            assert (answer.status, answer.body) == (200, b"[[7,false]]")
        answer = await ask(app, "/teams", x_login="7", tenfold_token=f"{cluster}-1")
        assert answer.body == b"[[7,true]]"

    async def test_the_token_is_sent_where_what_follows_the_commit_fails(self, db: Database) -> None:
        async def write_then_fail(request: Request) -> JSONResponse:
            try:
                async with request.state.tenant.session() as session:
                    await session.execute("UPDATE notes SET body = 'followed'")
                    session.after_commit(lambda: 1 // 0)
            except ZeroDivisionError:
                return JSONResponse("committed", 500)
            raise AssertionError

        routes = [Route("/fail", write_then_fail, methods=["POST"])]
        answer = await ask(
            TenantMiddleware(Starlette(routes=routes), db, resolve), "/fail", "POST", x_login="7"
        )
        assert b"tenfold-token" in answer.headers
