"""One request and its answer: who asks, in which session, and what is sent back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

from litestar import Request, Response
from litestar.params import QueryParameter

from tenfold.runtime import Session
from tenfold_hub.kit import ids
from tenfold_hub.kit.idempotency import Kept, Key, keep, kept, key_of
from tenfold_hub.kit.listing import MOST
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid, not_found
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.showing import json_of

Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[bytes]
#: How many things a page has, where a route reads it by itself.
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MOST)]

_JSON = "application/json"
#: The option of a route that whoever asks it need not say who they are.
GUESTS = "guests"
#: Deadlock and serialization failure: what was begun is undone, and may be begun anew.
_AGAIN = frozenset({"40P01", "40001"})
#: Answers that are kept with their Idempotency-Key are at most so long; a batch of 1,000 things fits.
MOST_KEPT = 4_000_000


def principal_of(request: Asked, scope: str) -> Principal:
    """Raises Problem where nobody asks, or somebody who may not."""
    principal: Principal | None = request.scope["state"].get("principal")
    if principal is None:
        raise unauthenticated()
    principal.require(scope)
    return principal


@asynccontextmanager
async def reading(request: Asked, scope: str) -> AsyncGenerator[tuple[Session, Principal]]:
    """A session that may go to a replica, and sees what the client wrote before."""
    principal = principal_of(request, scope)
    async with request.scope["state"]["tenant"].session(read_only=True) as session:
        yield session, principal


Done = Callable[[Session, Principal], Awaitable[tuple[int, Any, dict[str, str]]]]


async def written(request: Asked, scope: str, route: str, do: Done, *, once: Collection[str] = ()) -> Answer:
    """What `do` answers - status, value and headers -, done once for each Idempotency-Key.

    Fields that are shown `once` are not kept with the key: who sends the request again finds null there.
    """
    principal = principal_of(request, scope)
    key = key_of(request.headers.get("idempotency-key"), route, await request.body())
    for last in (False, False, True):
        try:
            async with request.scope["state"]["tenant"].session() as session:
                return await _done(session, principal, key, do, once)
        except Exception as error:
            # Of two that wait for each other the server ends one, which has done nothing then.
            if last or getattr(error, "sqlstate", "") not in _AGAIN:
                raise
    raise AssertionError("the last try returns or raises")


async def _done(
    session: Session, principal: Principal, key: Key | None, do: Done, once: Collection[str]
) -> Answer:
    found = await kept(session, principal, key) if key else None
    headers = {"Idempotent-Replayed": "true"}
    if found is None:
        status, value, headers = await do(session, principal)
        found = Kept(status, b"" if value is None else json_of(value))
        if key and len(found.answer) <= MOST_KEPT:
            hidden = dict.fromkeys(once)
            await keep(session, principal, key, Kept(status, json_of(value | hidden)) if hidden else found)
    return Response(found.answer, status_code=found.status, media_type=_JSON, headers=headers)


def answered(value: object, headers: dict[str, str] | None = None) -> Answer:
    return Response(json_of(value), media_type=_JSON, headers=headers)


def id_at(pointer: str, prefix: str, text: object) -> uuid.UUID:
    """The id that a body names at this place. Raises Problem `invalid` for what is none of this kind."""
    try:
        return ids.read(prefix, text)
    except ids.IdError as error:
        raise invalid(pointer, "invalid_id", str(error)) from None


def unauthenticated() -> Problem:
    """The same whatever is wrong with the credentials."""
    said = "send the header Authorization: Bearer, and after it an API key or the token of a session"
    return Problem("unauthenticated", said, headers={"WWW-Authenticate": "Bearer"})


def id_of(resource: Resource, text: str) -> uuid.UUID:
    """The id that a path names. Raises Problem `not_found` for what is none of this resource's."""
    try:
        return ids.read(resource.prefix, text)
    except ids.IdError:
        raise not_found(resource.singular) from None
