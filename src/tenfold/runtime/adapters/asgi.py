"""ASGI middleware (Starlette, FastAPI, Litestar): each request has its tenant, and reads its own writes.

    app = TenantMiddleware(app, db, lambda scope: tenant_of_the_login(scope))

    async def leads(request):
        async with request.state.tenant.session(read_only=True) as session:
            ...

Where the database has replicas, a response to a request that wrote carries a token in the header
`Tenfold-Token`, and in a cookie where one is named; a request that sends it back reads what was written.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias

from tenfold.errors import InvalidTenantError, TenantError
from tenfold.runtime.database import Database
from tenfold.runtime.session import Session
from tenfold.runtime.tenant import TenantId, tenant_id

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = b"tenfold-token"
#: Seconds that a browser keeps the token: by then every replica that serves has replayed it.
_KEPT = 60


class RequestTenant:
    """The tenant of one request: `request.state.tenant`."""

    def __init__(self, database: Database, tenant: TenantId | None, token: str | None) -> None:
        #: None where the resolver found none; a session is refused then.
        self.id = tenant
        #: What the next read is to see.
        self.token = token
        self.wrote = False
        self._database = database

    @asynccontextmanager
    async def session(self, *, read_only: bool = False) -> AsyncGenerator[Session]:
        """A session of the request's tenant; one that reads sees what the request, or its sender, wrote.

        Raises TenantError where the request has no tenant, and what `Database.tenant` raises.
        """
        if self.id is None:
            raise TenantError("this request has no tenant, so nothing is asked for it")
        token = self.token if read_only else None
        async with self._database.tenant(self.id, read_only=read_only, token=token) as session:
            yield session
        if session.token is not None:
            self.token, self.wrote = session.token, True


class TenantMiddleware:
    """`resolve(scope)` says, or awaits, whose request it is: an id, or None for a request of no tenant.

    It decides from what was authenticated, never from what the sender may choose. An answer that is no id of
    a tenant is a response 400.
    """

    def __init__(
        self, app: App, database: Database, resolve: Callable[[Scope], Any], *, cookie: str | None = None
    ) -> None:
        self._app, self._database, self._resolve, self._cookie = app, database, resolve, cookie

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
            if message["type"] == "http.response.start" and tenant.wrote and tenant.token is not None:
                message["headers"] = [*message.get("headers", ()), *self._headers(tenant.token)]
            await send(message)

        await self._app(scope, receive, send_with_token)

    def _token_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        cookies = []
        for name, value in headers:
            if name == _HEADER:
                return value.decode("latin-1")
            if name == b"cookie":
                cookies.append(value.decode("latin-1"))
        if self._cookie is None or not cookies:
            return None
        try:
            found = SimpleCookie("; ".join(cookies)).get(self._cookie)
        except CookieError:
            return None
        return found.value if found else None

    def _headers(self, token: str) -> list[tuple[bytes, bytes]]:
        headers = [(_HEADER, token.encode())]
        if self._cookie is not None:
            cookie = f"{self._cookie}={token}; Max-Age={_KEPT}; Path=/; HttpOnly; SameSite=Lax"
            headers.append((b"set-cookie", cookie.encode()))
        return headers


async def _refuse(scope: Scope, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 400, "headers": plain})
    await send({"type": "http.response.body", "body": why.encode()})
