"""Each request has an id and a record; its timing is nobody's business unless it is exposed."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from tenfold.errors import RepeatedQueryError
from tenfold.runtime.telemetry import Record, RequestIdFilter, RequestMiddleware, Telemetry, request_id
from tests.clock import Clock

SESSION: Any = SimpleNamespace(tenant=7)
SECRET = "secret-4111"


class Sink:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.records: list[Record] = []
        self.seconds: list[float] = []

    def finished(self, record: Record, route: str, method: str, status: int, seconds: float) -> None:
        self.told.append((method, route, status))
        self.records.append(record)
        self.seconds.append(seconds)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def telemetry(sink: Sink) -> Telemetry:
    return Telemetry(sinks=[sink])


def scope_of(path: str = "/", method: str = "GET", **headers: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }


async def ask(app: Any, path: str = "/", method: str = "GET", **headers: str) -> dict[bytes, bytes]:
    """The headers of the response."""
    sent: list[Any] = []
    received = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not received:
            await asyncio.Event().wait()
        return received.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of(path, method, **headers), receive, send)
    return dict(sent[0]["headers"])


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse(request_id() or "none")(scope, receive, send)


class TestRequestId:
    @pytest.mark.parametrize("sane", ["a", "0b1c-2.d_E", "x" * 64])
    async def test_a_sane_one_is_taken_and_given_back(self, telemetry: Telemetry, sane: str) -> None:
        headers = await ask(RequestMiddleware(hello, telemetry), x_request_id=sane)
        assert headers[b"x-request-id"] == sane.encode()

    @pytest.mark.parametrize("wrong", ["", "x" * 65, "a b", "a\n", "é", "<script>", "a;b", "{jndi}"])
    async def test_any_other_is_replaced(self, telemetry: Telemetry, wrong: str) -> None:
        headers = await ask(RequestMiddleware(hello, telemetry), x_request_id=wrong)
        assert re.fullmatch(rb"[0-9a-f]{32}", headers[b"x-request-id"])

    async def test_each_request_gets_its_own(self, telemetry: Telemetry) -> None:
        app = RequestMiddleware(hello, telemetry)
        headers = await asyncio.gather(*(ask(app) for _ in range(20)))
        assert len({each[b"x-request-id"] for each in headers}) == 20
        assert request_id() is None

    async def test_one_that_the_application_sets_does_not_come_twice(self, telemetry: Telemetry) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await Response(headers={"X-Request-Id": "theirs"})(scope, receive, send)

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await RequestMiddleware(app, telemetry)(scope_of(x_request_id="ours"), None, send)  # type: ignore[arg-type]
        ids = [value for name, value in sent[0]["headers"] if name.lower() == b"x-request-id"]
        assert ids == [b"ours"]

    async def test_records_of_a_log_have_it(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            logging.getLogger("app").error("within")
            await hello(scope, receive, send)

        caplog.handler.addFilter(RequestIdFilter())
        await ask(RequestMiddleware(app, telemetry), x_request_id="r-1")
        logging.getLogger("app").error("without")
        assert [vars(record)["request_id"] for record in caplog.records] == ["r-1", "-"]


class TestServerTiming:
    async def timing(self, telemetry: Telemetry, **options: Any) -> str | None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope["user"] = "admin"
            telemetry.entered(SESSION, "primary", 0.0004, 0.0002)
            for _ in range(7):
                telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            telemetry.left(SESSION, 0.0005, committed=True)
            telemetry.cached("plans", True, 0.002)
            telemetry.cached("plans", False, 0.002)
            await hello(scope, receive, send)

        found = (await ask(RequestMiddleware(app, telemetry, **options))).get(b"server-timing")
        return None if found is None else found.decode()

    async def test_it_is_not_sent_unless_it_is_exposed(self, telemetry: Telemetry) -> None:
        assert await self.timing(telemetry) is None

    async def test_its_parts_are_named_in_milliseconds(self, telemetry: Telemetry) -> None:
        timing = await self.timing(telemetry, expose=True)
        assert timing is not None
        assert re.fullmatch(
            r'acquire;dur=0\.4, tenant;dur=0\.2, db;dur=7\.0;desc="7 queries", commit;dur=0\.5, '
            r'cache;dur=4\.0;desc="1 of 2 hits", total;dur=\d+\.\d',
            timing,
        )

    async def test_a_predicate_says_who_gets_it_once_the_login_is_known(self, telemetry: Telemetry) -> None:
        assert await self.timing(telemetry, expose=lambda scope: scope["user"] == "admin")
        assert not await self.timing(telemetry, expose=lambda scope: scope["user"] == "guest")


class TestRoutes:
    """Templates, never a value of a path or of a query."""

    @pytest.fixture
    def app(self, telemetry: Telemetry) -> RequestMiddleware:
        async def endpoint(request: Request) -> Response:
            return PlainTextResponse("")

        class Files:
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await hello(scope, receive, send)

        inner = Starlette(routes=[Route("/notes/{note}", endpoint)])
        routes = [
            Route("/notes/{id:int}", endpoint, methods=["GET", "POST"]),
            Mount("/teams/{team}", routes=[Route("/notes/{id}", endpoint), Route("/", endpoint)]),
            Mount("/v1", routes=[Mount("/{account}", app=inner)]),
            Mount("/files", app=Files()),
        ]
        return RequestMiddleware(Starlette(routes=routes), telemetry)

    @pytest.mark.parametrize(
        ("method", "path", "told"),
        [
            ("GET", "/notes/4111", ("GET", "/notes/{id:int}", 200)),
            ("DELETE", "/notes/4111", ("DELETE", "/notes/{id:int}", 405)),
            ("X4111", "/notes/4111", ("OTHER", "/notes/{id:int}", 405)),
            ("GET", "/4111", ("GET", "", 404)),
            ("GET", "/teams/4111/notes/4111", ("GET", "/teams/{team}/notes/{id}", 200)),
            ("GET", "/teams/4111/", ("GET", "/teams/{team}/", 200)),
            ("GET", "/teams/4111/else", ("GET", "/teams/{team}", 404)),
            ("GET", "/v1/4111/notes/4111", ("GET", "/v1/{account}/notes/{note}", 200)),
            ("GET", "/files/4111.png", ("GET", "/files", 200)),
        ],
    )
    async def test_of_starlette(
        self, app: Any, sink: Sink, method: str, path: str, told: tuple[str, str, int]
    ) -> None:
        for _ in range(2):
            await ask(app, path, method)
        assert sink.told == [told, told]
        assert sink.records[0].name == f"{told[0]} {told[1]}".rstrip()

    async def test_of_fastapi(self, telemetry: Telemetry, sink: Sink) -> None:
        from fastapi import APIRouter, FastAPI

        router = APIRouter(prefix="/teams/{team}")

        @router.get("/notes/{note}")
        async def note(team: int, note: int) -> int:
            return note

        inner, app = FastAPI(), FastAPI()
        inner.include_router(router, prefix="/v2")
        app.include_router(router, prefix="/v1")
        app.mount("/inner/{account}", inner)
        seen = RequestMiddleware(app, telemetry)
        await ask(seen, "/v1/teams/4111/notes/4111")
        await ask(seen, "/inner/4111/v2/teams/4111/notes/4111")
        assert [route for _, route, _ in sink.told] == [
            "/v1/teams/{team}/notes/{note}",
            "/inner/{account}/v2/teams/{team}/notes/{note}",
        ]

    async def test_of_litestar(self, telemetry: Telemetry, sink: Sink) -> None:
        from litestar import Litestar, get

        @get("/notes/{note:int}")
        async def notes() -> int:
            return 1

        app = RequestMiddleware(Litestar([notes]), telemetry)  # type: ignore[arg-type]
        await ask(app, "/notes/4111")
        await ask(app, "/notes/none")
        assert sink.told == [("GET", "/notes/{note}", 200), ("GET", "", 404)]

    async def test_where_only_an_endpoint_is_known_it_is_named(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope["endpoint"] = hello
            await hello(scope, receive, send)

        await ask(RequestMiddleware(app, telemetry), "/notes/4111")
        assert sink.told[0][1].endswith("test_middleware.hello")


class TestOutcome:
    async def test_an_error_is_told_as_500_and_raised(self, telemetry: Telemetry, sink: Sink) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await ask(RequestMiddleware(app, telemetry))
        assert sink.told == [("GET", "", 500)]
        assert request_id() is None

    async def test_an_error_after_the_response_began_is_one_all_the_same(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"1"
            raise ZeroDivisionError

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await StreamingResponse(body())(scope, receive, send)

        with pytest.raises(ZeroDivisionError):
            await ask(RequestMiddleware(app, telemetry))
        assert sink.told == [("GET", "", 500)]

    async def test_a_client_that_left_before_the_answer_is_499(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert (await receive())["type"] == "http.disconnect"

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        await RequestMiddleware(app, telemetry)(scope_of(), receive, None)  # type: ignore[arg-type]
        assert sink.told == [("GET", "", 499)]

    async def test_a_server_that_says_so_when_sent_to_is_believed(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        async def send(message: Any) -> None:
            raise OSError

        with pytest.raises(OSError):
            await RequestMiddleware(hello, telemetry)(scope_of(), None, send)  # type: ignore[arg-type]
        assert sink.told == [("GET", "", 499)]

    async def test_a_cancelled_request_is_499_and_stays_cancelled(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        begun = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(ask(RequestMiddleware(app, telemetry)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sink.told == [("GET", "", 499)]

    async def test_an_application_that_answers_nothing_failed(self, telemetry: Telemetry, sink: Sink) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            pass

        await RequestMiddleware(app, telemetry)(scope_of(), None, None)  # type: ignore[arg-type]
        assert sink.told == [("GET", "", 500)]

    async def test_a_client_that_left_in_the_middle_is_no_failure_of_the_application(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        assert await self.outcome_of_a_failure(telemetry, sink, more_body=True) == 200

    async def test_a_failure_after_the_response_is_the_application_s(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        assert await self.outcome_of_a_failure(telemetry, sink, more_body=False) == 500

    async def outcome_of_a_failure(self, telemetry: Telemetry, sink: Sink, more_body: bool) -> int:
        """Where the application fails once it has heard that the client is gone."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"x", "more_body": more_body})
            await receive()
            raise ZeroDivisionError

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        with pytest.raises(ZeroDivisionError):
            await RequestMiddleware(app, telemetry)(scope_of(), receive, send)
        return sink.told[0][2]

    async def test_a_disconnect_after_the_response_is_none(self, telemetry: Telemetry, sink: Sink) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await hello(scope, receive, send)
            await receive()

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        await RequestMiddleware(app, telemetry)(scope_of(), receive, send)
        assert sink.told == [("GET", "", 200)]


