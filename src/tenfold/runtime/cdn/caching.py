"""ASGI middleware: which responses caches may keep, by route; whatever else an application says.

    app = Caching(app, {"/assets/*": UPLOADED_FILE, "/": LANDING_PAGE})

A route that is not named, and every response that is of somebody, is `private, no-store`: where the request
has credentials, a tenant, a user or a session, where the response sets a cookie, where it is neither a
success nor "not modified", and where the application itself says private. It must be the outermost, so that
nothing is added to a response after it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from tenfold.errors import PublicResponseError, UsageError
from tenfold.runtime.cdn.classes import FORCED, PRIVATE, AssetClass, Headers
from tenfold.runtime.cdn.credentials import Credentials, Evidence, found_out
from tenfold.runtime.cdn.witness import Answer, answering

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("tenfold.runtime")

#: Of a request that another application or middleware had before.
_MARKS = frozenset({"app", "auth", "endpoint", "litestar_app", "path_params", "router", "session", "user"})

# Redirects are left out: on a public route one most often says where to log in.
_KEPT_STATUS = frozenset({200, 203, 204, 206, 304})
_KEPT_METHODS = frozenset({"GET", "HEAD"})

#: Every field that a cache reads its rule from. Any `...-cache-control` is one, too.
_RULES = frozenset({b"edge-control", b"expires", b"pragma", b"surrogate-control", b"x-accel-expires"})
# Words are looked for anywhere in the value, and an age that is none counts as 0.
_KEEPS_OUT = re.compile(rb"private|no-store|no-cache|max-?age\s*=\s*\"?0*(?![0-9])")
_ACCEL_KEEPS = re.compile(rb"@?[1-9][0-9]*")
#: With these a response is somebody's.
_TOLD = frozenset(
    {
        b"authentication-info",
        b"clear-site-data",
        b"proxy-authenticate",
        b"set-cookie",
        b"set-cookie2",
        b"tenfold-token",
        b"www-authenticate",
    }
)
#: What a public response may depend on. Many a CDN looks at the first alone, so nothing here says who asks.
_VARY = frozenset(
    {
        b"accept",
        b"accept-charset",
        b"accept-encoding",
        b"accept-language",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"origin",
        b"save-data",
    }
)
# What servers, caches and applications read differently: dot segments, empty ones, parameters, encodings.
_ODD_PATH = re.compile(r"//|(?:^|/)\.{1,2}(?:/|$)|[\\;%?#\x00-\x1f\x7f]")


class Caching:
    """`routes` names paths and their class: `/robots.txt` is that path, `/assets/*` all that begin so.

    Raises UsageError for routes that cannot be, and, when a request comes, where it is not the outermost.
    """

    def __init__(
        self,
        app: App,
        routes: Mapping[str, AssetClass],
        *,
        credentials: Credentials = Credentials(),  # noqa: B008 - frozen
    ) -> None:
        for pattern, asset in routes.items():
            _check(pattern, asset)
        self._app = app
        self._exact = {path: asset for path, asset in routes.items() if not path.endswith("*")}
        prefixes = ((path[:-1], asset) for path, asset in routes.items() if path.endswith("*"))
        self._prefixes = sorted(prefixes, key=lambda entry: -len(entry[0]))
        self._evidence = Evidence(credentials)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_outermost(scope)
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        # Shared by the copies that inner layers make of the scope, and so seen here.
        scope.setdefault("state", {})
        path = _path(scope)
        asset = self._class_of(path) if scope["type"] == "http" else PRIVATE
        if asset.public and (why := self._why_private(scope, path)):
            _log.debug("a request for a public route is answered privately: %s", why)
            asset = PRIVATE
        response = _Response(send, scope, asset.headers(path), declared_public=asset.public)
        token = answering.set(response.answer) if asset.public else None
        try:
            await self._app(scope, receive, response.send)
        except Exception:
            if not response.started and scope["type"] == "http":
                await _fail(send)
            raise
        finally:
            if token is not None:
                answering.reset(token)

    def _class_of(self, path: str) -> AssetClass:
        found = self._exact.get(path)
        if found is not None:
            return found
        for prefix, asset in self._prefixes:
            if path.startswith(prefix):
                return asset
        return PRIVATE

    def _why_private(self, scope: Scope, path: str) -> str | None:
        """Judged before the application has the request, and may take a header out of it."""
        if scope["method"] not in _KEPT_METHODS:
            return f"its method is {scope['method']}"
        if _odd(scope, path):
            return "its path is read in more than one way"
        return self._evidence.of(scope)


class _Response:
    """One response on its way out."""

    __slots__ = ("_declared_public", "_public", "_rule", "_scope", "_send", "answer", "started")

    def __init__(self, send: Send, scope: Scope, rule: Headers, *, declared_public: bool) -> None:
        self._send, self._scope, self._rule = send, scope, rule
        self._declared_public, self._public = declared_public, False
        self.answer = Answer()
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.started = True
            await self._send({**message, "headers": self._headers(message)})
            return
        if self._public and self._whose():
            # What is broken off here is incomplete, and no cache serves it as if it were whole.
            raise PublicResponseError()
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        found = [(name.lower(), value) for name, value in message.get("headers", ())]
        kept = [header for header in found if not _is_rule(header[0])]
        if not self._declared_public:
            return [*kept, *FORCED]
        if why := self._why_private(message["status"], found):
            _log.debug("a response of a public route is private: %s", why)
            return [*kept, *FORCED]
        self._public = True
        if b"accept-encoding" not in _varies(found):
            kept.append((b"vary", b"Accept-Encoding"))
        return [*kept, *self._rule]

    def _why_private(self, status: int, headers: list[tuple[bytes, bytes]]) -> str | None:
        if status not in _KEPT_STATUS:
            return f"its status is {status}"
        for name, value in headers:
            if name in _TOLD:
                return f"it has {name.decode()}"
            if _is_rule(name) and _forbids(name, value):
                return f"the application says so in {name.decode('latin-1')}"
        if not _varies(headers) <= _VARY:
            return "it varies with what may say who asks"
        return self._whose()

    def _whose(self) -> str | None:
        if self.answer.of_tenant:
            return "a session of a tenant was opened for it"
        return found_out(self._scope)


def _is_rule(name: bytes) -> bool:
    return name in _RULES or name.endswith(b"cache-control")


def _forbids(name: bytes, value: bytes) -> bool:
    """Whether the application's own rule keeps it out of caches; what is not well formed does."""
    if name == b"expires":
        return _is_past(value)
    if name == b"x-accel-expires":
        return _ACCEL_KEEPS.fullmatch(value) is None
    return _KEEPS_OUT.search(value.lower()) is not None


