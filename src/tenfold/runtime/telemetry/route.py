"""Which route a request took, as the framework names it: a template, and never the values in a path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY".split())
#: Routes under mounts whose templates are kept.
_MOST_MOUNTED = 2_000


def method_of(scope: Mapping[str, Any]) -> str:
    """One of HTTP's methods, or `OTHER`: a sender may make up as many as it likes."""
    method = scope["method"]
    return method if method in _METHODS else "OTHER"


class Routes:
    """Those of one application."""

    def __init__(self) -> None:
        # By the identity of the route, which is kept with it: routes of Starlette have no hash.
        self._mounted: dict[int, tuple[object, str]] = {}

    def of(self, scope: Mapping[str, Any]) -> str:
        """Once the request was routed: the template, else the name of the endpoint, else nothing."""
        if template := scope.get("path_template"):  # Litestar
            return str(template)
        route = _included(scope.get("fastapi")) or scope.get("route")
        if isinstance(path := getattr(route, "path", None), str):  # Starlette and FastAPI
            return path if "app_root_path" not in scope else self._whole(scope, route, path)
        endpoint = scope.get("endpoint")
        return "" if endpoint is None else _name(endpoint)

    def _whole(self, scope: Mapping[str, Any], route: object, path: str) -> str:
        """With the templates of the mounts above it."""
        kept = self._mounted.get(id(route))
        if kept is not None and kept[0] is route:
            return kept[1]
        mounts = getattr(scope.get("router"), "routes", ())
        whole = _path_to(mounts, route)
        if whole is None and (app := scope.get("app")) is not None:
            whole = (_path_to(mounts, app) or "") + path
        whole = whole or path
        if len(self._mounted) >= _MOST_MOUNTED:
            self._mounted.clear()
        self._mounted[id(route)] = route, whole
        return whole


def _included(fastapi: object) -> object | None:
    """Where a router of FastAPI was included with a prefix, its routes no longer know of that; this does."""
    return fastapi.get("effective_route_context") if isinstance(fastapi, Mapping) else None


def _path_to(routes: Iterable[object], wanted: object) -> str | None:
    """To a route, or to an application that is mounted."""
    for route in routes:
        path = getattr(route, "path", "")
        if route is wanted or getattr(route, "app", None) is wanted:
            return str(path)
        below = _path_to(getattr(route, "routes", None) or (), wanted)
        if below is not None:
            return f"{path}{below}"
    return None


def _name(endpoint: object) -> str:
    named = endpoint if hasattr(endpoint, "__qualname__") else type(endpoint)
    return f"{named.__module__}.{named.__qualname__}"
