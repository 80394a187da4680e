"""What the metrics measure, and what they refuse to."""

from __future__ import annotations

import math
import random

import pytest

from tenfold.model.config import Config
from tenfold.model.relations import Inheritance
from tenfold.model.snapshot import Hidden
from tenfold.model.thresholds import Thresholds
from tenfold.rules.metrics import (
    Latency,
    Share,
    Unmeasured,
    connection_share,
    dead_tuple_share,
    index_hit_share,
    latency,
    metrics,
    table_scan_share,
)
from tests.unit.rules.build import PG_STAT_STATEMENTS, activity, connections, statement, subject, table

LOADED = {"pg_stat_statements.max": "5000"}


def measured(*statements: dict[str, object]) -> Latency:
    found = latency(
        subject(
            settings=LOADED,
            statements=tuple(statement(**fields) for fields in statements),
            **PG_STAT_STATEMENTS,
        )
    )
    assert isinstance(found, Latency), found
    return found


def moments(times: list[float]) -> dict[str, object]:
    """What pg_stat_statements keeps of these times: the deviation is the population's."""
    mean = sum(times) / len(times)
    variance = sum((time - mean) ** 2 for time in times) / len(times)
    return {
        "calls": len(times),
        "mean_ms": mean,
        "stddev_ms": math.sqrt(variance),
        "min_ms": min(times),
        "max_ms": max(times),
    }


def true_p99(*samples: list[float]) -> float:
    times = sorted(time for sample in samples for time in sample)
    return times[math.ceil(0.99 * len(times)) - 1]


def test_the_p99_of_log_normal_times_is_estimated_well() -> None:
    chance = random.Random(7)
    times = [chance.lognormvariate(1.0, 0.8) for _ in range(20_000)]
    assert measured(moments(times)).p99 == pytest.approx(true_p99(times), rel=0.1)


def test_the_p99_is_of_all_calls_together_not_of_the_slowest_statement() -> None:
    chance = random.Random(7)
    fast = [chance.lognormvariate(0.0, 0.3) for _ in range(20_000)]
    slow = [chance.lognormvariate(6.0, 0.3) for _ in range(100)]
    found = measured(moments(fast), moments(slow))
    assert found.p99 == pytest.approx(true_p99(fast, slow), rel=0.1)
    assert found.p99 < min(slow)
    assert found.calls == 20_100


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_holds_whatever_the_distribution(seed: int) -> None:
    chance = random.Random(seed)
    samples = [
        [chance.choice((1.0, 1.0, 1.0, 900.0 * chance.random())) for _ in range(500)],
        [chance.paretovariate(1.2) for _ in range(3_000)],
        [5.0] * 200,
    ]
    found = measured(*map(moments, samples))
    assert found.p99_bound >= true_p99(*samples)


def test_statements_that_always_take_the_same_time() -> None:
    found = measured({"calls": 500, "mean_ms": 5.0, "min_ms": 5.0, "max_ms": 5.0})
    assert found.p99 == pytest.approx(5.0, rel=0.001)
    assert found.p99_bound == pytest.approx(5.0, rel=0.001)


def test_the_longest_time_ever_seen_bounds_the_estimate() -> None:
    found = measured(
        {"calls": 500, "mean_ms": 5.0, "stddev_ms": 50.0, "min_ms": 1.0, "max_ms": 12.0},
        {"calls": 1, "mean_ms": 9_000.0, "min_ms": 9_000.0, "max_ms": 9_000.0},
    )
    assert found.p99 <= 12.01
    assert found.p99_bound <= 12.01


def test_extremes_that_were_reset_by_themselves_are_not_believed() -> None:
    found = measured({"calls": 500, "mean_ms": 5.0, "stddev_ms": 2.0, "min_ms": 0.0, "max_ms": 0.0})
    assert found.p99 > 5.0


def test_only_queries_of_clients_count() -> None:
    found = measured(
        {"text": "-- inbox\n/* web */ (SELECT 1)", "calls": 150, "mean_ms": 2.0},
        {"text": "with x as (select 1) select * from x", "calls": 50, "mean_ms": 2.0},
        {"text": "BEGIN", "calls": 1_000_000, "mean_ms": 0.001},
        {"text": "CREATE INDEX ON t (a)", "calls": 10, "mean_ms": 90_000.0},
        {"text": "SELECT 2", "calls": 1_000, "mean_ms": 900.0, "top_level": False},
    )
    assert (found.statements, found.calls, found.mean) == (2, 200, 2.0)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "not installed"),
        (PG_STAT_STATEMENTS, "shared_preload_libraries"),
        (PG_STAT_STATEMENTS | {"settings": LOADED, "statements": (statement(calls=99),)}, "only 99 calls"),
        ({"hidden": (Hidden("statements", "may not look"),)}, "may not look"),
    ],
)
def test_latency_that_cannot_be_measured_says_why(fields: dict[str, object], why: str) -> None:
    found = latency(subject(**fields))
    assert isinstance(found, Unmeasured)
    assert why in found.why


