"""The hub as one ASGI application."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Any, cast

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tenfold.runtime import Database
from tenfold.runtime.adapters.asgi import App, TenantMiddleware
from tenfold.runtime.cache import Cache
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import RequestMiddleware, Telemetry, request_id
from tenfold_hub import pages, ready
from tenfold_hub.commerce import domain as commerce
from tenfold_hub.commerce.remote import RemoteIdentity
from tenfold_hub.crm import domain as crm
from tenfold_hub.exchange import domain as exchange
from tenfold_hub.identity import domain as identity
from tenfold_hub.identity.credentials import Credentials
from tenfold_hub.kit import audit
from tenfold_hub.kit.exchange import GUESTS, unauthenticated
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.problems import Fault, Problem, document_json, problem_of
from tenfold_hub.kit.ratelimit import Rate, RateLimits, buckets
from tenfold_hub.kit.resource import Resources
from tenfold_hub.objects import domain as objects
from tenfold_hub.segments import domain as segments
from tenfold_hub.settings import Settings

_API = "/v1"
_PROBLEM = "application/problem+json"
#: In the order of their layers.
DOMAINS = (identity.join, objects.join, crm.join, segments.join, commerce.join, exchange.join)
#: Domains that can be served in a process of their own, by that name: they ask others over HTTP.
ALONE: dict[str, Sequence[Callable[[Platform], object]]] = {
    "commerce": (commerce.join_alone, exchange.publish)
}

#: What the framework says of a body that is not there: the name of its own parameter.
_NO_BODY = "'data'"
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_log = logging.getLogger("tenfold_hub")


def assemble(
    db: Database, cursors: Cursors, settings: Settings | None = None, cache: Cache | None = None
) -> Platform:
    """All domains of a hub, for whoever serves it or works for it."""
    platform = Platform(db, cursors, Journal(), settings=settings, cache=cache)
    for join in ALONE[settings.only] if settings is not None and settings.only else DOMAINS:
        join(platform)
    return platform


@contextmanager
def _uncollected() -> Iterator[None]:
    """Making routes allocates much that stays: to look for garbage meanwhile takes as long again."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


@_uncollected()
def create_app(
    db: Database,
    cursors: Cursors,
    telemetry: Telemetry,
    settings: Settings | None = None,
    cache: Cache | None = None,
) -> Any:
    """An ASGI application; the database is opened with it, and tells `telemetry` what it does."""
    platform = assemble(db, cursors, settings, cache)
    resources = Resources(records.resource for records in platform.records.values())
    platform.route(audit.handlers(resources, cursors))

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(db)
            if cache is not None:
                await stack.enter_async_context(cache)
            for part in platform.running:
                await stack.enter_async_context(part)
            yield

    routes = platform.handlers()
    app = Litestar(
        [*ready.handlers(db), *pages.handlers(), Router(_API, route_handlers=routes)],
        lifespan=[lifespan],
        exception_handlers={Exception: _refused},
        openapi_config=OpenAPIConfig(
            "Tenfold hub",
            "1",
            render_plugins=[pages.ApiPage()],
            path=pages.PATH,
            security=[{"key": []}],
            components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        ),
        # What is logged is for who runs the process to say.
        logging_config=None,
        request_max_body_size=20_000_000,
    )
    served: Any = TenantMiddleware(cast(App, app), db, _organization_of)
    if settings is not None and (rate := Rate.of(settings.rate)):
        limits = buckets(rate, settings.redis)
        platform.running.append(aclosing(limits))
        served = RateLimits(served, rate, limits)
    served = Authentication(served, platform.services["credentials"], _for_guests(routes))
    return RequestMiddleware(served, telemetry)


def _for_guests(routes: Sequence[BaseRouteHandler]) -> frozenset[tuple[str, str]]:
    """Method and path of the routes that whoever asks need not say who they are."""
    return frozenset(
        (str(method), f"{_API}{path}")
        for route in routes
        if isinstance(route, HTTPRouteHandler) and GUESTS in route.opt
        for method in route.http_methods
        for path in route.paths
    )


class Authentication:
    """Finds out who asks, before anything else of a request is read. Nobody gets past it but `guests`."""

    def __init__(
        self, app: Any, credentials: Credentials | RemoteIdentity, guests: Collection[tuple[str, str]]
    ) -> None:
        self._app, self._credentials, self._guests = app, credentials, guests

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            try:
                await self._identify(scope)
            except Exception as error:
                problem = problem_of(error)
                if problem is None:
                    raise
                await _refuse(send, problem)
                return
        await self._app(scope, receive, send)

    async def _identify(self, scope: Any) -> None:
        token = _bearer(scope["headers"])
        principal = None if token is None else await self._credentials.principal_of(token)
        scope.setdefault("state", {})["principal"] = principal
        path = scope["path"]
        if principal is None and path.startswith(f"{_API}/") and (scope["method"], path) not in self._guests:
            raise unauthenticated()


async def _refuse(send: Any, problem: Problem) -> None:
    headers = {"Content-Type": _PROBLEM, **problem.headers}
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": document_json(problem, request_id() or "")})


def _bearer(headers: Any) -> str | None:
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].decode("latin-1").strip())
    return None


def _organization_of(scope: Any) -> Any:
    principal = scope["state"].get("principal") if "state" in scope else None
    return None if principal is None else principal.organization


def _refused(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = problem_of(error) or _of_framework(error)
    if problem is None:
        _log.error("request failed", exc_info=error)
        problem = Problem("internal")
    return Response(
        document_json(problem, request_id() or ""),
        status_code=problem.status,
        media_type=_PROBLEM,
        headers=problem.headers,
    )


def _of_framework(error: Exception) -> Problem | None:
    match error:
        case ValidationException():
            faults = [_fault(each) for each in error.extra or ()] if isinstance(error.extra, list) else []
            return Problem("invalid_request", faults[0].detail if faults else "", faults)
        case HTTPException(status_code=404):
            return Problem("not_found", "there is no such route; /docs shows all of them")
        case HTTPException(status_code=405):
            return Problem("method_not_allowed")
        case HTTPException(status_code=413):
            return Problem("too_large")
        case HTTPException(status_code=400):
            return Problem("invalid_request", "the body is no JSON")
        case msgspec.MsgspecError():
            return Problem("invalid_request", str(error))
        case _:
            return None


def _fault(said: Any) -> Fault:
    message, path = str(said.get("message", "")), str(said.get("key", ""))
    found = _UNKNOWN.search(message)
    if path == "data":
        path = ""
    if message == _NO_BODY:
        message = "the body is empty, and has to be JSON"
    if found:
        path = f"{path}.{found[1]}"
    pointer = re.sub(r"[.\[\]]+", "/", f".{path}").rstrip("/")
    return Fault(pointer, "unknown_field" if found else "invalid", message)
