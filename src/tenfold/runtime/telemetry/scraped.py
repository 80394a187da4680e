"""What is read when somebody scrapes, and at no other time: statistics of pools, replicas and caches.

The thread that scrapes may be another than the event loop's. Numbers of one scrape may then be a statement
apart from each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from tenfold.runtime.cache.statistics import LinkCounts, SpaceCounts, Statistics
from tenfold.runtime.statistics import DatabaseStatistics, PoolStatistics
from tenfold.runtime.telemetry.top import Tally


class Watched(Protocol):
    """A Database or a Cache."""

    def statistics(self) -> DatabaseStatistics | Statistics: ...


class _Families:
    """Families of one kind of thing: each is told of each thing once."""

    def __init__(self, prefix: str, *labels: str) -> None:
        self._prefix, self._labels = f"tenfold_{prefix}", labels
        self._families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def gauge(self, name: str, what: str, *labels: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"{self._prefix}_{name}", what, labels=(*self._labels, *labels))
        self._families[name] = family
        return family

    def total(self, name: str, what: str, *labels: str) -> CounterMetricFamily:
        family = CounterMetricFamily(f"{self._prefix}_{name}", what, labels=(*self._labels, *labels))
        self._families[name] = family
        return family

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())


def tenants_of(tallies: Mapping[str, Tally]) -> Iterable[Metric]:
    """Sums and counts alone: buckets would make many series of each tenant."""
    queries = SummaryMetricFamily(
        "tenfold_tenant_query_seconds", "Statements of the busiest tenants", labels=["tenant"]
    )
    requests = SummaryMetricFamily(
        "tenfold_tenant_request_seconds", "Requests of the busiest tenants", labels=["tenant"]
    )
    for label, tally in tallies.items():
        queries.add_metric([label], tally.queries, tally.query_seconds)
        requests.add_metric([label], tally.requests, tally.request_seconds)
    return queries, requests


def scraped_of(watched: Sequence[tuple[str, Watched]]) -> Iterator[Metric]:
    """Named things; without any, the families are empty."""
    read = [(name, source.statistics()) for name, source in watched]
    databases = [(name, found) for name, found in read if isinstance(found, DatabaseStatistics)]
    caches = [(name, found) for name, found in read if isinstance(found, Statistics)]
    yield from _pools(databases)
    yield from _replicas(databases)
    yield from _caches(caches)
    yield from _namespaces(caches)
    yield from _links(caches)


def _pools(databases: Sequence[tuple[str, DatabaseStatistics]]) -> _Families:
    of = _Families("pool", "database", "server")
    connections = of.gauge("connections", "Connections by what they do", "state")
    most = of.gauge("connections_max", "The largest number of connections")
    waiting = of.gauge("waiting", "Sessions that wait for a connection")
    longest = of.gauge(
        "longest_held_seconds", "For how long the oldest session of now has held its connection"
    )
    made = of.total("connections_made", "Connections made")
    waits = of.total("waits", "Times that a connection had to be waited for")
    timeouts = of.total("timeouts", "Times that it was waited for in vain")
    for name, database in databases:
        for server, pool in _told_apart((database.primary, *database.replicas)):
            labels = [name, server]
            connections.add_metric([*labels, "idle"], pool.idle)
            connections.add_metric([*labels, "held"], pool.held)
            connections.add_metric([*labels, "connecting"], max(0, pool.size - pool.idle - pool.held))
            most.add_metric(labels, pool.max_size)
            waiting.add_metric(labels, pool.waiting)
            longest.add_metric(labels, pool.longest_held)
            made.add_metric(labels, pool.made)
            waits.add_metric(labels, pool.waits)
            timeouts.add_metric(labels, pool.timeouts)
    return of


def _told_apart(pools: Sequence[PoolStatistics]) -> Iterator[tuple[str, PoolStatistics]]:
    """Two local servers may have one name, and one series twice spoils a whole scrape."""
    seen: dict[str, int] = {}
    for pool in pools:
        number = seen[pool.server] = seen.get(pool.server, 0) + 1
        yield pool.server if number == 1 else f"{pool.server} ({number})", pool


def _replicas(databases: Sequence[tuple[str, DatabaseStatistics]]) -> _Families:
    of = _Families("replica", "database", "server")
    serving = of.gauge("serving", "1 where the replica is given reads now")
    lag = of.gauge("lag_seconds", "How far it is behind; no sample where that is not known")
    for name, database in databases:
        names = [server for server, _ in _told_apart((database.primary, *database.replicas))]
        for server, replica in zip(names[1:], database.routing, strict=False):
            serving.add_metric([name, server], replica.serving)
            if replica.lag is not None:
                lag.add_metric([name, server], replica.lag)
    return of


def _caches(caches: Sequence[tuple[str, Statistics]]) -> _Families:
    of = _Families("cache", "cache")
    entries = of.gauge("entries", "Entries of the first level")
    connected = of.gauge("connected", "1 where the shared level is in use now; no sample where there is none")
    evictions = of.total("evictions", "Entries of the first level that gave way to others")
    for name, cache in caches:
        entries.add_metric([name], cache.entries)
        evictions.add_metric([name], cache.evictions)
        if cache.connected is not None:
            connected.add_metric([name], cache.connected)
    return of


def _namespaces(caches: Sequence[tuple[str, Statistics]]) -> _Families:
    of = _Families("cache", "cache", "namespace")
    reads = of.total("reads", "Keys asked for, by who had them", "result")
    refused = of.total("fills_refused", "Loads invalidated before their value could be kept", "level")
    joined = of.total("joined", "Readers that waited for what another was fetching")
    loads = of.total("loads", "Loads, failed ones included")
    failures = of.total("load_failures", "Loads that failed")
    refreshes = of.total("refreshes", "Entries loaded anew before they ended")
    unreadable = of.total("unreadable", "Entries of the shared level that could not be read")
    for name, cache in caches:
        for namespace, counts in cache.namespaces.items():
            labels = [name, namespace]
            for result, number in _reads(counts):
                reads.add_metric([*labels, result], number)
            refused.add_metric([*labels, "local"], counts.local_fills_refused)
            refused.add_metric([*labels, "shared"], counts.shared_fills_refused)
            joined.add_metric(labels, counts.joined)
            loads.add_metric(labels, counts.loads)
            failures.add_metric(labels, counts.load_failures)
            refreshes.add_metric(labels, counts.refreshes)
            unreadable.add_metric(labels, counts.unreadable)
    return of


def _reads(counts: SpaceCounts) -> tuple[tuple[str, int], ...]:
    return ("local", counts.local_hits), ("shared", counts.shared_hits), ("miss", counts.misses)


def _links(caches: Sequence[tuple[str, Statistics]]) -> _Families:
    of = _Families("cache_link", "cache")
    totals = {
        "failures": of.total("failures", "Commands to the shared level that failed"),
        "skipped": of.total("skipped", "Commands not tried, as the circuit was open"),
        "opened": of.total("opened", "Times that the circuit opened"),
        "healed": of.total("healed", "Times that it closed again"),
        "messages": of.total("messages", "Invalidations heard from other processes"),
        "unreadable_messages": of.total("unreadable_messages", "Messages that could not be read"),
    }
    pending = of.gauge("pending", "Invalidations that wait for the line to heal")
    for name, cache in caches:
        if cache.connected is None:
            continue
        link: LinkCounts = cache.link
        for count, family in totals.items():
            family.add_metric([name], getattr(link, count))
        pending.add_metric([name], link.pending)
    return of
