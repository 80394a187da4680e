"""ASGI middleware (Starlette, FastAPI, Litestar): each request has its tenant, and reads its own writes.

    app = TenantMiddleware(app, db, lambda scope: tenant_of_the_login(scope))

    async def leads(request):
        async with request.state.tenant.session(read_only=True) as session:
            ...

Where the database has replicas, a response to a request that wrote carries a token in the header
`Tenfold-Token`, and in a cookie where one is named; a request that sends it back reads what was written.
A token that cannot be read, or several that differ, send reads to the primary.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias

from tenfold.errors import InvalidTenantError, NoTenantError, UsageError
from tenfold.runtime.database import Database
from tenfold.runtime.routing.lsn import Token
from tenfold.runtime.session import Session
from tenfold.runtime.tenant import TenantId, tenant_id

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = b"tenfold-token"
#: Seconds that a browser keeps the token: by then every replica that serves has replayed it.
_KEPT = 60
# This is no token, so reads with it go to the primary.
_PRIMARY_ONLY = "primary"


class RequestTenant:
    """The tenant of one request: `request.state.tenant`."""

    def __init__(self, database: Database, tenant: TenantId | None, token: str | None) -> None:
        #: None where the resolver found none; a session is refused then.
        self.id = tenant
        #: What the next read is to see.
        self.token = token
        #: What reads need to see all that this request wrote.
        self.written: str | None = None
        self._database = database

    @asynccontextmanager
    async def session(self, *, read_only: bool = False) -> AsyncGenerator[Session]:
        """A session of the request's tenant; one that reads sees what the request, or its sender, wrote.

        Raises NoTenantError where the request has no tenant, and what `Database.tenant` raises.
        """
        if self.id is None:
            raise NoTenantError()
        token = self.token if read_only else None
        session = None
        try:
            async with self._database.tenant(self.id, read_only=read_only, token=token) as session:
                yield session
        finally:
            # It has one once it is committed, even where what was to be called after that fails.
            if session is not None and session.token is not None:
                self.written = self.token = later(self.written, session.token)


def later(one: str | None, other: str) -> str:
    """A token that has what both have. Sessions of a request may end side by side, in any order."""
    if one is None:
        return other
    first, second = Token.read(one), Token.read(other)
    if first is None or second is None or first.system != second.system:
        return _PRIMARY_ONLY
    return str(max(first, second))


def request_tenant(scope: Scope) -> RequestTenant:
    """What `TenantMiddleware` set. Raises UsageError where it is not around the application."""
    tenant = (scope.get("state") or {}).get("tenant")
    if not isinstance(tenant, RequestTenant):
        raise UsageError("no TenantMiddleware had this request; put it around the application")
    return tenant


def request_session(scope: Scope, *, read_only: bool = False) -> AbstractAsyncContextManager[Session]:
    """For frameworks: the one session of a request. Raises UsageError for what lasts longer than one."""
    if scope["type"] != "http":
        raise UsageError("a session is for one message, not for a whole WebSocket; open one for each")
    return request_tenant(scope).session(read_only=read_only)


class TenantMiddleware:
    """`resolve(scope)` says, or awaits, whose request it is: an id, or None for a request of no tenant.

    It decides from what was authenticated, never from what the sender may choose. An answer that is no id of
    a tenant is a response 400.
    """

    def __init__(
        self, app: App, database: Database, resolve: Callable[[Scope], Any], *, cookie: str | None = None
    ) -> None:
        self._app, self._database, self._resolve = app, database, resolve
        self._cookie = None if cookie is None else cookie.encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        found = self._resolve(scope)
        if inspect.isawaitable(found):
            found = await found
        try:
            known = None if found is None else tenant_id(found, self._database.tenant_type)
        except InvalidTenantError as error:
            await _refuse(scope, send, str(error))
            return
        tenant = RequestTenant(self._database, known, self._token_of(scope["headers"]))
        scope.setdefault("state", {})["tenant"] = tenant

        async def send_with_token(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and tenant.written is not None:
                message["headers"] = [*message.get("headers", ()), *self._headers(tenant.written)]
            await send(message)

        await self._app(scope, receive, send_with_token)

    def _token_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        tokens = set()
        for name, value in headers:
            if name == _HEADER:
                tokens.add(value)
            elif name == b"cookie" and self._cookie is not None:
                # One by one: a cookie that is not well formed takes nothing from those after it.
                for part in value.split(b";"):
                    key, _, content = part.partition(b"=")
                    if key.strip() == self._cookie:
                        tokens.add(content.strip())
        if len(tokens) > 1:
            return _PRIMARY_ONLY
        return tokens.pop().decode("latin-1") if tokens else None

    def _headers(self, token: str) -> list[tuple[bytes, bytes]]:
        headers = [(_HEADER, token.encode())]
        if self._cookie is not None:
            rest = f"={token}; Max-Age={_KEPT}; Path=/; HttpOnly; SameSite=Lax"
            headers.append((b"set-cookie", self._cookie + rest.encode()))
        return headers


async def _refuse(scope: Scope, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    headers, body = problem(400, why)
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem(status: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a response that says what is wrong (RFC 9457)."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"private, no-store")]
    return headers, json.dumps(told).encode()
