"""Metrics as Prometheus reads them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tenfold.errors import UsageError
from tenfold.runtime.cache.statistics import LinkCounts, SpaceCounts, Statistics
from tenfold.runtime.statistics import DatabaseStatistics, PoolStatistics, ReplicaStatistics
from tenfold.runtime.telemetry.prometheus import BUCKETS, PrometheusMetrics
from tenfold.runtime.telemetry.record import Record

PAGE = (Path(__file__).parents[4] / "docs/how-to/metrics-and-traces.md").read_text(encoding="utf-8")
QUERY = "SELECT * FROM notes WHERE id = $1"
SEEDS_THRESHOLDS = {0.05, 0.1, 0.2, 0.5, 1.0, 2.0}


class FailedError(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def of_tenant(tenant: int | None) -> Any:
    return SimpleNamespace(tenant=tenant, read_only=False)


SESSION = of_tenant(7)


def pool(server: str, **known: Any) -> PoolStatistics:
    numbers = {"size": 5, "idle": 1, "held": 3, "waiting": 2, "max_size": 20, "made": 9, "waits": 4}
    return PoolStatistics(server=server, timeouts=1, longest_held=2.5, **{**numbers, **known})


class Watched:
    def __init__(self, statistics: Any) -> None:
        self.found = statistics

    def statistics(self) -> Any:
        return self.found


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry)


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_times_are_observed_by_database_server_and_kind(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    metrics.entered(SESSION, "db:5432/app", 0.003, 0.0004)
    metrics.asked(SESSION, QUERY, 0.03, None)
    metrics.asked(SESSION, "VACUUM", 0.0001, None)
    metrics.left(SESSION, 0.01, committed=True)
    server = {"database": "main", "server": "db:5432/app"}
    assert sample(registry, "tenfold_acquire_seconds_sum", **server) == 0.003
    assert sample(registry, "tenfold_begin_seconds_bucket", **server, le="0.0005") == 1
    queries = {"database": "main", "kind": "select"}
    assert sample(registry, "tenfold_query_seconds_bucket", **queries, le="0.02") == 0
    assert sample(registry, "tenfold_query_seconds_bucket", **queries, le="0.05") == 1
    assert sample(registry, "tenfold_query_seconds_count", database="main", kind="other") == 1
    assert sample(registry, "tenfold_query_seconds_count", database="main", kind="delete") == 0
    assert sample(registry, "tenfold_commit_seconds_sum", database="main") == 0.01
    assert sample(registry, "tenfold_rollbacks_total", database="main") == 0


def test_the_thresholds_of_the_seeds_are_bounds_of_buckets() -> None:
    assert set(BUCKETS) >= SEEDS_THRESHOLDS


def test_what_was_not_committed_is_a_rollback_and_no_commit(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    metrics.left(SESSION, 0.01, committed=False)
    assert sample(registry, "tenfold_rollbacks_total", database="main") == 1
    assert sample(registry, "tenfold_commit_seconds_count", database="main") == 0


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (FailedError("23505"), "23"),
        (ConnectionResetError(), "none"),
        (FailedError(""), "none"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_errors_are_counted_by_class(
    registry: CollectorRegistry, metrics: PrometheusMetrics, error: BaseException, named: str
) -> None:
    metrics.asked(SESSION, QUERY, 0.01, error)
    metrics.asked(SESSION, QUERY, 0.01, None)
    assert sample(registry, "tenfold_query_errors_total", database="main", sqlstate_class=named) == 1
    assert sample(registry, "tenfold_query_seconds_count", database="main", kind="select") == 2


def test_slow_is_what_takes_the_named_time(registry: CollectorRegistry) -> None:
    metrics = PrometheusMetrics(registry, slow_query=0.5)
    for seconds in (0.49, 0.5, 3.0):
        metrics.asked(SESSION, QUERY, seconds, None)
    assert sample(registry, "tenfold_slow_queries_total", database="main") == 2


def test_reads_of_the_cache_are_told_apart_by_namespace_and_result(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    metrics.cached("user", True, 0.001)
    metrics.cached("user", False, 0.002)
    metrics.cached("plan", False, 0.002)
    of = {"cache": "main", "namespace": "user"}
    assert sample(registry, "tenfold_cache_read_seconds_count", **of, result="hit") == 1
    assert sample(registry, "tenfold_cache_read_seconds_sum", **of, result="miss") == 0.002


def test_requests_are_observed_by_route_method_and_class_of_status(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    record = Record("id", repeats=1)
    metrics.finished(record, "/notes/{id}", "GET", 201, 0.3)
    metrics.finished(record, "/notes/{id}", "GET", 204, 0.3)
    metrics.finished(record, "", "POST", 500, 0.3)
    of = {"route": "/notes/{id}", "method": "GET"}
    assert sample(registry, "tenfold_request_seconds_bucket", **of, status="2xx", le="0.5") == 2
    unknown = {"route": "unknown", "method": "POST"}
    assert sample(registry, "tenfold_request_seconds_count", **unknown, status="5xx") == 1
    assert sample(registry, "tenfold_repeated_statements_total", route="/notes/{id}") is None


def test_repeated_statements_are_counted_by_route(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    record = Record("id")
    record.repeated = [object(), object()]  # type: ignore[list-item]
    metrics.finished(record, "/notes", "GET", 200, 0.3)
    assert sample(registry, "tenfold_repeated_statements_total", route="/notes") == 2


def test_tenants_have_sums_and_counts_and_no_buckets(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    record = Record("id")
    record.tenant = 7
    metrics.asked(SESSION, QUERY, 0.25, None)
    generate_latest(registry)
    metrics.asked(SESSION, QUERY, 0.25, None)
    metrics.asked(of_tenant(None), QUERY, 0.125, None)
    metrics.finished(record, "/notes", "GET", 200, 0.5)
    assert sample(registry, "tenfold_tenant_query_seconds_sum", tenant="7") == 0.25
    assert sample(registry, "tenfold_tenant_query_seconds_count", tenant="other") == 1
    assert sample(registry, "tenfold_tenant_query_seconds_sum", tenant="none") == 0.125
    assert sample(registry, "tenfold_tenant_request_seconds_sum", tenant="7") == 0.5
    named = [line for line in generate_latest(registry).decode().splitlines() if 'tenant="7"' in line]
    assert len(named) == 4


def test_a_crowd_of_tenants_makes_no_crowd_of_series(registry: CollectorRegistry) -> None:
    metrics = PrometheusMetrics(registry, tenants=5)
    lines = []
    for crowd in (10, 5_000):
        for tenant in range(crowd):
            metrics.asked(of_tenant(tenant), QUERY, 0.001, None)
        lines.append(len(generate_latest(registry).splitlines()))
    assert lines[0] == lines[1]


# --- statistics --------------------------------------------------------------------------------------


def test_pools_and_replicas_are_read_when_somebody_scrapes(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    routing = (
        ReplicaStatistics(server="b:1/x", serving=True, why_not="", lag=0.25),
        ReplicaStatistics(server="c:1/x", serving=False, why_not="unreachable", lag=None),
    )
    found = DatabaseStatistics(
        primary=pool("a:1/x"), replicas=(pool("b:1/x"), pool("c:1/x")), routing=routing
    )
    source = Watched(found)
    metrics.watch(source, name="orders")
    of = {"database": "orders", "server": "a:1/x"}
    states = {
        state: sample(registry, "tenfold_pool_connections", **of, state=state)
        for state in ("idle", "held", "connecting")
    }
    assert states == {"idle": 1, "held": 3, "connecting": 1}
    assert sample(registry, "tenfold_pool_connections_max", **of) == 20
    assert sample(registry, "tenfold_pool_waiting", **of) == 2
    assert sample(registry, "tenfold_pool_longest_held_seconds", **of) == 2.5
    assert sample(registry, "tenfold_pool_connections_made_total", **of) == 9
    assert sample(registry, "tenfold_pool_waits_total", **of) == 4
    assert sample(registry, "tenfold_pool_timeouts_total", **of) == 1
    b, c = {"database": "orders", "server": "b:1/x"}, {"database": "orders", "server": "c:1/x"}
    assert sample(registry, "tenfold_replica_serving", **b) == 1
    assert sample(registry, "tenfold_replica_serving", **c) == 0
    assert sample(registry, "tenfold_replica_lag_seconds", **b) == 0.25
    assert sample(registry, "tenfold_replica_lag_seconds", **c) is None
    source.found = DatabaseStatistics(primary=pool("a:1/x", waiting=17))
    assert sample(registry, "tenfold_pool_waiting", **of) == 17


def test_servers_of_one_name_have_series_of_their_own(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    local = "local socket:5432/app"
    routing = (ReplicaStatistics(server=local, serving=True, why_not="", lag=0.0),)
    metrics.watch(Watched(DatabaseStatistics(primary=pool(local), replicas=(pool(local),), routing=routing)))
    lines = re.findall(r"^(\w+\{[^}]*\})", generate_latest(registry).decode(), re.MULTILINE)
    assert len(lines) == len(set(lines))
    assert sample(registry, "tenfold_replica_serving", database="main", server=f"{local} (2)") == 1


def test_the_counts_of_a_cache_are_read_when_somebody_scrapes(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    counts = SpaceCounts(
        local_hits=1,
        shared_hits=2,
        misses=3,
        joined=4,
        loads=5,
        load_failures=6,
        refreshes=7,
        local_fills_refused=8,
        shared_fills_refused=9,
        unreadable=10,
    )
    link = LinkCounts(
        failures=11, skipped=12, opened=13, healed=14, messages=15, unreadable_messages=16, pending=17
    )
    metrics.watch(
        Watched(Statistics(entries=20, evictions=21, connected=True, link=link, namespaces={"user": counts}))
    )
    of = {"cache": "main", "namespace": "user"}
    found = {
        (name.removeprefix("tenfold_cache_"), *extra.values()): sample(registry, name, **of, **extra)
        for name, extra in [
            ("tenfold_cache_reads_total", {"result": "local"}),
            ("tenfold_cache_reads_total", {"result": "shared"}),
            ("tenfold_cache_reads_total", {"result": "miss"}),
            ("tenfold_cache_joined_total", {}),
            ("tenfold_cache_loads_total", {}),
            ("tenfold_cache_load_failures_total", {}),
            ("tenfold_cache_refreshes_total", {}),
            ("tenfold_cache_fills_refused_total", {"level": "local"}),
            ("tenfold_cache_fills_refused_total", {"level": "shared"}),
            ("tenfold_cache_unreadable_total", {}),
        ]
    }
    assert list(found.values()) == list(range(1, 11))
    linked = "failures_total skipped_total opened_total healed_total messages_total unreadable_messages_total"
    for number, name in enumerate([*linked.split(), "pending"], start=11):
        assert sample(registry, f"tenfold_cache_link_{name}", cache="main") == number
    assert sample(registry, "tenfold_cache_entries", cache="main") == 20
    assert sample(registry, "tenfold_cache_evictions_total", cache="main") == 21
    assert sample(registry, "tenfold_cache_connected", cache="main") == 1


def test_a_cache_of_one_process_has_no_line_to_show(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    metrics.watch(Watched(Statistics(entries=1)))
    assert sample(registry, "tenfold_cache_entries", cache="main") == 1
    assert sample(registry, "tenfold_cache_connected", cache="main") is None
    assert sample(registry, "tenfold_cache_link_failures_total", cache="main") is None


# --- more than one -----------------------------------------------------------------------------------


def test_a_second_database_has_a_label_of_its_own(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    archive = metrics.named("archive")
    archive.asked(SESSION, QUERY, 0.25, None)
    archive.left(SESSION, 0.25, committed=False)
    assert sample(registry, "tenfold_query_seconds_count", database="archive", kind="select") == 1
    assert sample(registry, "tenfold_query_seconds_count", database="main", kind="select") == 0
    assert sample(registry, "tenfold_rollbacks_total", database="archive") == 1


def test_two_things_cannot_be_watched_under_one_name(metrics: PrometheusMetrics) -> None:
    first = Watched(DatabaseStatistics(primary=pool("a:1/x")))
    metrics.watch(first)
    metrics.watch(first)
    with pytest.raises(UsageError, match="another Watched is watched as 'main'"):
        metrics.watch(Watched(first.found))


def test_a_second_one_in_a_registry_is_refused_with_what_to_do(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    with pytest.raises(UsageError, match=r"one PrometheusMetrics a process.*named\(\)"):
        PrometheusMetrics(registry)
    registry.unregister(metrics)
    PrometheusMetrics(registry)


def test_registering_chooses_no_tenants(registry: CollectorRegistry) -> None:
    metrics = PrometheusMetrics(registry)
    metrics.asked(SESSION, QUERY, 1.0, None)
    list(metrics.describe())
    metrics.asked(SESSION, QUERY, 1.0, None)
    assert sample(registry, "tenfold_tenant_query_seconds_count", tenant="other") == 2


# --- names -------------------------------------------------------------------------------------------


class WatchedCache(Watched):
    """Of another type, as a cache is of another than a database."""


@pytest.fixture
def families(registry: CollectorRegistry, metrics: PrometheusMetrics) -> dict[str, Metric]:
    """All there are, each with a sample."""
    record = Record("id")
    record.repeated = [object()]  # type: ignore[list-item]
    metrics.entered(SESSION, "a:1/x", 0.1, 0.1)
    metrics.missed(7, 0.1, TimeoutError())
    metrics.asked(SESSION, QUERY, 1.0, FailedError("42601"))
    metrics.finished(record, "/notes", "GET", 200, 0.1)
    metrics.cached("user", True, 0.1)
    routing = (ReplicaStatistics(server="b:1/x", serving=True, why_not="", lag=0.1),)
    metrics.watch(
        Watched(DatabaseStatistics(primary=pool("a:1/x"), replicas=(pool("b:1/x"),), routing=routing))
    )
    metrics.watch(WatchedCache(Statistics(connected=True, namespaces={"user": SpaceCounts()})))
    text = generate_latest(registry).decode()
    return {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
    }


def test_names_follow_the_conventions(families: dict[str, Metric]) -> None:
    for name, family in families.items():
        assert name.startswith("tenfold_")
        assert family.documentation
        assert name.endswith("_total") == (family.type == "counter")
        if family.type in ("histogram", "summary"):
            assert name.endswith("_seconds")


def test_what_is_described_is_what_is_collected(
    families: dict[str, Metric], metrics: PrometheusMetrics
) -> None:
    described = {each.name + ("_total" if each.type == "counter" else "") for each in metrics.describe()}
    assert described == families.keys()


def test_the_page_names_all_metrics_with_their_labels(families: dict[str, Metric]) -> None:
    said = {
        name: set(labels.split(", "))
        for name, labels in re.findall(r"^\| `(tenfold_\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
    }
    there = {
        name: {label for sample in family.samples for label in sample.labels} - {"le"}
        for name, family in families.items()
    }
    assert said == there


def test_the_alerts_of_the_page_ask_for_series_that_there_are(families: dict[str, Metric]) -> None:
    text = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    there = {sample.name for family in families.values() for sample in family.samples}
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    asked = {rule["alert"]: set(re.findall(r"tenfold_\w+", rule["expr"])) for rule in rules}
    assert len(asked) == 8
    assert all(names and names <= there for names in asked.values())


def test_without_prometheus_client_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from tenfold.errors import UsageError\n"
        "try:\n    import tenfold.runtime.telemetry.prometheus\n"
        "except UsageError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "metrics need prometheus-client; install tenfold[runtime-metrics]\n"
