"""What in a request says that somebody is known, so that the answer is theirs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        # keys and tokens
        "api-key",
        "apikey",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-api-token",
        "x-auth-token",
        "x-session-id",
        "x-session-token",
        # what a proxy that authenticates hands on
        "cf-access-jwt-assertion",
        "remote-user",
        "x-amzn-oidc-data",
        "x-auth-request-user",
        "x-forwarded-email",
        "x-forwarded-user",
        "x-goog-iap-jwt-assertion",
        "x-ms-client-principal",
        "x-remote-user",
        # client certificates, RFC 9440 first
        "client-cert",
        "client-cert-chain",
        "ssl-client-cert",
        "x-client-cert",
        "x-forwarded-client-cert",
        "x-ssl-client-cert",
    }
)
_PARAMETERS = frozenset(
    "access_token api_key apikey auth code id_token key password secret sig signature token"
    " x-amz-signature x-goog-signature".split()
)


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests carry what says who sends them. Names of headers and parameters in small letters."""

    headers: frozenset[str] = _HEADERS
    #: Of the query: links that are signed, or hold a key, are for whoever was given them.
    parameters: frozenset[str] = _PARAMETERS
    #: Names of cookies that say nothing of who sends them, such as a choice of language. Any other does.
    harmless_cookies: frozenset[str] = frozenset()


class Evidence:
    """Finds credentials in requests."""

    def __init__(self, credentials: Credentials) -> None:
        self._headers = {name.lower().encode("latin-1"): name for name in credentials.headers}
        self._parameters = {name.lower() for name in credentials.parameters}
        self._harmless = {name.encode("latin-1") for name in credentials.harmless_cookies}

    def of(self, scope: MutableMapping[str, Any]) -> str | None:
        """What the sender showed; None where nothing was."""
        for raw, value in scope["headers"]:
            name = raw.lower()
            if name in self._headers:
                return f"the request has {self._headers[name]}"
            if name == b"cookie" and not self._harmless.issuperset(_cookies(value)):
                return "the request has a cookie"
        if query := scope.get("query_string"):
            for part in query.replace(b";", b"&").split(b"&"):
                if unquote_plus(part.partition(b"=")[0].decode("latin-1")).lower() in self._parameters:
                    return "the query holds a key"
        tls = (scope.get("extensions") or {}).get("tls") or {}
        if tls.get("client_cert_name") is not None or tls.get("client_cert_chain"):
            return "the request has a client certificate"
        return None


def found_out(scope: MutableMapping[str, Any]) -> str | None:
    """What the application has come to know of the sender by now; None where nothing."""
    # `TenantMiddleware`, or another that has said whose request it is.
    tenant = (scope.get("state") or {}).get("tenant")
    if getattr(tenant, "id", tenant) is not None:
        return "the request has a tenant"
    user = scope.get("user")
    if user is not None and _authenticated(user):
        return "the request has a user"
    granted = scope.get("auth")
    if granted is not None and (not hasattr(granted, "scopes") or granted.scopes):
        return "the request was authenticated"
    session = scope.get("session")
    if isinstance(session, Mapping) and session:
        return "the request has a session"
    return None


def _cookies(value: bytes) -> Iterable[bytes]:
    return (part.partition(b"=")[0].strip() for part in value.split(b";") if part.strip())


def _authenticated(user: object) -> bool:
    try:
        return bool(getattr(user, "is_authenticated", True))
    except NotImplementedError:  # by Starlette's BaseUser: a class that does not say may well be of somebody
        return True
