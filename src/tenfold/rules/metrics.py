"""The outreach platform's key metrics, measured from a snapshot, each beside its target and alert.

A ratio is defined here once; the rules that raise an alarm over it ask the same functions. What cannot be
measured is `Unmeasured` and says why: no figure is made up. All of it is one pass over the catalog.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from tenfold.model.activity import Statement
from tenfold.model.audit import Metric
from tenfold.model.relations import Relation
from tenfold.rules.settings import number, statements_loaded
from tenfold.rules.subject import Subject

#: Cantelli: at most one in a hundred lies this many standard deviations or more above the mean.
_CANTELLI_99 = math.sqrt(99.0)
_EXACT = 1 - 1e-9
#: Halvings of the search range, in logarithms; far below one in a thousand is left of any range.
_HALVINGS = 18
#: Past comments and parentheses. No grammar is needed to tell a query from COMMIT.
_FIRST_WORD = re.compile(r"(?:\s|\(|/\*.*?\*/|--[^\n]*\n)*([A-Za-z]+)", re.DOTALL)
_QUERIES = frozenset({"select", "insert", "update", "delete", "merge", "with", "values", "table"})


class Unmeasured(msgspec.Struct, frozen=True):
    """Why there is no figure."""

    why: str


class Share(msgspec.Struct, frozen=True):
    """A part of a whole that is not zero."""

    part: float
    whole: float

    @property
    def ratio(self) -> float:
        return self.part / self.whole


class Latency(msgspec.Struct, frozen=True):
    """Execution times of the statements that pg_stat_statements keeps, in ms."""

    statements: int
    calls: int
    mean: float
    #: As if each statement's times were log-normal: the server keeps no percentiles.
    p99: float
    #: No more than this for certain, by Cantelli's inequality and each statement's longest time.
    p99_bound: float


def metrics(subject: Subject) -> tuple[Metric, ...]:
    """Latency, connections, index hits, table scans and dead rows of the database."""
    thresholds = subject.thresholds
    return (
        _latency_metric(subject),
        _share_metric(
            "Connections",
            connection_share(subject),
            (thresholds.connection_ratio_target, thresholds.connection_ratio_alert),
            lambda share: f"{share.part:,.0f} of the {share.whole:,.0f} connections open to ordinary roles",
        ),
        _share_metric(
            "Index hit ratio",
            index_hit_share(subject),
            (thresholds.index_hit_ratio_target, thresholds.index_hit_ratio_alert),
            lambda share: (
                f"{share.whole:,.0f} index blocks asked for, {_window(subject)}; "
                "a miss may still be answered by the operating system's cache"
            ),
        ),
        _share_metric(
            "Table scan ratio",
            table_scan_share(subject),
            (thresholds.table_scan_ratio_target, thresholds.table_scan_ratio_alert),
            lambda share: (
                f"{share.part:,.0f} sequential of {share.whole:,.0f} scans of tables with "
                f"{thresholds.small_table_rows:,} rows or more, {_window(subject)}"
            ),
        ),
        _share_metric(
            "Dead tuple ratio",
            dead_tuple_share(subject),
            (thresholds.dead_tuple_ratio_target, thresholds.dead_tuple_ratio_alert),
            lambda share: (
                f"{share.part:,.0f} dead of {share.whole:,.0f} rows in tables with "
                f"{thresholds.small_table_rows:,} rows or more"
            ),
        ),
    )


# --- what is measured ---


def latency(subject: Subject) -> Latency | Unmeasured:
    """How long queries take to execute; not the way to the client, and not BEGIN, SET, COPY or DDL."""
    snapshot = subject.snapshot
    for hidden in snapshot.hidden:
        if hidden.what == "statements" and not snapshot.statements:
            return Unmeasured(hidden.why)
    if "pg_stat_statements" not in snapshot.extension_names:
        return Unmeasured("pg_stat_statements is not installed in this database")
    if not statements_loaded(snapshot):
        return Unmeasured("pg_stat_statements is not in shared_preload_libraries")
    times = [_Times(statement) for statement in snapshot.statements if _is_query(statement)]
    calls = sum(time.calls for time in times)
    if calls < subject.thresholds.ratio_min_events:
        return Unmeasured(f"only {calls:,} calls of queries are recorded, too few for a 99th percentile")
    return Latency(
        statements=len(times),
        calls=calls,
        mean=sum(time.calls * time.mean for time in times) / calls,
        p99=_percentile_99(times, calls, _Times.share_above),
        p99_bound=_percentile_99(times, calls, _Times.share_above_at_most),
    )


def connection_share(subject: Subject) -> Share | Unmeasured:
    """Client connections of the whole server, of those that are not reserved for administrators."""
    snapshot = subject.snapshot
    maximum = number(snapshot, "max_connections")
    if maximum is None:
        return Unmeasured("max_connections was not read")
    reserved = (number(snapshot, "superuser_reserved_connections") or 0) + (
        number(snapshot, "reserved_connections") or 0
    )
    return Share(sum(group.count for group in snapshot.connections), max(maximum - reserved, 1))


def index_hit_share(subject: Subject) -> Share | Unmeasured:
    """Index blocks found in shared buffers, of those asked for."""
    if (why := _uncounted(subject)) is not None:
        return Unmeasured(why)
    hit = read = 0
    for activity in subject.snapshot.table_activity:
        if activity.relation in subject.judged:
            hit += activity.index_hit
            read += activity.index_read
    least = subject.thresholds.hit_ratio_min_blocks
    if hit + read < least:
        return Unmeasured(f"{hit + read:,} index blocks asked for; below {least:,} the cache is still cold")
    return Share(hit, hit + read)


def table_scan_share(subject: Subject) -> Share | Unmeasured:
    """Accesses to tables that read the whole table, of all, on tables above the small ones."""
    if (why := _uncounted(subject)) is not None:
        return Unmeasured(why)
    shares = [share for table in subject.tables if (share := scans_of(subject, table)) is not None]
    accesses = sum(share.whole for share in shares)
    if accesses < subject.thresholds.ratio_min_events:
        return Unmeasured(
            f"{accesses:,.0f} accesses to tables with {subject.thresholds.small_table_rows:,} rows or more"
        )
    return Share(sum(share.part for share in shares), accesses)


def scans_of(subject: Subject, table: Relation) -> Share | None:
    """Sequential scans of one table and its partitions, of all scans; None where it is small or unused."""
    sequential = accesses = 0
    for part in subject.storage_of(table):
        activity = subject.snapshot.activity_by_relation.get(part.oid)
        if activity is not None:
            sequential += activity.sequential_scans
            accesses += activity.sequential_scans + activity.index_scans
    if accesses == 0 or subject.rows(table) < subject.thresholds.small_table_rows:
        return None
    return Share(sequential, accesses)


def dead_tuple_share(subject: Subject) -> Share | Unmeasured:
    """Rows that no transaction can see any more, of all row versions, on tables above the small ones."""
    if (why := _uncounted(subject)) is not None:
        return Unmeasured(why)
    shares = [share for table in subject.stored if (share := dead_of(subject, table)) is not None]
    rows = sum(share.whole for share in shares)
    if not rows:
        return Unmeasured(f"no table has {subject.thresholds.small_table_rows:,} rows")
    return Share(sum(share.part for share in shares), rows)


def dead_of(subject: Subject, table: Relation) -> Share | None:
    """Dead rows of one table or partition, of all row versions; None where it is small."""
    activity = subject.snapshot.activity_by_relation.get(table.oid)
    if activity is None:
        return None
    versions = subject.rows(table) + activity.dead_rows
    if versions < max(subject.thresholds.small_table_rows, 1):
        return None
    return Share(activity.dead_rows, versions)


def _uncounted(subject: Subject) -> str | None:
    return "track_counts is off" if subject.snapshot.setting("track_counts") == "off" else None


# --- percentiles out of means and deviations ---


class _Times:
    """One statement's distribution, as far as calls, mean, deviation and extremes tell it."""

    __slots__ = ("_location", "_scale", "calls", "deviation", "longest", "mean", "shortest")

    def __init__(self, statement: Statement) -> None:
        self.calls = statement.calls
        self.mean, self.deviation = statement.mean_ms, statement.stddev_ms
        # Extremes can be reset by themselves; then they contradict the mean by more than rounding.
        known = statement.min_ms * _EXACT <= statement.mean_ms <= statement.max_ms / _EXACT
        self.shortest = statement.min_ms if known else 0.0
        self.longest = statement.max_ms if known else math.inf
        # Log-normal with this mean and deviation.
        variance = math.log1p((self.deviation / self.mean) ** 2) if self.mean > 0 else 0.0
        self._location = math.log(self.mean) - variance / 2 if self.mean > 0 else -math.inf
        self._scale = math.sqrt(2 * variance)

    @property
    def ceiling(self) -> float:
        """At most one call in a hundred takes longer."""
        return min(self.longest, self.mean + _CANTELLI_99 * self.deviation)

    def share_above(self, time: float) -> float:
        """Estimated share of calls that take longer."""
        if time >= self.longest:
            return 0.0
        if time < self.shortest:
            return 1.0
        if self._scale == 0.0:
            return float(self.mean > time)
        return 0.5 * math.erfc((math.log(time) - self._location) / self._scale)

    def share_above_at_most(self, time: float) -> float:
        """A bound that no distribution with this mean and deviation exceeds."""
        if time >= self.longest:
            return 0.0
        if time <= self.mean:
            return 1.0
        variance = self.deviation**2
        return variance / (variance + (time - self.mean) ** 2)


