"""Requests and jobs against a real server: what they asked, how often, and by which line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tenfold.errors import RepeatedQueryError
from tenfold.runtime import Database
from tenfold.runtime.cache import Cache, Namespace
from tenfold.runtime.loaders import Loader
from tenfold.runtime.paging.export import export
from tenfold.runtime.paging.keyset import Query
from tenfold.runtime.paging.order import Order
from tenfold.runtime.telemetry import Record, RequestMiddleware, Telemetry
from tests.db.runtime.cache.redis_server import RedisServer
from tests.waiting import until

ONE = "SELECT body FROM notes WHERE team_id = $1 AND id = $2"
MANY = "SELECT id, body FROM notes WHERE team_id = $1 AND id = ANY($2)"


class Sink:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def finished(self, record: Record, route: str, method: str, status: int, seconds: float) -> None:
        self.records.append(record)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def telemetry(sink: Sink) -> Telemetry:
    return Telemetry(sinks=[sink])


@pytest.fixture
async def db(notes: str, driver: Any, telemetry: Telemetry) -> AsyncIterator[Database]:
    async with Database(notes, driver=driver, observers=[telemetry]) as db:
        yield db


async def one(db: Database, note: int) -> str:
    async with db.tenant(7, read_only=True) as session:
        return str(await session.fetch_value(ONE, 7, note))


async def in_a_loop(db: Database, notes: int) -> None:
    async with db.tenant(7, read_only=True) as session:
        for note in range(notes):
            await session.fetch(ONE, 7, note)


def line_of(function: Any, offset: int) -> str:
    return f"test_telemetry.py:{function.__code__.co_firstlineno + offset}"


async def ask(app: Any, path: str) -> dict[bytes, bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return dict(sent[0]["headers"])


class TestRequests:
    @pytest.fixture
    def app(self, db: Database, telemetry: Telemetry) -> RequestMiddleware:
        async def loop(request: Request) -> JSONResponse:
            await in_a_loop(db, int(request.path_params["notes"]))
            return JSONResponse(1)

        async def together(request: Request) -> JSONResponse:
            numbers = range(int(request.path_params["notes"]))
            return JSONResponse(await asyncio.gather(*(one(db, note) for note in numbers)))

        routes = [Route("/loop/{notes}", loop), Route("/together/{notes}", together)]
        return RequestMiddleware(Starlette(routes=routes), telemetry, expose=True)

    async def test_a_request_has_its_queries_and_times(self, app: Any, sink: Sink) -> None:
        headers = await ask(app, "/loop/3")
        assert b'desc="3 queries"' in headers[b"server-timing"]
        (record,) = sink.records
        assert (record.name, record.tenant) == ("GET /loop/{notes}", 7)
        assert (record.sessions, record.queries, record.errors) == (1, 3, 0)
        assert min(record.acquire, record.begin, record.query_seconds, record.end) > 0
        assert not record.repeated

    async def test_a_loop_of_queries_is_named_by_its_line(
        self, app: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        await ask(app, "/loop/11")
        await ask(app, "/loop/12")
        (line,) = caplog.messages
        assert line.startswith(
            f"GET /loop/{{notes}} asked the same 11 times (N+1), by {line_of(in_a_loop, 3)}, called from "
        )
        assert line.endswith("SELECT body FROM notes WHERE team_id = ? AND id = ?")

    async def test_tasks_that_ask_the_same_are_found_too(
        self, app: Any, sink: Sink, caplog: pytest.LogCaptureFixture
    ) -> None:
        await asyncio.gather(ask(app, "/together/11"), ask(app, "/loop/10"))
        (line,) = caplog.messages
        assert f"asked the same 11 times (N+1), by {line_of(one, 2)};" in line
        assert sorted(record.queries for record in sink.records) == [10, 11]

    async def test_a_test_counts_the_queries_of_a_request(self, app: Any, telemetry: Telemetry) -> None:
        with telemetry.recording("test") as record:
            await ask(app, "/loop/4")
        assert record.queries == 4, record
        assert [asked.count for asked in record.statements()] == [4]


async def leads_of(db: Database, keys: list[int]) -> Mapping[int, str]:
    async with db.tenant(7, read_only=True) as session:
        return {row["id"]: row["body"] for row in await session.fetch(MANY, 7, keys)}


class TestJobs:
    async def test_a_loader_asks_once_and_its_query_is_the_job_s(
        self, db: Database, telemetry: Telemetry
    ) -> None:
        with telemetry.recording("job") as record:
            async with Loader(lambda tenant, keys: leads_of(db, keys), current=lambda: 7) as loader:
                await asyncio.gather(*(loader.load(note) for note in range(30)))
        assert record.queries == 1, record

    async def test_a_loader_in_a_loop_is_named_by_its_fetch(
        self, db: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        telemetry = Telemetry(repeats=3, mode="raise")
        db._observer = telemetry
        with (
            pytest.raises(RepeatedQueryError, match=f"4 times .*by {line_of(leads_of, 2)}"),
            telemetry.recording("job"),
        ):
            async with Loader(lambda tenant, keys: leads_of(db, keys), current=lambda: 7) as loader:
                for note in range(4):
                    await loader.load(note)

    async def test_an_export_may_repeat_itself_in_a_recording_of_its_own(
        self, db: Database, telemetry: Telemetry
    ) -> None:
        query, order = Query("SELECT * FROM notes"), Order(key="id")
        with telemetry.recording("job", repeats=1) as record, telemetry.recording("export", repeats=None):
            async for _ in export(lambda: db.tenant(7, read_only=True), query, order, 2):
                pass
        assert record.queries == 5, record
        assert not record.repeated

    async def test_failed_statements_are_counted_and_their_transaction_ends(
        self, db: Database, telemetry: Telemetry
    ) -> None:
        with telemetry.recording("job") as record, pytest.raises(Exception, match="division by zero"):
            async with db.tenant(7) as session:
                await session.fetch("SELECT 1 / 0")
        assert (record.queries, record.errors) == (1, 1)
        assert record.end > 0

    async def test_a_statement_that_was_cancelled_is_counted(
        self, db: Database, telemetry: Telemetry
    ) -> None:
        inside = asyncio.Event()

        async def wait() -> None:
            async with db.tenant(7) as session:
                inside.set()
                await session.fetch("SELECT pg_sleep(60)")

        with telemetry.recording("job") as record:
            task = asyncio.create_task(wait())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (record.sessions, record.queries, record.errors) == (1, 1, 1)


async def test_reads_of_the_shared_cache_are_the_request_s(
    telemetry: Telemetry, redis_server: RedisServer
) -> None:
    namespace = Namespace(name="plans", type=str, ttl=60, local_ttl=0)
    async with Cache([namespace], url=redis_server.url, application="app", observers=[telemetry]) as cache:

        async def load() -> str:
            return "free"

        await until(lambda: cache.statistics().connected, "the line to the server")
        with telemetry.recording("job") as record:
            # A fill may still be on its way when its readers have the value.
            while not record.cache_hits:
                assert await cache.get(namespace, 7, "plan", load) == "free"
    assert record.cache_reads > record.cache_hits == 1
    assert record.cache_seconds > 0


async def test_a_slow_query_is_logged_by_its_line_without_its_values(
    notes: str, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = Telemetry(slow_query=0.01, very_slow_query=0.02)
    async with Database(notes, driver=driver, observers=[telemetry]) as db, db.tenant(7) as session:
        caplog.clear()
        await session.fetch("SELECT pg_sleep(0.03), 'a secret', $1::text", "another")
    lines = [line for line in caplog.records if "pg_sleep" in line.getMessage()]
    assert [line.levelno for line in lines] == [logging.ERROR]
    message = lines[0].getMessage()
    assert "SELECT pg_sleep(?), ?" in message
    assert "tenant 7" in message
    assert "by test_telemetry.py:" in message
    assert "secret" not in caplog.text
    assert "another" not in caplog.text
