"""Litestar: a session of the request's tenant as a dependency, committed before the client is told anything.

    app = Litestar(
        route_handlers=[...],
        middleware=[DefineMiddleware(TenantMiddleware, database=db, resolve=tenant_of_the_login)],
        dependencies={"session": Provide(tenant_session)},
        exception_handlers={NoTenantError: no_tenant},
    )

    @post("/leads")
    async def add(session: Session) -> int: ...

Litestar ends its dependencies when the handler returns, before it makes the response. A session has ended
when a stream or a background task begins.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from litestar import Request, Response
from litestar.config.response_cache import default_cache_key_builder
from litestar.types import Scope

from tenfold.errors import UsageError
from tenfold.runtime.adapters import asgi
from tenfold.runtime.adapters.asgi import RequestTenant
from tenfold.runtime.session import Session


async def request_tenant(scope: Scope) -> RequestTenant:
    """The tenant of the request; in a WebSocket, open a session of it for each message."""
    return asgi.request_tenant(_of_one_tenant(scope))


async def tenant_session(scope: Scope) -> AsyncGenerator[Session, None]:
    """Commits when the handler returns, rolls back when it raises."""
    async with asgi.request_session(_of_one_tenant(scope)) as session:
        yield session


async def reading_session(scope: Scope) -> AsyncGenerator[Session, None]:
    """Only reads, at a replica where there is one that has what the sender wrote."""
    async with asgi.request_session(_of_one_tenant(scope), read_only=True) as session:
        yield session


def no_tenant(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A response 403, as problem+json; for the reasons why it is no 401 see `adapters.starlette`."""
    headers, body = asgi.problem(403, str(error))
    told = {name.decode(): value.decode() for name, value in headers}
    return Response(body, status_code=403, media_type=told.pop("content-type"), headers=told)


def _of_one_tenant(scope: Scope) -> asgi.Scope:
    """The scope. Refuses a route whose response Litestar keeps by path and query, whoever asks."""
    plain: Any = scope  # a TypedDict, which is a dict when it runs
    handler = plain["route_handler"]
    if getattr(handler, "cache", False):
        builder = handler.cache_key_builder or plain["litestar_app"].response_cache_config.key_builder
        if builder is default_cache_key_builder:
            raise UsageError(
                "this route's response would be kept for every tenant; take cache= away, or give it a"
                " cache_key_builder that has the tenant in its key"
            )
    return cast(asgi.Scope, plain)
