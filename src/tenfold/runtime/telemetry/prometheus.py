"""Metrics for Prometheus: what transactions, statements, requests and the cache took, and who took it.

    metrics = PrometheusMetrics()
    db = Database("postgresql://...", observers=[metrics])
    metrics.watch(db)

It needs prometheus-client, of `tenfold[runtime-metrics]`. Whatever serves the registry serves these metrics:
`prometheus_client.make_asgi_app()`, `start_http_server(9100)` or your own. Labels are bounded: routes are
templates, errors are classes of SQLSTATE, and of tenants only the busiest are named; see `top`.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator

from tenfold.errors import UsageError

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric
except ImportError as error:
    raise UsageError("metrics need prometheus-client; install tenfold[runtime-metrics]") from error

from tenfold.runtime.fingerprint import fingerprint
from tenfold.runtime.session import Session
from tenfold.runtime.telemetry.record import Record
from tenfold.runtime.telemetry.scraped import Watched, scraped_of, tenants_of
from tenfold.runtime.telemetry.summary import KINDS, kind_of
from tenfold.runtime.telemetry.telemetry import SLOW_QUERY
from tenfold.runtime.telemetry.top import TopTenants
from tenfold.runtime.tenant import TenantId

#: Seconds. The seeds' thresholds are among them: 0.05, 0.1, 0.2, 0.5, 1 and 2.
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Families:
    """The metrics that grow with what happens; those of statistics are read at each scrape."""

    def __init__(self) -> None:
        def seconds(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"tenfold_{name}_seconds", what, labels, buckets=BUCKETS, registry=None)

        def total(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"tenfold_{name}", what, labels, registry=None)

        self.acquire = seconds("acquire", "Waiting for a connection", "database", "server")
        self.begin = seconds("begin", "BEGIN, with the tenant", "database", "server")
        self.query = seconds("query", "Statements of sessions, failed ones included", "database", "kind")
        self.commit = seconds("commit", "COMMIT", "database")
        self.cache_read = seconds("cache_read", "Reads of the shared level", "cache", "namespace", "result")
        self.request = seconds("request", "Requests, to the last byte", "route", "method", "status")
        self.missed = total("missed_connections", "Sessions that got no connection", "database", "error")
        self.rollbacks = total("rollbacks", "Transactions rolled back, or not committed", "database")
        self.query_errors = total("query_errors", "Failed statements", "database", "sqlstate_class")
        self.slow_queries = total("slow_queries", "Statements that took too long", "database")
        self.repeated = total("repeated_statements", "Statements that a request asked too often", "route")

    def __iter__(self) -> Iterator[Histogram | Counter]:
        return iter(vars(self).values())


class NamedMetrics:
    """The observer of one database or cache, whose name is a label."""

    def __init__(self, name: str, families: Families, tenants: TopTenants, slow_query: float) -> None:
        self.name = name
        self._families, self._tenants, self._slow = families, tenants, slow_query
        # What `labels` of prometheus-client takes is more than what an observation does.
        self._servers: dict[str, tuple[Histogram, Histogram]] = {}
        self._queries = {kind: families.query.labels(name, kind) for kind in KINDS}
        self._reads: dict[tuple[str, bool], Histogram] = {}
        self._commit = families.commit.labels(name)
        self._rollbacks = families.rollbacks.labels(name)
        self._slow_queries = families.slow_queries.labels(name)

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        pair = self._servers.get(server)
        if pair is None:
            pair = (
                self._families.acquire.labels(self.name, server),
                self._families.begin.labels(self.name, server),
            )
            self._servers[server] = pair
        pair[0].observe(acquire)
        pair[1].observe(begin)

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        self._families.missed.labels(self.name, type(error).__name__).inc()

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        self._queries[kind_of(fingerprint(statement).text)].observe(seconds)
        self._tenants.query(session.tenant, seconds)
        if seconds >= self._slow:
            self._slow_queries.inc()
        if error is not None:
            self._families.query_errors.labels(self.name, class_of(error)).inc()

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        if committed:
            self._commit.observe(seconds)
        else:
            self._rollbacks.inc()

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        child = self._reads.get((namespace, hit))
        if child is None:
            result = "hit" if hit else "miss"
            child = self._families.cache_read.labels(self.name, namespace, result)
            self._reads[namespace, hit] = child
        child.observe(seconds)


class PrometheusMetrics(NamedMetrics):
    """An observer of a database and a cache, named `main`, and a sink of requests. Times are seconds.

    One serves a process: its metrics are in the registry from here on, until `registry.unregister(metrics)`.
    `tenants` is how many of the busiest have labels of their own; 0: none. Raises UsageError where the
    registry has such metrics already.
    """

    def __init__(
        self,
        registry: CollectorRegistry = REGISTRY,
        *,
        tenants: int = 20,
        slow_query: float = SLOW_QUERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("main", Families(), TopTenants(tenants, clock=clock), slow_query)
        self._requests: dict[tuple[str, str, int], Histogram] = {}
        self._watched: dict[tuple[type[Watched], str], Watched] = {}
        try:
            registry.register(self)
        except ValueError:
            raise UsageError(
                "this registry has Tenfold's metrics already; make one PrometheusMetrics a process, and an "
                "observer of each further database with its named()"
            ) from None

    def named(self, name: str) -> NamedMetrics:
        """The observer of a further database or cache."""
        return NamedMetrics(name, self._families, self._tenants, self._slow)

    def watch(self, source: Watched, name: str = "main") -> None:
        """Shows the statistics of a Database or a Cache: they are read when somebody scrapes.

        Raises UsageError where another one is watched under this name.
        """
        if self._watched.setdefault((type(source), name), source) is not source:
            kind = type(source).__name__
            raise UsageError(f"another {kind} is watched as {name!r}; give this one a name of its own")

    # --- a sink of requests --------------------------------------------------------------------------

    def finished(self, record: Record, route: str, method: str, status: int, seconds: float) -> None:
        key = route, method, status // 100
        child = self._requests.get(key)
        if child is None:
            labels = route or "unknown", method, f"{status // 100}xx"
            child = self._requests[key] = self._families.request.labels(*labels)
        child.observe(seconds)
        self._tenants.request(record.tenant, seconds)
        if record.repeated:
            self._families.repeated.labels(route or "unknown").inc(len(record.repeated))

    # --- for the registry ----------------------------------------------------------------------------

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield from family.collect()
        yield from tenants_of(self._tenants.scrape())
        yield from scraped_of([(name, source) for (_, name), source in tuple(self._watched.items())])

    def describe(self) -> Iterable[Metric]:
        """What the names are, without a scrape, which would choose tenants."""
        for family in self._families:
            yield from family.describe()
        yield from tenants_of({})
        yield from scraped_of([])


def class_of(error: BaseException) -> str:
    """The first two characters of the SQLSTATE; `none` where the failure was not the server's."""
    if isinstance(error, CancelledError):
        return "cancelled"
    sqlstate = getattr(error, "sqlstate", None)
    return sqlstate[:2] if isinstance(sqlstate, str) and sqlstate else "none"
