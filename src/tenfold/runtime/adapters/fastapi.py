"""FastAPI: a session of the request's tenant as a dependency, committed before the client is told anything.

    app = FastAPI(exception_handlers={NoTenantError: no_tenant})
    app.add_middleware(TenantMiddleware, database=db, resolve=tenant_of_the_login)

    @app.post("/leads")
    async def add(session: TenantSession) -> int: ...

Needs FastAPI 0.121, the first whose dependencies can end before the response is sent. All that ask for the
same kind of session in a request share one. It has ended when a stream or a background task begins.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, TypeAlias

from fastapi import Depends
from fastapi.requests import HTTPConnection

from tenfold.runtime.adapters import asgi
from tenfold.runtime.adapters.asgi import RequestTenant
from tenfold.runtime.adapters.starlette import no_tenant
from tenfold.runtime.session import Session

__all__ = [
    "CurrentTenant",
    "ReadingSession",
    "TenantSession",
    "no_tenant",
    "reading_session",
    "request_tenant",
    "tenant_session",
]


async def request_tenant(connection: HTTPConnection) -> RequestTenant:
    """The tenant of the request; in a WebSocket, open a session of it for each message."""
    return asgi.request_tenant(connection.scope)


async def _before_the_response() -> None:
    """Asked for by dependencies that must end before the response is sent.

    FastAPI refuses to declare them in any other scope: in its own the client would be told 200 first, and
    COMMIT, which may fail, would come after.
    """


_Prompt: TypeAlias = Annotated[None, Depends(_before_the_response, scope="function")]


async def tenant_session(connection: HTTPConnection, _: _Prompt) -> AsyncGenerator[Session]:
    """Commits when the path operation returns, rolls back when it raises. To be had with scope="function"."""
    async with asgi.request_session(connection.scope) as session:
        yield session


async def reading_session(connection: HTTPConnection, _: _Prompt) -> AsyncGenerator[Session]:
    """Only reads, at a replica where there is one that has what the sender wrote."""
    async with asgi.request_session(connection.scope, read_only=True) as session:
        yield session


CurrentTenant: TypeAlias = Annotated[RequestTenant, Depends(request_tenant)]
TenantSession: TypeAlias = Annotated[Session, Depends(tenant_session, scope="function")]
ReadingSession: TypeAlias = Annotated[Session, Depends(reading_session, scope="function")]