def test_reserved_connections_are_not_for_applications() -> None:
    limits = {"max_connections": "100", "superuser_reserved_connections": "3", "reserved_connections": "7"}
    found = connection_share(subject(settings=limits, connections=(connections(30), connections(15))))
    assert found == Share(45, 90)


def test_index_hits_of_an_excluded_schema_do_not_count() -> None:
    found = index_hit_share(
        subject(
            relations=(table(1), table(2, schema="audit")),
            table_activity=(
                activity(1, index_hit=200_000, index_read=1_000),
                activity(2, index_read=5_000_000),
            ),
            config=Config(exclude_schemas=("audit",)),
        )
    )
    assert found == Share(200_000, 201_000)


def test_scans_and_dead_rows_are_counted_above_the_small_tables_only() -> None:
    made = subject(
        relations=(table(1, rows=20_000.0), table(2, rows=100.0)),
        table_activity=(
            activity(1, sequential_scans=30, index_scans=970, dead_rows=5_000),
            activity(2, sequential_scans=90_000, dead_rows=90),
        ),
    )
    assert table_scan_share(made) == Share(30, 1_000)
    assert dead_tuple_share(made) == Share(5_000, 25_000)


def test_partitions_share_the_size_of_their_table() -> None:
    made = subject(
        relations=(
            table(1, kind="p"),
            table(2, rows=6_000.0, is_partition=True),
            table(3, rows=6_000.0, is_partition=True),
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 1)),
        table_activity=(activity(2, sequential_scans=80), activity(3, index_scans=120)),
    )
    assert table_scan_share(made) == Share(80, 200)


def test_counters_that_are_off_or_zero_are_not_taken_for_a_measurement() -> None:
    busy = {
        "relations": (table(1, rows=90_000.0),),
        "table_activity": (
            activity(1, sequential_scans=900, index_hit=900_000, live_rows=90_000, dead_rows=9_000),
        ),
    }
    off = subject(settings={"track_counts": "off"}, **busy)
    for share in (index_hit_share, table_scan_share, dead_tuple_share):
        assert isinstance(share(subject(**busy)), Share)
        assert share(off) == Unmeasured("track_counts is off")
        assert isinstance(share(subject()), Unmeasured)


@pytest.mark.parametrize(
    ("read", "verdict", "value"),
    [(1_000, "met", "99.5 %"), (6_000, "missed", "97.1 %"), (20_000, "alert", "90.9 %")],
)
def test_of_hits_there_should_be_many(read: int, verdict: str, value: str) -> None:
    made = subject(relations=(table(1),), table_activity=(activity(1, index_hit=200_000, index_read=read),))
    found = {metric.name: metric for metric in metrics(made)}["Index hit ratio"]
    assert (found.verdict, found.value) == (verdict, value)
    assert (found.target, found.alert) == ("> 99 %", "< 95 %")


@pytest.mark.parametrize(("count", "verdict"), [(77, "met"), (80, "missed"), (95, "alert")])
def test_of_connections_there_should_be_few(count: int, verdict: str) -> None:
    limits = {"max_connections": "97", "superuser_reserved_connections": "0"}
    made = subject(settings=limits, connections=(connections(count),))
    found = {metric.name: metric for metric in metrics(made)}["Connections"]
    assert (found.verdict, found.target, found.alert) == (verdict, "< 80 %", "> 90 %")


def test_the_latency_is_named_for_what_it_is() -> None:
    times = statement(calls=1_000, mean_ms=150.0, stddev_ms=5.0, min_ms=100.0, max_ms=200.0)
    found = metrics(subject(settings=LOADED, statements=(times,), **PG_STAT_STATEMENTS))[0]
    assert found.name == "Query latency p99, estimated"
    assert found.verdict == "missed"
    assert "at most 20" in found.source
    assert "1,000 calls of 1 statement" in found.source


def test_every_metric_has_its_target_and_says_why_it_is_not_measured() -> None:
    found = metrics(subject())
    assert [metric.verdict for metric in found] == ["not measured"] * 5
    assert all(metric.value is None and metric.source for metric in found)
    assert [(metric.target, metric.alert) for metric in found] == [
        ("< 100 ms", "> 500 ms"),
        ("< 80 %", "> 90 %"),
        ("> 99 %", "< 95 %"),
        ("< 1 %", "> 5 %"),
        ("< 5 %", "> 10 %"),
    ]


def test_thresholds_are_the_configuration_s() -> None:
    config = Config(thresholds=Thresholds(connection_ratio_target=0.1, connection_ratio_alert=0.2))
    made = subject(settings={"max_connections": "100"}, connections=(connections(15),), config=config)
    found = metrics(made)[1]
    assert (found.target, found.alert, found.verdict) == ("< 10 %", "> 20 %", "missed")
