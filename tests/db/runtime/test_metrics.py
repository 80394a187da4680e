"""Metrics and spans of real databases and a real cache, and the page about them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from tenfold.errors import NotCommittedError, PoolTimeoutError
from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database, PoolSettings
from tenfold.runtime.cache import Cache
from tenfold.runtime.telemetry.opentelemetry import Traces
from tenfold.runtime.telemetry.prometheus import PrometheusMetrics
from tests.conftest import patient
from tests.db.runtime.cache.redis_server import RedisServer
from tests.db.runtime.pages import names_in, text_of
from tests.db.runtime.replication import StandbyServer
from tests.unit.runtime.cache.build import USER, Source
from tests.waiting import until

PAGE = text_of("metrics-and-traces.md")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry)


def total(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """Of all series that have these labels."""
    return sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def test_what_a_database_did_is_counted_once(
    notes: str, driver: Any, registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    async with Database(notes, driver=driver, observers=[metrics]) as db:
        async with db.tenant(7) as session:
            await session.fetch("SELECT * FROM notes")
            await session.execute("DELETE FROM notes WHERE id = $1", 2)
        with pytest.raises(NotCommittedError):
            async with db.tenant(8) as session:
                with pytest.raises(Exception, match="division by zero"):
                    await session.fetch("SELECT 1 / 0")
        async with db.system("a test") as session:
            await session.fetch("SELECT 1")
    assert total(registry, "tenfold_acquire_seconds_count", database="main") == 3
    assert total(registry, "tenfold_begin_seconds_count") == 3
    assert total(registry, "tenfold_query_seconds_count", kind="select") == 3
    assert total(registry, "tenfold_query_seconds_count", kind="delete") == 1
    assert total(registry, "tenfold_commit_seconds_count") == 2
    assert total(registry, "tenfold_rollbacks_total") == 1
    assert total(registry, "tenfold_query_errors_total", sqlstate_class="22") == 1
    assert total(registry, "tenfold_query_errors_total") == 1
    assert total(registry, "tenfold_tenant_query_seconds_count", tenant="none") == 1
    assert total(registry, "tenfold_tenant_query_seconds_count") == 4
    seconds = total(registry, "tenfold_query_seconds_sum")
    assert total(registry, "tenfold_tenant_query_seconds_sum") == pytest.approx(seconds)


async def test_a_statement_that_was_given_up_is_cancelled(
    notes: str, driver: Any, registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    entered = asyncio.Event()

    async def sleep(db: Database) -> None:
        async with db.tenant(7) as session:
            entered.set()
            await session.fetch("SELECT pg_sleep(60)")

    async with Database(notes, driver=driver, observers=[metrics]) as db:
        task = asyncio.create_task(sleep(db))
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])
    assert total(registry, "tenfold_query_errors_total", sqlstate_class="cancelled") == 1
    assert total(registry, "tenfold_rollbacks_total") == 1


async def test_a_pool_is_shown_as_it_is_to_a_thread_that_scrapes(
    notes: str, driver: Any, registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    pool = PoolSettings(min_size=1, max_size=2, acquire_timeout=0.05)
    async with Database(notes, driver=driver, pool=pool, observers=[metrics]) as db:
        metrics.watch(db)
        async with db.tenant(7), db.tenant(8):
            with pytest.raises(PoolTimeoutError):
                async with db.tenant(7):
                    pass
            await asyncio.to_thread(generate_latest, registry)
            assert total(registry, "tenfold_pool_connections", state="held") == 2
            assert total(registry, "tenfold_pool_connections_max") == 2
            assert total(registry, "tenfold_pool_timeouts_total") == 1
            assert total(registry, "tenfold_pool_longest_held_seconds") > 0
        assert total(registry, "tenfold_pool_connections", state="held") == 0
        assert total(registry, "tenfold_pool_connections", state="idle") == 2
    assert total(registry, "tenfold_pool_connections") == 0


async def test_a_replica_is_shown_as_it_serves_and_as_it_is_gone(
    primary: EmbeddedServer,
    replica: StandbyServer,
    registry: CollectorRegistry,
    metrics: PrometheusMetrics,
) -> None:
    async with Database(
        patient(primary.dsn(user="app")), replicas=[replica.dsn("postgres", "app")], observers=[metrics]
    ) as db:
        metrics.watch(db)
        async with db.tenant(7, read_only=True) as session:
            await session.fetch("SELECT * FROM notes")
        assert total(registry, "tenfold_replica_serving") == 1
        server = db.statistics().replicas[0].server
        assert total(registry, "tenfold_acquire_seconds_count", server=server) == 1
        assert registry.get_sample_value(
            "tenfold_replica_lag_seconds", {"database": "main", "server": server}
        ) == pytest.approx(0.0, abs=5.0)
        replica.kill()
        await until(lambda: total(registry, "tenfold_replica_serving") == 0, "the replica to be missed")


async def test_a_cache_shows_its_reads_and_its_line(
    redis_server: RedisServer, registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    source = Source()
    async with Cache([USER], url=redis_server.url, observers=[metrics]) as cache:
        metrics.watch(cache)
        await until(lambda: total(registry, "tenfold_cache_connected") == 1, "the line to the server")
        await cache.caught_up()
        users = cache.of(USER, 7)
        for _ in range(3):
            await users.get(1, source.one(7, 1))
        of = {"cache": "main", "namespace": USER.name}
        assert total(registry, "tenfold_cache_reads_total", **of, result="miss") == 1
        assert total(registry, "tenfold_cache_reads_total", **of, result="local") == 2
        assert total(registry, "tenfold_cache_loads_total", **of) == 1
        assert total(registry, "tenfold_cache_read_seconds_count", **of, result="miss") == 1
        assert total(registry, "tenfold_cache_entries", cache="main") == 1
    assert total(registry, "tenfold_cache_connected") == 0


async def test_spans_of_a_real_transaction_hold_no_value(notes: str, driver: Any) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with Database(notes, driver=driver, observers=[Traces(provider)]) as db:
        async with db.tenant(7) as session:
            await session.fetch("SELECT body FROM notes WHERE team_id = $1 AND body <> 'topsecret'", 7)
        with pytest.raises(Exception, match="topsecret"):
            async with db.tenant(7) as session:
                await session.fetch("SELECT 'topsecret'::bigint FROM notes")
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["SELECT notes", "transaction"] * 2
    assert (spans[2].attributes or {})["error.type"] == "22P02"
    assert [(span.attributes or {}).get("tenfold.committed") for span in spans] == [None, True, None, False]
    for statement, transaction in (spans[:2], spans[2:]):
        assert statement.parent is not None
        assert statement.parent.span_id == transaction.get_span_context().span_id
        assert statement.start_time and transaction.start_time and transaction.end_time
        assert transaction.start_time <= statement.start_time <= transaction.end_time
    assert "topsecret" not in "".join(span.to_json() for span in spans)


# --- the page ----------------------------------------------------------------------------------------


@pytest.fixture
def page(notes: str, driver: Any) -> Iterator[dict[str, Any]]:
    """What all blocks of Python on the page define, together; with the notes' database."""
    found = names_in(PAGE.replace('"postgresql://app@localhost/product"', f"{notes!r}, driver={driver!r}"))
    yield found
    REGISTRY.unregister(found["metrics"])


async def request(app: Any, path: str) -> str:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return "".join(message.get("body", b"").decode() for message in sent)


async def test_the_service_of_the_page_shows_its_metrics(page: dict[str, Any]) -> None:
    async with page["db"]:
        await request(page["app"], "/metrics/")
        assert "note 2" in await request(page["app"], "/teams/7/notes")
        await request(page["app"], "/metrics/")
        await request(page["app"], "/teams/7/notes")
        shown = await request(page["app"], "/metrics/")
    route = '{method="GET",route="/teams/{team}/notes",status="2xx"}'
    assert f"tenfold_request_seconds_count{route} 2.0" in shown
    assert 'tenfold_query_seconds_count{database="main",kind="select"} 2.0' in shown
    assert 'tenfold_tenant_query_seconds_count{tenant="7"} 1.0' in shown
    assert 'tenfold_tenant_request_seconds_count{tenant="7"} 1.0' in shown
    assert 'state="idle"} 2.0' in shown
    assert 'tenfold_cache_entries{cache="main"} 0.0' in shown


async def test_the_traced_database_of_the_page_answers(page: dict[str, Any]) -> None:
    async with page["traced"] as db, db.tenant(7) as session:
        assert await session.fetch_value("SELECT count(*) FROM notes") == 10