def _is_past(date: bytes) -> bool:
    try:
        return parsedate_to_datetime(date.decode("latin-1")).timestamp() <= time.time()
    except (ValueError, OverflowError):
        return True


def _varies(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    names = (part.strip().lower() for name, value in headers if name == b"vary" for part in value.split(b","))
    return {name for name in names if name}


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _odd(scope: Scope, path: str) -> bool:
    raw = scope.get("raw_path")
    # A slash that was sent encoded parts the path for some and not for others.
    encoded = raw is not None and raw.partition(b"?")[0].count(b"/") != scope["path"].count("/")
    return encoded or _ODD_PATH.search(path) is not None


def _check(pattern: str, asset: AssetClass) -> None:
    if not pattern.startswith("/") or "*" in pattern[:-1] or (pattern[-1] == "*" and pattern[-2] != "/"):
        raise UsageError(f"{pattern!r} is no route; write a path as /robots.txt, or /assets/* for all in it")
    if pattern == "/*" and asset.public:
        raise UsageError("every route at once cannot be public; name those that are")


def _require_outermost(scope: Scope) -> None:
    mark = min(_MARKS & scope.keys(), default="")
    if not mark and "tenant" in (scope.get("state") or ()):
        mark = "state.tenant"
    if mark:
        raise UsageError(
            f"Caching must be the outermost, but another layer had the request first ({mark} is set);"
            " wrap the whole application: app = Caching(app, ...)"
        )


async def _fail(send: Send) -> None:
    """As a server would, which says nothing of caches."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *FORCED]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": b"Internal Server Error"})