def _percentile_99(
    times: Iterable[_Times], calls: int, share_above: Callable[[_Times, float], float]
) -> float:
    """The least time that at most one call in a hundred exceeds, by bisection."""
    times = tuple(times)
    allowed = 0.01 * calls
    high = max(time.ceiling for time in times)
    low = min((time.mean for time in times if time.mean > 0), default=0.0) / 1000
    if high <= 0.0 or low <= 0.0:
        return 0.0
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        if sum(time.calls * share_above(time, middle) for time in times) > allowed:
            low = middle
        else:
            high = middle
    return high


def _is_query(statement: Statement) -> bool:
    if not statement.top_level or not statement.calls:
        return False
    word = _FIRST_WORD.match(statement.text)
    return word is not None and word[1].lower() in _QUERIES


# --- how it is shown ---


Verdict = Literal["met", "missed", "alert", "not measured"]


def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _latency_metric(subject: Subject) -> Metric:
    thresholds = subject.thresholds
    name = "Query latency p99, estimated"
    target, alert = thresholds.latency_p99_target_ms, thresholds.latency_p99_alert_ms
    shown = {"target": f"< {target:g} ms", "alert": f"> {alert:g} ms"}
    measured = subject.once(latency)
    if isinstance(measured, Unmeasured):
        return Metric(name=name, value=None, verdict="not measured", source=measured.why, **shown)
    return Metric(
        name=name,
        value=milliseconds(measured.p99),
        verdict=_verdict(measured.p99, target, alert),
        source=f"estimated from the mean and deviation of {measured.calls:,} calls of "
        f"{measured.statements:,} statements, as if log-normal; for certain at most "
        f"{milliseconds(measured.p99_bound)}; the mean is {milliseconds(measured.mean)}",
        **shown,
    )


def _share_metric(
    name: str,
    measured: Share | Unmeasured,
    bounds: tuple[float, float],
    source: Callable[[Share], str],
) -> Metric:
    target, alert = bounds
    # Of hits there should be many, of everything else few: the alert lies on the bad side of the target.
    signs = "<>" if target < alert else "><"
    shown = {"target": f"{signs[0]} {100 * target:g} %", "alert": f"{signs[1]} {100 * alert:g} %"}
    if isinstance(measured, Unmeasured):
        return Metric(name=name, value=None, verdict="not measured", source=measured.why, **shown)
    return Metric(
        name=name,
        value=percent(measured.ratio),
        verdict=_verdict(measured.ratio, target, alert),
        source=source(measured),
        **shown,
    )


def _verdict(value: float, target: float, alert: float) -> Verdict:
    if target > alert:
        value, target, alert = -value, -target, -alert
    return "alert" if value > alert else "missed" if value > target else "met"


def _window(subject: Subject) -> str:
    days = subject.counted_days
    if days is None:
        return "since the counters began"
    return f"over {days:,.1f} days" if days >= 1 else f"over {24 * days:,.1f} hours"
