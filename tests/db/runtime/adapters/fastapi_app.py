"""Notes by FastAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse

from tenfold.errors import NoTenantError
from tenfold.runtime import Database, Session
from tenfold.runtime.adapters.asgi import TenantMiddleware
from tenfold.runtime.adapters.fastapi import (
    CurrentTenant,
    ReadingSession,
    TenantSession,
    no_tenant,
    tenant_session,
)
from tests.db.runtime.adapters.notes import COOKIE, add_note, after_the_response, resolve, teams

routes = APIRouter()


@routes.get("/teams")
async def get_teams(session: ReadingSession) -> list[list[object]]:
    return await teams(session)


@routes.post("/notes")
async def write(session: TenantSession, tenant: CurrentTenant) -> int:
    return await add_note(session, "new")


@routes.post("/twice")
async def write_twice(session: Annotated[Session, Depends(tenant_session, scope="function")]) -> int:
    await add_note(session, "same")
    return await add_note(session, "same")


@routes.post("/refused")
async def refused(session: TenantSession) -> int:
    await add_note(session, "new")
    raise HTTPException(409, "thought better of it")


def noted(session: TenantSession) -> Session:
    return session


@routes.post("/shared")
async def shared(first: TenantSession, second: Annotated[Session, Depends(noted)]) -> bool:
    return first is second


@routes.post("/background")
async def background(session: TenantSession, later: BackgroundTasks) -> int:
    later.add_task(after_the_response, session)
    return 1


@routes.get("/stream")
async def stream(session: ReadingSession, tenant: CurrentTenant) -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        await after_the_response(session)
        async with tenant.session(read_only=True) as own:
            yield str(await teams(own))

    return StreamingResponse(rows())


@routes.websocket("/socket")
async def socket(socket: WebSocket, tenant: CurrentTenant) -> None:
    await socket.accept()
    async for message in socket.iter_text():
        async with tenant.session() as session:
            await add_note(session, message)
        await socket.send_text(message)


@routes.websocket("/held")
async def held(socket: WebSocket, session: TenantSession) -> None:
    raise AssertionError("a session for a whole connection")


def app_of(db: Database) -> FastAPI:
    app = FastAPI(exception_handlers={NoTenantError: no_tenant})
    app.include_router(routes)
    app.add_middleware(TenantMiddleware, database=db, resolve=resolve, cookie=COOKIE)
    return app
