"""What is somebody's is kept by no shared cache, whatever the application says."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.authentication import BaseUser

from tenfold.errors import PublicResponseError, UsageError
from tenfold.runtime.cdn import API, LANDING_PAGE, UPLOADED_FILE, AssetClass, Caching, Credentials
from tenfold.runtime.cdn.witness import answering
from tests.unit.runtime.cdn.asking import Answering, asked, request
from tests.unit.runtime.cdn.shared_cache import KINDS, may_store

ROUTES = {"/page": LANDING_PAGE, "/assets/*": UPLOADED_FILE, "/api": API}
HARMLESS_LANGUAGE = Credentials(harmless_cookies=frozenset({"lang"}))
HASHED = "/assets/app.0123456789abcdef.js"
PAGE = [
    (b"cache-control", b"public, max-age=300, s-maxage=60"),
    (b"cdn-cache-control", b"max-age=60"),
]
FORCED = [
    (b"cache-control", b"private, no-store"),
    (b"cdn-cache-control", b"no-store"),
    (b"surrogate-control", b"no-store"),
]
RULES = {"expires", "pragma", "edge-control", "x-accel-expires", "surrogate-control"}


def rules(message: Any) -> list[tuple[bytes, bytes]]:
    """Everything in a response that a cache takes its rule from."""
    return [
        (name, value)
        for name, value in message["headers"]
        if name.decode().lower() in RULES or name.lower().endswith(b"cache-control")
    ]


def head(app: Any, scope: dict[str, Any], **options: Any) -> list[tuple[bytes, bytes]]:
    return rules(asked(Caching(app, ROUTES, **options), scope)[0])


class Tenant:
    def __init__(self, id: object) -> None:
        self.id = id


class User:
    def __init__(self, *, known: bool) -> None:
        self.is_authenticated = known


class Scopes:
    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes


REQUEST_EVIDENCE: list[dict[str, Any]] = [
    *(
        {"headers": [(name, b"x")]}
        for name in b"""authorization Authorization proxy-authorization cookie
        api-key apikey x-access-token x-amz-security-token x-api-key x-api-token x-auth-token x-session-id
        x-session-token cf-access-jwt-assertion remote-user x-amzn-oidc-data x-auth-request-user
        x-forwarded-email x-forwarded-user x-goog-iap-jwt-assertion x-ms-client-principal x-remote-user
        client-cert client-cert-chain ssl-client-cert x-client-cert x-forwarded-client-cert
        x-ssl-client-cert""".split()
    ),
    *(
        {"query_string": name + b"=x"}
        for name in b"""access_token api_key apikey auth code id_token key password secret sig signature token
        x-amz-signature x-goog-signature""".split()
    ),
    {"headers": [(b"cookie", b"lang=de; sid=1")]},
    {"headers": [(b"cookie", b"lang=de"), (b"cookie", b"sid=1")]},
    {"headers": [(b"cookie", b"lang=de;=1")]},
    {"headers": [(b"cookie", b"LANG=de")]},
    {"query_string": b"page=1&access_token=x"},
    {"query_string": b"page=1;API%5Fkey=x"},
    {"query_string": b"X-Amz-Signature=x"},
    {"extensions": {"tls": {"client_cert_name": "CN=x"}}},
    {"extensions": {"tls": {"client_cert_name": None, "client_cert_chain": ["x"]}}},
    {"method": "POST"},
    {"method": "OPTIONS"},
    {"path": "/assets/../account"},
    {"path": "/assets/./app.0123456789abcdef.js"},
    {"path": "/assets//app.0123456789abcdef.js"},
    {"path": "/assets/app.0123456789abcdef.js;a"},
    {"path": "/assets/..\\app.0123456789abcdef.js"},
    {"path": "/assets/app.0123456789abcdef.js%2f"},
    {"path": "/assets/a/0123456789abcdef.js", "raw_path": b"/assets/a%2F0123456789abcdef.js"},
    {"path": "/other"},
    {"path": "/pages"},
    {"path": "/api"},
]
FOUND_OUT: list[dict[str, Any]] = [
    {"state": {"tenant": Tenant(7)}},
    {"state": {"tenant": 7}},
    {"state": {"tenant": Tenant(0)}},
    {"user": User(known=True)},
    {"user": object()},
    {"user": "ada"},
    {"user": BaseUser()},
    {"auth": Scopes("read")},
    {"auth": "token"},
    {"session": {"id": 1}},
]
TOLD: list[tuple[bytes, bytes]] = [
    (b"set-cookie", b"a=b"),
    (b"Set-Cookie", b"a=b"),
    (b"www-authenticate", b"Basic"),
    (b"clear-site-data", b'"cache"'),
    (b"tenfold-token", b"1-2"),
    (b"authentication-info", b"nextnonce=1"),
    (b"proxy-authenticate", b"Basic"),
    (b"set-cookie2", b"a=b"),
    (b"vary", b"*"),
    (b"vary", b"Accept-Encoding, Cookie"),
    (b"vary", b"Authorization"),
    (b"vary", b"X-Team"),
    (b"cache-control", b"private"),
    (b"cache-control", b'public, PRIVATE="x"'),
    (b"cache-control", b"no-store"),
    (b"cache-control", b"public, no-cache"),
    (b"cache-control", b"max-age=0"),
    (b"cache-control", b"max-age = 00"),
    (b"cache-control", b"max-age=x"),
    (b"cdn-cache-control", b"no-store"),
    (b"surrogate-control", b"no-store"),
    (b"edge-control", b"!no-store"),
    (b"example-cdn-cache-control", b"private"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
    (b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT"),
    (b"expires", b"soon"),
    (b"x-accel-expires", b"0"),
    (b"x-accel-expires", b"off"),
]
KEPT_STATUS = [200, 203, 204, 206, 304]
OTHER_STATUS = [201, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 416, 429, 500, 501, 503]
#: What an application says when it means well.
LOOSE: list[tuple[bytes, bytes]] = [
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"Cache-Control", b"s-maxage=600, must-revalidate"),
    (b"CDN-Cache-Control", b"public, max-age=86400"),
    (b"Example-CDN-Cache-Control", b"max-age=86400"),
    (b"Surrogate-Control", b"max-age=86400"),
    (b"Edge-Control", b"max-age=1d"),
    (b"X-Accel-Expires", b"86400"),
    (b"Expires", b"Fri, 01 Jan 2999 00:00:00 GMT"),
    (b"Pragma", b"public"),
    (b"Vary", b"Accept-Encoding, Origin"),
    (
        b"Vary",
        b"Accept, Accept-Charset, Accept-Language, Access-Control-Request-Headers,"
        b"Access-Control-Request-Method,, Save-Data",
    ),
    (b"etag", b'"private"'),
]
SAYS_NOTHING = (b"pragma", b"vary", b"etag")
loose = st.lists(st.sampled_from(LOOSE), max_size=5)
evidence = st.one_of(
    st.sampled_from(REQUEST_EVIDENCE).map(lambda found: ("request", found)),
    st.sampled_from(FOUND_OUT).map(lambda found: ("found out", found)),
    st.sampled_from(TOLD).map(lambda found: ("told", found)),
    st.sampled_from(OTHER_STATUS).map(lambda found: ("status", found)),
)


def planted_in(scope: dict[str, Any], app: Answering, kind: str, found: Any) -> None:
    if kind == "request":
        scope.update({**found, "headers": [*scope["headers"], *found.get("headers", ())]})
        scope["raw_path"] = found.get("raw_path", scope["path"].encode())
    elif kind == "found out":
        app.found_out = {**app.found_out, **found}
    elif kind == "told":
        app.headers = [*app.headers, found]
    else:
        app.status = found


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        *(("request", found) for found in REQUEST_EVIDENCE),
        *(("found out", found) for found in FOUND_OUT),
        *(("told", found) for found in TOLD),
        *(("status", found) for found in OTHER_STATUS),
    ],
)
def test_each_sign_alone_makes_a_response_private(kind: str, found: Any) -> None:
    scope, app = request(HASHED), Answering(200, LOOSE)
    planted_in(scope, app, kind, found)
    assert head(app, scope, credentials=HARMLESS_LANGUAGE) == FORCED


@settings(deadline=None)
@given(
    path=st.sampled_from(["/page", HASHED]),
    planted=st.lists(evidence, min_size=1, max_size=3),
    headers=loose,
    status=st.sampled_from(KEPT_STATUS),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_no_shared_cache_may_store_what_is_somebodys(
    path: str, planted: list[tuple[str, Any]], headers: Any, status: int, method: str
) -> None:
    scope = request(path, method=method)
    app = Answering(status, headers)
    for kind, found in planted:
        planted_in(scope, app, kind, found)
    sent = asked(Caching(app, ROUTES, credentials=HARMLESS_LANGUAGE), scope)
    assert rules(sent[0]) == FORCED
    for kind in KINDS:
        assert not may_store(kind, scope["method"], scope["headers"], app.status, sent[0]["headers"]), kind
    assert [message["body"] for message in sent[1:]] == [b"one", b"two"]


@settings(deadline=None)
@given(
    headers=loose,
    status=st.sampled_from(KEPT_STATUS),
    method=st.sampled_from(["GET", "HEAD"]),
    query=st.sampled_from([b"", b"page=2", b"tokens=1"]),
    sent_headers=st.lists(
        st.sampled_from([(b"range", b"bytes=0-9"), (b"if-none-match", b'"1"'), (b"cookie", b"lang=de")])
    ),
    found_out=st.sampled_from(
        [
            {},
            {"state": {"tenant": Tenant(None)}},
            {"state": {"tenant": None}},
            {"user": User(known=False), "auth": Scopes()},
            {"user": None, "auth": None, "session": {}},
        ]
    ),
)
@example(headers=[], status=200, method="GET", query=b"", sent_headers=[], found_out={})
def test_what_is_public_has_the_rule_of_its_class_and_no_other(
    headers: Any, status: int, method: str, query: bytes, sent_headers: Any, found_out: Any
) -> None:
    scope = request("/page", sent_headers, method, query_string=query)
    app = Answering(status, headers, **found_out)
    (start, *_) = asked(Caching(app, ROUTES, credentials=HARMLESS_LANGUAGE), scope)
    assert rules(start) == PAGE
    assert may_store("proxy", method, sent_headers, status, start["headers"])
    varies = b",".join(value for name, value in start["headers"] if name == b"vary").lower()
    assert varies.count(b"accept-encoding") >= 1


@pytest.mark.parametrize("header", [header for header in LOOSE if header[0].lower() not in SAYS_NOTHING])
def test_the_oracle_knows_that_what_the_application_says_is_dangerous(header: tuple[bytes, bytes]) -> None:
    assert any(may_store(kind, "POST", [], 500, [header]) for kind in KINDS)


def test_the_oracle_keeps_what_needs_a_login_only_where_told() -> None:
    known = [(b"authorization", b"x")]
    assert not may_store("proxy", "GET", known, 200, [(b"cache-control", b"max-age=60")])
    assert may_store("proxy", "GET", known, 200, [(b"cache-control", b"public, max-age=60")])


def test_the_fields_of_a_response_that_say_nothing_to_caches_stay() -> None:
    app = Answering(200, [(b"ETag", b'"1"'), (b"vary", b"Origin")])
    start = asked(Caching(app, ROUTES), request())[0]
    assert start["headers"][:3] == [(b"etag", b'"1"'), (b"vary", b"Origin"), (b"vary", b"Accept-Encoding")]


def test_a_file_without_a_hash_in_its_name_is_asked_for_each_time() -> None:
    assert head(Answering(), request(HASHED))[0][1] == b"public, max-age=31536000, s-maxage=86400, immutable"
    for path in ("/assets/index.html", "/assets/", "/assets/123e4567-e89b-42d3-a456-42661417400a.png"):
        assert head(Answering(), request(path))[0] == (b"cache-control", b"public, no-cache")


def test_the_longest_route_decides_and_one_path_before_all() -> None:
    short, long, one = (AssetClass(public=True, browser=seconds) for seconds in (1, 2, 3))
    app = Caching(Answering(), {"/a/*": short, "/a/b/*": long, "/a/b/c": one, "/a/x/*": API})
    for path, seconds in (("/a/z", 1), ("/a/b/z", 2), ("/a/b/c", 3), ("/a/b/c/d", 2)):
        assert rules(asked(app, request(path))[0])[0][1] == b"public, max-age=%d" % seconds
    assert rules(asked(app, request("/a/x/y"))[0]) == FORCED
    assert rules(asked(app, request("/a"))[0]) == FORCED


def test_a_route_is_found_below_a_root_path() -> None:
    assert head(Answering(), request("/shop/page", root_path="/shop")) == PAGE
    assert head(Answering(), request("/shop/page")) == FORCED
    for elsewhere in ("/blog/page", "/shops/page"):
        assert head(Answering(), request(elsewhere, root_path="/shop")) == FORCED


def test_an_inner_layer_that_takes_the_credentials_out_hides_nothing() -> None:
    async def strip(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = []
        await Answering()(scope, receive, send)

    assert head(strip, request(headers=[(b"authorization", b"x")])) == FORCED


def test_a_tenant_that_an_inner_layer_sets_in_its_own_copy_of_the_scope_is_seen() -> None:
    async def copying(scope: Any, receive: Any, send: Any) -> None:
        inner = dict(scope)
        inner.setdefault("state", {})["tenant"] = Tenant(7)
        await Answering()(inner, receive, send)

    assert head(copying, request()) == FORCED


def test_a_response_that_proves_to_be_of_a_tenant_after_it_began_is_broken_off() -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page", "more_body": True})
        scope["state"]["tenant"] = Tenant(7)
        await send({"type": "http.response.body", "body": b"rows"})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(PublicResponseError):
        Caching(late, ROUTES)(request(), None, send).send(None)  # type: ignore[arg-type, attr-defined]
    assert [message.get("body") for message in sent] == [None, b"page"]
    # On a route that is private anyway it goes out.
    assert [message.get("body") for message in asked(Caching(late, {}), request())] == [
        None,
        b"page",
        b"rows",
    ]


@pytest.mark.parametrize("path", ["/page", "/other"])
def test_an_application_that_fails_before_it_answers_is_answered_for_privately(path: str) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("rows")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(LookupError):
        Caching(failing, ROUTES)(request(path), None, send).send(None)  # type: ignore[arg-type, attr-defined]
    start, body = sent
    assert start["status"] == 500
    assert rules(start) == FORCED
    assert body["body"] == b"Internal Server Error"


def test_an_application_that_fails_after_it_began_is_not_answered_for_twice() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(LookupError):
        Caching(failing, ROUTES)(request(), None, send).send(None)  # type: ignore[arg-type, attr-defined]
    assert [message["type"] for message in sent] == ["http.response.start"]


def test_web_sockets_pass_and_what_refuses_one_is_private() -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        public = [(b"cache-control", b"public, max-age=60")]
        await send({"type": "websocket.http.response.start", "status": 403, "headers": public})
        await send({"type": "websocket.http.response.body", "body": b""})

    async def accepting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "headers": [(b"x", b"y")]})
        await send({"type": "websocket.send", "text": "hello"})

    socket = {"type": "websocket", "path": "/page", "headers": []}
    assert rules(asked(Caching(refusing, ROUTES), dict(socket))[0]) == FORCED
    assert asked(Caching(accepting, ROUTES), dict(socket)) == [
        {"type": "websocket.accept", "headers": [(b"x", b"y")]},
        {"type": "websocket.send", "text": "hello"},
    ]


def test_a_web_socket_that_fails_gets_no_answer_of_http() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("rows")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    socket = {"type": "websocket", "path": "/page", "headers": []}
    with pytest.raises(LookupError):
        Caching(failing, ROUTES)(socket, None, send).send(None)  # type: ignore[arg-type, attr-defined]
    assert sent == []


def test_a_request_that_is_over_is_witnessed_no_more() -> None:
    assert head(Answering(), request()) == PAGE
    assert answering.get() is None


def test_what_is_no_request_passes() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope == {"type": "lifespan"}

    asked(Caching(application, ROUTES), {"type": "lifespan"})


@pytest.mark.parametrize(
    "mark",
    [
        {"app": object()},
        {"session": {}},
        {"user": None},
        {"path_params": {}},
        {"litestar_app": object()},
        {"auth": None},
        {"endpoint": object()},
        {"router": object()},
        {"state": {"tenant": Tenant(None)}},
    ],
)
@pytest.mark.parametrize("kind", ["http", "lifespan", "websocket"])
def test_another_layer_around_it_is_refused(mark: dict[str, Any], kind: str) -> None:
    with pytest.raises(UsageError, match="outermost"):
        asked(Caching(Answering(), ROUTES), {**request(), "type": kind, **mark})


@pytest.mark.parametrize(
    ("routes", "why"),
    [
        ({"/*": LANDING_PAGE}, "every route"),
        ({"page": LANDING_PAGE}, "no route"),
        ({"": LANDING_PAGE}, "no route"),
        ({"*": LANDING_PAGE}, "no route"),
        ({"/pages*": LANDING_PAGE}, "no route"),
        ({"/a/*/b": LANDING_PAGE}, "no route"),
    ],
)
def test_routes_that_cannot_be_are_refused(routes: dict[str, AssetClass], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Caching(Answering(), routes)


def test_why_a_public_route_answers_privately_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tenfold.runtime")
    head(Answering(), request(headers=[(b"authorization", b"Bearer secret")]))
    head(Answering(200, [(b"set-cookie", b"sid=secret")]), request())
    assert "the request has authorization" in caplog.text
    assert "it has set-cookie" in caplog.text
    assert "secret" not in caplog.text