class TestStreaming:
    async def test_what_is_asked_while_it_streams_is_in_the_record_and_not_in_the_header(
        self, telemetry: Telemetry, sink: Sink
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(3):
                telemetry.asked(SESSION, "SELECT 1", 0.001, None)
                yield b"x"

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await StreamingResponse(body())(scope, receive, send)

        headers = await ask(RequestMiddleware(app, telemetry, expose=True))
        assert b'"0 queries"' in headers[b"server-timing"]
        assert sink.records[0].queries == 3

    async def test_work_in_the_background_is_recorded_and_nobody_waits_for_it(
        self, telemetry: Telemetry, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr("tenfold.runtime.telemetry.middleware.perf_counter", clock)

        async def later() -> None:
            clock.now += 60
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            clock.now += 0.5
            await PlainTextResponse("", background=BackgroundTask(later))(scope, receive, send)

        await ask(RequestMiddleware(app, telemetry))
        assert sink.records[0].queries == 1
        assert sink.seconds == [0.5]


class TestLogs:
    async def test_a_slow_request_is_logged_by_its_route_and_not_by_its_values(
        self, sink: Sink, caplog: pytest.LogCaptureFixture
    ) -> None:
        telemetry = Telemetry(slow_request=1e-9, sinks=[sink])

        async def endpoint(request: Request) -> Response:
            telemetry.entered(SESSION, "primary", 0.25, 0.125)
            telemetry.asked(SESSION, f"SELECT '{SECRET}'", 0.5, ValueError(SECRET))
            return PlainTextResponse("", headers={"X-Secret": SECRET})

        app = RequestMiddleware(Starlette(routes=[Route("/cards/{number}", endpoint)]), telemetry)
        for _ in range(3):
            await ask(app, f"/cards/{SECRET}", cookie=SECRET, x_request_id="r-1")
        assert SECRET not in caplog.text
        query, request = caplog.messages
        assert query.startswith("slow query ")
        assert request.startswith("slow request GET /cards/{number} of 0.0")
        assert "0.250 s for connections, 0.125 s to begin, 0.500 s in 1 queries" in request
        assert request.endswith("tenant 7, request r-1")
        assert telemetry.statistics().slow_requests == 3

    async def test_a_second_is_slow_and_less_is_not(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        for seconds in (0.999, 1.0):
            telemetry.finished(telemetry.request("r"), "/", "GET", 200, seconds, failed=False)
        assert [message[:29] for message in caplog.messages] == ["slow request GET / of 1.000 s"]

    async def test_a_repeated_statement_is_logged_once_for_a_route(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def endpoint(request: Request) -> Response:
            for _ in range(11):
                telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            return PlainTextResponse("")

        routes = [Route("/a/{id}", endpoint), Route("/b", endpoint)]
        app = RequestMiddleware(Starlette(routes=routes), telemetry)
        for path in ("/a/1", "/a/2", "/b"):
            await ask(app, path)
        assert [line.split(" asked")[0] for line in caplog.messages] == ["GET /a/{id}", "GET /b"]
        assert telemetry.statistics().repeated == 3

    async def test_for_tests_a_request_that_repeats_itself_fails_when_it_was_answered(
        self, sink: Sink
    ) -> None:
        telemetry = Telemetry(mode="raise", repeats=1, sinks=[sink])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            await hello(scope, receive, send)

        with pytest.raises(RepeatedQueryError, match="GET asked the same 2 times"):
            await ask(RequestMiddleware(app, telemetry))
        assert sink.told == [("GET", "", 200)]

    async def test_an_error_of_the_request_goes_before(self) -> None:
        telemetry = Telemetry(mode="raise", repeats=1)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await ask(RequestMiddleware(app, telemetry))

    async def test_a_recording_around_it_has_what_it_asked(self, telemetry: Telemetry) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            telemetry.asked(SESSION, "SELECT 1", 0.001, None)
            await hello(scope, receive, send)

        with telemetry.recording("test") as record:
            await ask(RequestMiddleware(app, telemetry))
        assert record.queries == 1


async def test_within_itself_it_counts_once(telemetry: Telemetry, sink: Sink) -> None:
    headers = await ask(RequestMiddleware(RequestMiddleware(hello, telemetry), telemetry))
    assert len(sink.told) == 1
    assert headers[b"x-request-id"].decode() == sink.records[0].id


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_what_is_no_request_passes_untouched(telemetry: Telemetry, sink: Sink, kind: str) -> None:
    passed: list[Any] = []

    async def app(*arguments: Any) -> None:
        passed.append(arguments)
        assert request_id() is None

    scope, receive, send = {"type": kind}, object(), object()
    await RequestMiddleware(app, telemetry)(scope, receive, send)  # type: ignore[arg-type]
    assert passed == [(scope, receive, send)]
    assert scope == {"type": kind}
    assert not sink.told


async def test_routes_without_number_do_not_grow_it(telemetry: Telemetry) -> None:
    app = RequestMiddleware(hello, telemetry)
    for n in range(3_000):
        route = SimpleNamespace(path=f"/{n}")
        scope = {**scope_of(), "route": route, "app_root_path": "", "router": None, "app": None}
        assert app._routes.of(scope) == f"/{n}"
    assert len(app._routes._mounted) <= 2_000
