"""The capacity rules on the inherited example, and the metrics on counters that a server counted."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.model.config import Config
from tenfold.pg.connect import connect, execute_script
from tenfold.rules.audit import audit
from tenfold.rules.metrics import Latency, Share, latency, metrics, table_scan_share
from tenfold.rules.rule import find_rule
from tenfold.rules.subject import Subject
from tenfold.tenancy.detect import find_tenancy

if TYPE_CHECKING:
    from tenfold.model.finding import Finding

EXAMPLE = Path(__file__).parents[3] / "examples" / "outreach"
CONFIG = msgspec.toml.decode((EXAMPLE / "tenfold.toml").read_bytes(), type=Config)


def example_findings(dsn: str, rule: str) -> tuple[Finding, ...]:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, (EXAMPLE / "schema.sql").read_text())
        snapshot = read_snapshot(connection)
    return audit(snapshot, CONFIG, rules=[find_rule(rule)]).findings


@pytest.mark.servers(15, 16, 18)
def test_the_document_s_candidates_by_time_are_found_and_two_more_of_their_kind(database: str) -> None:
    found = example_findings(database, "partition-candidate-time")
    document = {"messages", "outreach_logs", "intelligence_log", "campaign_executions"}
    assert {finding.object for finding in found} == document | {"lead_activities", "campaign_events"}
    run_as_written(database, found)


@pytest.mark.servers(15, 16, 18)
def test_the_document_s_candidates_by_tenant_are_found_and_the_inbox(database: str) -> None:
    found = example_findings(database, "partition-candidate-tenant")
    assert {finding.object for finding in found} == {"leads", "personas", "unified_lead_cards", "inbox_items"}
    run_as_written(database, found)


def test_retention_is_asked_of_every_log_and_queue(database: str) -> None:
    found = example_findings(database, "tenant-retention")
    queues = {"campaign_queue", "scheduled_events"}
    logs = {
        "messages",
        "outreach_logs",
        "intelligence_log",
        "campaign_executions",
        "lead_activities",
        "campaign_events",
    }
    assert {finding.object for finding in found} == queues | logs
    assert {finding.object for finding in found if finding.advice} == queues
    run_as_written(database, found)


def run_as_written(dsn: str, findings: tuple[Finding, ...]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for finding in findings:
            for text in finding.advice:
                connection.execute(text)


def subject(dsn: str) -> Subject:
    with contextlib.closing(connect(dsn)) as connection:
        snapshot = read_snapshot(connection)
    return Subject(snapshot=snapshot, tenancy=find_tenancy(snapshot))


@pytest.mark.servers(15, 16, 18)
def test_scans_and_dead_rows_are_those_that_the_server_counted(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE items (id bigint PRIMARY KEY, n int) WITH (autovacuum_enabled = off)"
        )
        connection.execute("INSERT INTO items SELECT n, n FROM generate_series(1, 12000) AS n")
        connection.execute("ANALYZE items")
        connection.execute("SELECT pg_stat_force_next_flush()")
    before = table_scan_share(subject(database))
    with psycopg.connect(database, autocommit=True) as connection:
        for _ in range(30):
            connection.execute("SELECT sum(n) FROM items")
        connection.execute("SET enable_seqscan = off")
        for _ in range(120):
            connection.execute("SELECT n FROM items WHERE id = 7")
        connection.execute("DELETE FROM items WHERE id <= 3000")
        connection.execute("SELECT pg_stat_force_next_flush()")
    made = subject(database)
    assert not isinstance(before, Share)
    scans = table_scan_share(made)
    assert isinstance(scans, Share)
    # The build of the primary key read the table once, and the DELETE descended it.
    assert (scans.part, scans.whole) == (1 + 30, 1 + 30 + 120 + 1)
    dead = {metric.name: metric for metric in metrics(made)}["Dead tuple ratio"]
    assert dead.verdict == "alert"
    assert "3,000 dead" in dead.source


def test_the_latency_is_that_of_the_queries_that_ran_here(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        for _ in range(150):
            connection.execute("SELECT 'inbox'")
        for _ in range(50):
            connection.execute("SET application_name = 'inbox'")
    found = latency(subject(database))
    assert isinstance(found, Latency)
    assert 150 <= found.calls < 200
    assert 0 < found.mean <= found.p99_bound
