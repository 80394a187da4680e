"""FastAPI and Litestar: what the client is told is what the database did."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import FastAPIError

from tenfold.errors import UsageError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.adapters.fastapi import reading_session, tenant_session
from tenfold.runtime.cdn import LANDING_PAGE, Caching
from tests.conftest import patient
from tests.db.runtime.adapters import fastapi_app, litestar_app, notes
from tests.db.runtime.adapters.asking import ask, converse
from tests.db.runtime.adapters.notes import COOKIE
from tests.db.runtime.replication import StandbyServer

APPS: dict[str, Callable[[Database], Any]] = {
    "fastapi": fastapi_app.app_of,
    "litestar": litestar_app.app_of,
}


@pytest.fixture(params=APPS)
def app_of(request: pytest.FixtureRequest) -> Callable[[Database], Any]:
    notes.refused.clear()
    return APPS[request.param]


class TestWithoutReplica:
    @pytest.fixture
    def owner(self, database: str, notes: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER TABLE notes ADD UNIQUE (team_id, body) DEFERRABLE INITIALLY DEFERRED")
            yield owner

    @pytest.fixture
    def app(self, owner: psycopg.Connection, db: Database, app_of: Callable[[Database], Any]) -> Any:
        return app_of(db)

    def count(self, owner: psycopg.Connection, body: str) -> int:
        row = owner.execute("SELECT count(*) FROM notes WHERE body = %s", [body]).fetchone()
        assert row is not None
        return int(row[0])

    async def test_a_request_sees_the_rows_of_its_tenant(self, app: Any) -> None:
        for tenant in (7, 8):
            answer = await ask(app, "/teams", x_login=str(tenant))
            assert (answer.status, answer.body) == (200, f"[[{tenant},false]]".encode())

    async def test_the_commit_is_done_when_the_client_is_told(
        self, app: Any, owner: psycopg.Connection
    ) -> None:
        seen: list[tuple[int, int]] = []
        told = lambda status: seen.append((status, self.count(owner, "new")))  # noqa: E731 - it is one line
        answer = await ask(app, "/notes", "POST", told=told, x_login="7")
        assert seen == [(200, 1)]
        assert answer.body == b"1"

    @pytest.mark.parametrize("path", ["/twice", "/both"])
    async def test_a_commit_that_fails_is_an_error(
        self, app: Any, owner: psycopg.Connection, path: str
    ) -> None:
        if path == "/both" and isinstance(app, FastAPI):
            path = "/twice"
        answer = await ask(app, path, "POST", x_login="7")
        assert answer.status == 500
        assert self.count(owner, "same") == 0
        assert (await ask(app, "/notes", "POST", x_login="7")).status == 200

    async def test_what_the_endpoint_raises_takes_back_what_it_wrote(
        self, app: Any, owner: psycopg.Connection
    ) -> None:
        answer = await ask(app, "/refused", "POST", x_login="7")
        assert answer.status == 409
        assert self.count(owner, "new") == 0

    async def test_all_that_ask_for_a_session_share_one(self, app: Any) -> None:
        assert (await ask(app, "/shared", "POST", x_login="7")).body == b"true"

    async def test_a_request_of_no_tenant_is_forbidden(self, app: Any) -> None:
        answer = await ask(app, "/teams")
        assert answer.status == 403
        assert answer.headers[b"content-type"] == b"application/problem+json"
        assert answer.headers[b"cache-control"] == b"private, no-store"
        assert json.loads(answer.body) == {
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": "This request has no tenant, so nothing is asked for it.",
        }

    @pytest.mark.parametrize(("path", "method"), [("/background", "POST"), ("/stream", "GET")])
    async def test_a_session_has_ended_when_the_response_is_on_its_way(
        self, app: Any, path: str, method: str
    ) -> None:
        answer = await ask(app, path, method, x_login="7")
        assert answer.status in (200, 201)
        assert answer.body in (b"1", b"[[7, False]]")
        assert notes.refused == ["The session has ended; statements belong inside its `async with` block."]

    async def test_a_web_socket_has_a_session_for_each_message(
        self, app: Any, owner: psycopg.Connection
    ) -> None:
        sent = await converse(app, "/socket", "first", "second", x_login="7")
        assert [message["text"] for message in sent if message["type"] == "websocket.send"] == [
            "first",
            "second",
        ]
        assert self.count(owner, "first") == self.count(owner, "second") == 1

    async def test_a_session_for_a_whole_web_socket_is_refused(self, app: Any) -> None:
        if isinstance(app, FastAPI):
            with pytest.raises(UsageError, match="open one for each"):
                await converse(app, "/held", x_login="7")
        else:
            (closed,) = await converse(app, "/held", x_login="7")
            assert closed["type"] == "websocket.close"

    async def test_nothing_of_a_tenant_is_public(self, app: Any) -> None:
        cached = Caching(app, {"/teams": LANDING_PAGE})
        for headers, status in (({"x_login": "7"}, 200), ({}, 403)):
            answer = await ask(cached, "/teams", **headers)
            assert (answer.status, answer.headers[b"cache-control"]) == (status, b"private, no-store")


@pytest.mark.parametrize("dependency", [tenant_session, reading_session])
def test_fastapi_cannot_declare_a_session_that_ends_after_the_response(dependency: Any) -> None:
    with pytest.raises(FastAPIError, match="scope"):
        FastAPI().get("/", dependencies=[Depends(dependency)])(lambda: None)


async def test_a_route_whose_response_litestar_keeps_for_all_is_refused(db: Database) -> None:
    app = litestar_app.app_of(db)
    for tenant in (7, 8):
        for path in ("/kept", "/kept-by-hand"):
            assert (await ask(app, path, x_login=str(tenant))).status == 500
        answer = await ask(app, "/kept-by-tenant", x_login=str(tenant))
        assert answer.body == f"[[{tenant},false]]".encode()


async def test_an_application_without_the_middleware_says_so(db: Database) -> None:
    app = FastAPI()
    app.include_router(fastapi_app.routes)
    with pytest.raises(UsageError, match="TenantMiddleware"):
        await converse(app, "/socket")


async def test_the_caching_middleware_within_a_framework_is_refused() -> None:
    app = FastAPI()
    app.add_middleware(Caching, routes={"/": LANDING_PAGE})
    assert (await ask(app, "/")).status == 500


class TestWithReplica:
    @pytest.fixture
    async def db(self, primary: EmbeddedServer, replica: StandbyServer) -> AsyncIterator[Database]:
        replica_dsn = replica.dsn("postgres", "app")
        async with Database(patient(primary.dsn(user="app")), replicas=[replica_dsn]) as db:
            yield db

    async def test_the_token_of_a_dependencys_commit_reaches_the_client(
        self, db: Database, replica: StandbyServer, app_of: Callable[[Database], Any]
    ) -> None:
        app = app_of(db)
        replica.pause()
        written = await ask(app, "/notes", "POST", x_login="7")
        token = written.headers[b"tenfold-token"].decode()
        assert written.headers[b"set-cookie"].decode().startswith(f"{COOKIE}={token};")
        assert (await ask(app, "/teams", x_login="7")).body == b"[[7,true]]"
        assert (await ask(app, "/teams", x_login="7", tenfold_token=token)).body == b"[[7,false]]"
