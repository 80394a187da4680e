"""Notes by Litestar."""

from __future__ import annotations

from collections.abc import AsyncIterator

from litestar import Litestar, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, WebSocketDisconnect
from litestar.middleware import DefineMiddleware
from litestar.response import Response, Stream

from tenfold.errors import NoTenantError
from tenfold.runtime import Database, Session
from tenfold.runtime.adapters.asgi import RequestTenant, TenantMiddleware
from tenfold.runtime.adapters.litestar import no_tenant, reading_session, request_tenant, tenant_session
from tests.db.runtime.adapters.notes import COOKIE, add_note, after_the_response, resolve, teams


@get("/teams")
async def get_teams(reading: NamedDependency[Session]) -> list[list[object]]:
    return await teams(reading)


@post("/notes", status_code=200)
async def write(session: NamedDependency[Session], tenant: NamedDependency[RequestTenant]) -> int:
    return await add_note(session, "new")


@post("/twice")
async def write_twice(session: NamedDependency[Session]) -> int:
    await add_note(session, "same")
    return await add_note(session, "same")


@post("/both")
async def write_with_two_sessions(
    session: NamedDependency[Session], reading: NamedDependency[Session]
) -> int:
    await teams(reading)
    await add_note(session, "same")
    return await add_note(session, "same")


@post("/refused")
async def refused(session: NamedDependency[Session]) -> int:
    await add_note(session, "new")
    raise HTTPException("thought better of it", status_code=409)


def noted(session: NamedDependency[Session]) -> Session:
    return session


@post("/shared", dependencies={"second": Provide(noted, sync_to_thread=False)})
async def shared(session: NamedDependency[Session], second: NamedDependency[Session]) -> bool:
    return session is second


@post("/background")
async def background(session: NamedDependency[Session]) -> Response[int]:
    return Response(1, background=BackgroundTask(after_the_response, session))


@get("/stream")
async def stream(reading: NamedDependency[Session], tenant: NamedDependency[RequestTenant]) -> Stream:
    async def rows() -> AsyncIterator[str]:
        await after_the_response(reading)
        async with tenant.session(read_only=True) as own:
            yield str(await teams(own))

    return Stream(rows())


@get("/kept", cache=True)
async def kept(reading: NamedDependency[Session]) -> list[list[object]]:
    return await teams(reading)


@get("/kept-by-hand", cache=True)
async def kept_by_hand(tenant: NamedDependency[RequestTenant]) -> list[list[object]]:
    async with tenant.session(read_only=True) as session:
        return await teams(session)


@get("/kept-by-tenant", cache=True, cache_key_builder=lambda request: str(request.state.tenant.id))
async def kept_by_tenant(reading: NamedDependency[Session]) -> list[list[object]]:
    return await teams(reading)


@websocket("/socket")
async def socket(socket: WebSocket, tenant: NamedDependency[RequestTenant]) -> None:
    await socket.accept()
    try:
        while True:
            message = await socket.receive_text()
            async with tenant.session() as session:
                await add_note(session, message)
            await socket.send_text(message)
    except WebSocketDisconnect:
        return


@websocket("/held")
async def held(socket: WebSocket, session: NamedDependency[Session]) -> None:
    raise AssertionError("a session for a whole connection")


def app_of(db: Database) -> Litestar:
    return Litestar(
        [
            get_teams,
            write,
            write_twice,
            write_with_two_sessions,
            refused,
            shared,
            background,
            stream,
            kept,
            kept_by_hand,
            kept_by_tenant,
            socket,
            held,
        ],
        dependencies={
            "session": Provide(tenant_session),
            "reading": Provide(reading_session),
            "tenant": Provide(request_tenant),
        },
        middleware=[DefineMiddleware(TenantMiddleware, database=db, resolve=resolve, cookie=COOKIE)],
        exception_handlers={NoTenantError: no_tenant},
        openapi_config=None,
    )
