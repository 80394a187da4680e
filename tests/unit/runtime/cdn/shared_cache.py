"""Whether a cache that serves more than one user may store a response: RFC 9111, section 3, and RFC 9213."""

from __future__ import annotations

from collections.abc import Sequence

Headers = Sequence[tuple[bytes, bytes]]

#: Kinds of caches, each with the fields that it takes its rule from, the first that is there.
KINDS = {
    "proxy": (b"cache-control",),
    "CDN by RFC 9213": (b"cdn-cache-control", b"cache-control"),
    "CDN with a field of its own": (b"example-cdn-cache-control", b"cdn-cache-control", b"cache-control"),
    "surrogate": (b"surrogate-control", b"cache-control"),
    "Edge-Control first": (b"edge-control", b"cache-control"),
    "nginx": (b"x-accel-expires", b"cache-control"),
}
_HEURISTIC = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}


def may_store(kind: str, method: str, request: Headers, status: int, response: Headers) -> bool:
    """A generous cache: it knows every method and status that the RFC lets anybody store."""
    if method not in ("GET", "HEAD", "POST"):
        return False
    fields = KINDS[kind]
    chosen = next((field for field in fields if _all(response, field)), None)
    if chosen == b"x-accel-expires":
        return _all(response, chosen)[0] not in (b"0", b"-1")
    rules = directives(_all(response, chosen)) if chosen else {}
    if "no-store" in rules or "private" in rules:
        return False
    allowed = {"public", "s-maxage", "must-revalidate"} & rules.keys()
    if _all(request, b"authorization") and not allowed:
        return False
    if {"public", "max-age", "s-maxage"} & rules.keys() or _all(response, b"expires"):
        return True
    return status in _HEURISTIC and method != "POST"


def directives(values: Sequence[bytes]) -> dict[str, str]:
    found = {}
    for part in b",".join(values).decode("latin-1").split(","):
        name, _, value = part.partition("=")
        found[name.strip().lower()] = value.strip().strip('"')
    return found


def _all(headers: Headers, name: bytes) -> list[bytes]:
    return [value for found, value in headers if found.lower() == name]
