"""One request and its answer: who asks, in which session, and what is sent back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request, Response

from tenfold.runtime import Session
from tenfold_hub.kit.idempotency import Kept, keep, kept, key_of
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.showing import json_of

Asked = Request[Any, Any, Any]

_JSON = "application/json"
#: Answers that are kept with their Idempotency-Key are at most so long; a batch of 1,000 things fits.
MOST_KEPT = 4_000_000


def principal_of(request: Asked, scope: str) -> Principal:
    """Raises Problem where nobody asks, or somebody who may not."""
    principal: Principal | None = request.scope["state"].get("principal")
    if principal is None:
        raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    principal.require(scope)
    return principal


@asynccontextmanager
async def reading(request: Asked, scope: str) -> AsyncGenerator[tuple[Session, Principal]]:
    """A session that may go to a replica, and sees what the client wrote before."""
    principal = principal_of(request, scope)
    async with request.scope["state"]["tenant"].session(read_only=True) as session:
        yield session, principal


Done = Callable[[Session, Principal], Awaitable[tuple[int, Any, dict[str, str]]]]


async def written(request: Asked, scope: str, route: str, do: Done) -> Response[bytes]:
    """What `do` answers - status, value and headers -, done once for each Idempotency-Key."""
    principal = principal_of(request, scope)
    key = key_of(request.headers.get("idempotency-key"), route, await request.body())
    headers: dict[str, str] = {}
    async with request.scope["state"]["tenant"].session() as session:
        found = await kept(session, principal, key) if key else None
        if found is None:
            status, value, headers = await do(session, principal)
            found = Kept(status, b"" if value is None else json_of(value))
            if key and len(found.answer) <= MOST_KEPT:
                await keep(session, principal, key, found)
        else:
            headers = {"Idempotent-Replayed": "true"}
    return Response(found.answer, status_code=found.status, media_type=_JSON, headers=headers)


def answered(value: object, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(json_of(value), media_type=_JSON, headers=headers)
