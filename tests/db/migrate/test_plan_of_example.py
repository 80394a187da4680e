"""The plan of the outreach example: what its audit asked for, consolidated, and nothing left afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.catalog.config_file import load_config
from tenfold.catalog.reader import read_snapshot
from tenfold.migrate.plan import plan
from tenfold.model.change import Phase, Plan
from tenfold.model.finding import Priority
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.rules.audit import audit
from tests.db.migrate.bench import Bench

EXAMPLE = Path(__file__).parents[3] / "examples" / "outreach"
LOADED = load_config(EXAMPLE / "tenfold.toml")


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, writable=True) as connection:
        for file in ("schema.sql", "seed_rows.sql"):
            execute_script(connection, (EXAMPLE / file).read_text(encoding="utf-8"))
        execute_script(connection, "ANALYZE")
        yield connection


def planned(connection: Connection) -> Plan:
    snapshot = read_snapshot(connection)
    return plan(snapshot, audit(snapshot, LOADED.config, workload=LOADED.workload), LOADED.config)


def leading(made: Plan, table: str) -> list[str]:
    """Key lists of the new indexes on a table."""
    return [
        statement.partition(f" ON public.{table} (")[2].rstrip(")")
        for change in made.changes
        for statement in change.sql
        if change.kind == "build" and f" ON public.{table} (" in statement
    ]


def test_composites_stand_for_the_tenant_indexes_that_they_cover(connection: Connection) -> None:
    made = planned(connection)
    for table, composite in (
        ("messages", "team_id, status"),
        ("inbox_items", "team_id, current_bucket"),
        ("scheduled_events", "team_id, status"),
        ("campaign_queue", "team_id, priority DESC, scheduled_at"),
        ("leads", "team_id, status"),
        ("intelligence_log", "team_id, event_type"),
    ):
        assert composite in leading(made, table), table
        assert "team_id" not in leading(made, table), table


def test_every_table_without_a_tenant_index_gets_one(connection: Connection) -> None:
    snapshot = read_snapshot(connection)
    missing = audit(snapshot, LOADED.config).tenant_indexing.missing
    made = planned(connection)
    assert len(missing) == 45
    for table in missing:
        assert any(keys.split(",")[0] == "team_id" for keys in leading(made, table)), table


def test_hot_tables_are_urgent(connection: Connection) -> None:
    made = planned(connection)
    urgent = {
        change.object
        for change in made.changes
        if change.kind == "build" and change.sql[0].startswith("CREATE") and change.priority is Priority.P0
    }
    assert {
        "messages",
        "inbox_items",
        "campaign_queue",
        "scheduled_events",
        "outreach_logs",
        "intelligence_log",
        "lead_activities",
    } <= urgent


def test_the_redundant_indexes_go(connection: Connection) -> None:
    dropped = {
        change.index[1]
        for change in planned(connection).changes
        if change.sql[:1] and change.index and change.sql[0].startswith("DROP")
    }
    assert {"leads_team_id_index", "lead_labels_team_id_index", "team_invitations_team_id_index"} <= dropped


@pytest.mark.servers(15, 16, 18)
def test_nothing_is_left_when_it_is_done(connection: Connection, database: str, tmp_path: Path) -> None:
    assert Bench(database, tmp_path).apply(planned(connection), phases=list(Phase)).complete
    execute_script(connection, "ANALYZE")
    assert [change.id for change in planned(connection).changes] == []
