"""The rules on indexes and statements, on the inherited example and on B-trees that a server has filled."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.model.activity import Statement
from tenfold.model.config import Config
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.sqlfile import parse_blocks
from tenfold.rules.audit import audit
from tenfold.rules.rule import find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenfold.model.finding import Finding

EXAMPLE = Path(__file__).parents[3] / "examples" / "outreach"
CONFIG = msgspec.toml.decode((EXAMPLE / "tenfold.toml").read_bytes(), type=Config)
WORKLOAD = tuple(
    Statement(text=block.text, name=block.name)
    for block in parse_blocks((EXAMPLE / "workload.sql").read_text(encoding="utf-8"))
)
#: The document's six, and four by time that its workload asks for as well.
COMPOSITES = {
    ("messages", "team_id, status"),
    ("inbox_items", "team_id, current_bucket"),
    ("scheduled_events", "team_id, status"),
    ("campaign_queue", "team_id, priority DESC, scheduled_at"),
    ("leads", "team_id, status"),
    ("intelligence_log", "team_id, event_type"),
}
BY_TIME = {
    ("messages", "team_id, created_at"),
    ("intelligence_log", "team_id, created_at"),
    ("outreach_logs", "team_id, created_at"),
    ("lead_activities", "team_id, occurred_at"),
}


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as opened:
        yield opened


def found(connection: Connection, rule: str, config: Config = CONFIG) -> tuple[Finding, ...]:
    snapshot = read_snapshot(connection)
    return audit(snapshot, config, workload=WORKLOAD, rules=[find_rule(rule)]).findings


@pytest.fixture
def example(connection: Connection) -> Connection:
    execute_script(connection, (EXAMPLE / "schema.sql").read_text(encoding="utf-8"))
    return connection


def test_the_three_redundant_indexes_of_the_document_s_list_are_dropped(example: Connection) -> None:
    findings = found(example, "index-prefix-redundant")
    assert {finding.fix for finding in findings} == {
        (f"DROP INDEX CONCURRENTLY public.{name}",)
        for name in ("leads_team_id_index", "lead_labels_team_id_index", "team_invitations_team_id_index")
    }


def test_the_composite_indexes_of_the_document_follow_from_the_workload(example: Connection) -> None:
    findings = found(example, "hot-table-unindexed")
    assert {(finding.object, finding.detail) for finding in findings} == COMPOSITES | BY_TIME


def test_no_foreign_key_of_the_tenant_column_is_named_twice(example: Connection) -> None:
    findings = found(example, "fk-index-missing")
    assert len(findings) == 38
    assert [finding for finding in findings if "team_id" in (finding.detail or "")] == []


def test_the_workload_s_three_faults_are_found(example: Connection) -> None:
    faults = {"message_totals_of_all_teams", "lead_by_email_in_any_team", "personas_traced"}
    assert {finding.object for finding in found(example, "query-missing-tenant-filter")} == faults
    assert [finding.object for finding in found(example, "query-unbounded")] == ["personas_traced"]


@pytest.mark.servers(15, 16, 18)
def test_a_queue_that_was_emptied_is_bloated_until_it_is_rebuilt(connection: Connection) -> None:
    execute_script(
        connection,
        "CREATE TABLE queue (id bigint PRIMARY KEY, at timestamptz);"
        "INSERT INTO queue SELECT n, now() + n * interval '1 second' FROM generate_series(1, 120000) AS n;"
        "CREATE INDEX queue_at ON queue (at); DELETE FROM queue WHERE id % 10 <> 0",
    )
    execute_script(connection, "VACUUM ANALYZE queue")
    findings = found(connection, "index-bloat", Config())
    assert {finding.detail for finding in findings} == {"queue_at", "queue_pkey"}
    for statement in (statement for finding in findings for statement in finding.fix or ()):
        execute_script(connection, statement)
    assert found(connection, "index-bloat", Config()) == ()


@pytest.mark.servers(15, 16, 18)
def test_a_b_tree_as_it_grows_is_not_called_bloated(connection: Connection) -> None:
    """Filled in random order its pages are two thirds full; equal keys share an entry; nulls are short."""
    execute_script(
        connection,
        "CREATE TABLE items (id uuid PRIMARY KEY, team_id int, name text, email varchar(80), at timestamptz);"
        "CREATE INDEX items_team ON items (team_id); CREATE INDEX items_name ON items (name);"
        "CREATE INDEX items_email ON items (team_id, email) INCLUDE (at);"
        "CREATE INDEX items_at ON items (at);"
        "INSERT INTO items SELECT gen_random_uuid(), n % 50, repeat('x', n % 300), md5(n::text) || '@x.org',"
        "  CASE WHEN n % 10 = 0 THEN now() END FROM generate_series(1, 60000) AS n",
    )
    execute_script(connection, "VACUUM ANALYZE items")
    assert found(connection, "index-bloat", Config()) == ()
