"""The inherited example: it loads, it has the faults it promises, its workload runs, and it fills."""

from __future__ import annotations

import re
import statistics
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from psycopg import sql

from tenfold.bench.fill import Filled, fill
from tenfold.bench.fill_spec import read_fill_spec
from tenfold.catalog.reader import read_snapshot
from tenfold.errors import StatementError
from tenfold.model.config import Config
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.sqlfile import parse_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import TemplateDatabase

EXAMPLE = Path(__file__).parents[2] / "examples" / "outreach"
WORKLOAD = parse_blocks((EXAMPLE / "workload.sql").read_text())

#: The audit's list, with its order of columns and its uniqueness.
INDEXES = {
    "idx_api_keys_team": ("api_keys", "team_id", False),
    "content_categories_team_id_idx": ("content_categories", "team_id", False),
    "content_items_team_id_idx": ("content_items", "team_id", False),
    "integrations_name_team_id_index": ("integrations", "name, team_id", False),
    "lead_labels_team_id_index": ("lead_labels", "team_id", False),
    "lead_labels_team_id_name_category_index": ("lead_labels", "team_id, name, category", False),
    "leads_team_id_index": ("leads", "team_id", False),
    "leads_team_id_integration_id_external_id_index": ("leads", "team_id, integration_id, external_id", True),
    "saved_searches_team_id_index": ("saved_searches", "team_id", False),
    "team_invitations_team_id_index": ("team_invitations", "team_id", False),
    "team_invitations_team_id_email_index": ("team_invitations", "team_id, email", False),
    "team_members_team_id_index": ("team_members", "team_id", False),
    "team_settings_team_id_name_scope_index": ("team_settings", "team_id, name, scope", False),
    "worker_phone_assignments_team_id_idx": ("worker_phone_assignments", "team_id", False),
    "workflows_team_id_index": ("workflows", "team_id", False),
}
COMPOSITES = {
    "messages_by_status": "messages (team_id, status)",
    "inbox_by_bucket": "inbox_items (team_id, current_bucket)",
    "scheduled_events_by_status": "scheduled_events (team_id, status)",
    "queue_by_priority": "campaign_queue (team_id, priority DESC, scheduled_at)",
    "leads_by_status": "leads (team_id, status)",
    "intelligence_by_event_type": "intelligence_log (team_id, event_type)",
}
TENANTS = 8


def load(dsn: str) -> None:
    with connect(dsn, writable=True) as connection:
        execute_script(connection, (EXAMPLE / "schema.sql").read_text())
        execute_script(connection, (EXAMPLE / "seed_rows.sql").read_text())


def load_filled(dsn: str) -> None:
    load(dsn)
    with connect(dsn, writable=True) as connection:
        filled(connection)


def filled(connection: Connection, tenants: int = TENANTS, scale: float = 0.2) -> Filled:
    return fill(
        connection,
        read_snapshot(connection),
        read_fill_spec(EXAMPLE / "fill.toml"),
        tenants=tenants,
        scale=scale,
    )


@pytest.fixture
def example(template_database: TemplateDatabase) -> Iterator[Connection]:
    with connect(template_database("example", load), writable=True) as connection:
        yield connection


@pytest.fixture
def filled_example(template_database: TemplateDatabase) -> Iterator[Connection]:
    with connect(template_database("example_filled", load_filled), writable=True) as connection:
        yield connection


def column(connection: Connection, query: str, *parameters: object) -> list[object]:
    return [row[0] for row in connection.execute(query.encode(), parameters or None).fetchall()]


def row_counts(connection: Connection) -> dict[str, int]:
    tables = column(
        connection,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
    counts = {}
    for table in tables:
        (counts[str(table)],) = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(table)))
        ).fetchone() or (0,)
    return counts


# --- the schema ---


@pytest.mark.servers(15, 16, 18)
def test_it_loads_as_a_script_on_every_server(database: str) -> None:
    load(database)
    with connect(database) as connection:
        counts = row_counts(connection)
    assert len(counts) == 59
    assert sum(counts.values()) == 164


def test_the_hot_tables_are_empty_before_the_fill(example: Connection) -> None:
    hot = tomllib.loads((EXAMPLE / "tenfold.toml").read_text())["operations_per_day"]
    counts = row_counts(example)
    assert len(hot) == 13
    assert {table: counts[table] for table in hot} == dict.fromkeys(hot, 0)


def test_its_secondary_indexes_are_the_fifteen_of_the_audit(example: Connection) -> None:
    rows = example.execute(
        "SELECT c.relname, t.relname, pg_get_indexdef(c.oid), i.indisunique FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
        " WHERE t.relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u', 'x'))"
    ).fetchall()
    assert {
        name: (table, definition.rpartition(" (")[2].rstrip(")"), unique)
        for name, table, definition, unique in rows
    } == INDEXES


def test_eleven_tables_are_served_by_an_index_that_leads_with_the_team(example: Connection) -> None:
    carrying = column(
        example,
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE attname = 'team_id' AND relkind = 'r'",
    )
    served = column(
        example,
        "SELECT DISTINCT indrelid::regclass::text FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE attname = 'team_id'",
    )
    assert len(carrying) == 56
    assert set(served) == {table for table, columns, _ in INDEXES.values() if columns.startswith("team_id")}
    assert len(served) == 11


def test_it_has_no_row_level_security(example: Connection) -> None:
    assert column(example, "SELECT relname FROM pg_class WHERE relrowsecurity") == []
    assert column(example, "SELECT polname FROM pg_policy") == []


def test_every_table_is_described(example: Connection) -> None:
    assert (
        column(
            example,
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND obj_description(oid, 'pg_class') IS NULL",
        )
        == []
    )


def test_its_configuration_is_of_the_shape_that_is_read_and_names_its_tables(example: Connection) -> None:
    config = msgspec.toml.decode((EXAMPLE / "tenfold.toml").read_bytes(), type=Config)
    named = {*config.operations_per_day, *config.personal_data.tables, config.tenancy.tenant_table}
    assert named <= row_counts(example).keys()
    assert (EXAMPLE / str(config.workload.file)).is_file()


# --- the workload ---


@pytest.mark.servers(15, 16, 18)
def test_every_statement_of_the_workload_is_accepted(
    server: object, template_database: TemplateDatabase
) -> None:
    assert len(WORKLOAD) >= 30
    assert len({query.name for query in WORKLOAD}) == len(WORKLOAD)
    with connect(template_database("example", load)) as connection:
        for query in WORKLOAD:
            assert query.description, query.name
            connection.execute(f"PREPARE {query.name} AS {query.text}".encode())
        prepared = column(connection, "SELECT name FROM pg_prepared_statements")
        team_first = column(
            connection,
            "SELECT name FROM pg_prepared_statements WHERE (parameter_types::text[])[1] = 'bigint'",
        )
    assert set(prepared) >= {query.name for query in WORKLOAD}
    binding = {query.name for query in WORKLOAD if re.search(r"team_id = \$1|VALUES \(\$1", query.text)}
    assert binding <= set(team_first)
    assert {query.name for query in WORKLOAD} - binding == {
        "events_of_execution",
        "lead_by_email_in_any_team",
        "message_totals_of_all_teams",
        "personas_traced",
    }


@pytest.mark.parametrize("name", COMPOSITES)
def test_the_audits_composite_index_serves_its_statement(filled_example: Connection, name: str) -> None:
    """All of its conditions, and its order where it has one: neither a filter nor a sort is left."""
    text = next(query.text for query in WORKLOAD if query.name == name)
    filled_example.execute(f"CREATE INDEX composite ON {COMPOSITES[name]}".encode())
    filled_example.execute(f"ANALYZE {COMPOSITES[name].partition(' ')[0]}".encode())
    filled_example.execute(f"PREPARE statement AS {text}".encode())
    filled_example.execute("SET enable_seqscan = off")
    filled_example.execute("SET enable_bitmapscan = off")
    (team,) = filled_example.execute("SELECT id FROM teams ORDER BY id DESC LIMIT 1").fetchone() or (0,)
    second = ", 'x'" if "$2" in text else ""
    plan = "\n".join(
        row[0] for row in filled_example.execute(f"EXPLAIN EXECUTE statement({team}{second})".encode())
    )
    assert "composite" in plan
    assert "Filter:" not in plan
    assert "Sort" not in plan


# --- the fill ---


def foreign_keys(connection: Connection) -> list[tuple[str, str, str, str]]:
    """Child table and column, parent table and column, of every key."""
    return connection.execute(
        "SELECT k.conrelid::regclass::text, a.attname, k.confrelid::regclass::text, f.attname"
        " FROM pg_constraint k"
        " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
        " JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]"
        " WHERE k.contype = 'f' AND cardinality(k.conkey) = 1"
    ).fetchall()


def test_every_table_is_filled(filled_example: Connection) -> None:
    empty = [table for table, count in row_counts(filled_example).items() if count == 0]
    assert empty == []


def test_no_row_refers_to_another_teams_row(filled_example: Connection) -> None:
    carrying = set(
        column(
            filled_example,
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            " WHERE attname = 'team_id' AND relkind = 'r' AND relname <> 'sdr_sessions'",
        )
    )
    checked, crossing = 0, {}
    for child, here, parent, there in foreign_keys(filled_example):
        if {child, parent} <= carrying:
            query = sql.SQL(
                "SELECT count(*), count(*) FILTER (WHERE c.team_id <> p.team_id)"
                " FROM {} c JOIN {} p ON c.{} = p.{}"
            ).format(*map(sql.Identifier, (child, parent, here, there)))
            rows, crossed = filled_example.execute(query).fetchone() or (0, 0)
            checked += rows > 0
            if crossed:
                crossing[f"{child}.{here}"] = crossed
    assert checked > 30
    assert crossing == {}


def test_children_without_a_team_stay_within_one(filled_example: Connection) -> None:
    assert column(
        filled_example,
        "SELECT count(*) FROM campaign_executions e JOIN campaigns c ON c.id = e.campaign_id"
        " JOIN leads l ON l.id = e.lead_id WHERE c.team_id <> l.team_id",
    ) == [0]


def test_references_without_a_key_meet_a_row_of_the_team(filled_example: Connection) -> None:
    assert column(
        filled_example,
        "SELECT count(*) FROM sdr_sessions s WHERE NOT EXISTS"
        " (SELECT FROM team_members m WHERE m.user_id = s.user_id AND m.team_id::text = s.team_id)",
    ) == [0]
    assert column(
        filled_example,
        "SELECT count(*) FROM outreach_logs o WHERE NOT EXISTS"
        " (SELECT FROM messages m WHERE m.id = o.message_id AND m.team_id = o.team_id)",
    ) == [0]


def test_the_largest_team_is_many_times_the_median(example: Connection) -> None:
    result = filled(example, tenants=40)
    assert result.tenant_rows[0] > 8 * statistics.median(result.tenant_rows)
    assert len(result.tenant_rows) == 40
    assert result.total == sum(result.tenant_rows) == sum(result.rows.values())


def test_the_same_fill_gives_the_same_rows(
    template_database: TemplateDatabase, filled_example: Connection
) -> None:
    digest = "SELECT md5(string_agg(leads::text, '|' ORDER BY id)) FROM leads"
    with connect(template_database("example", load), writable=True) as again:
        filled(again)
        assert column(again, digest) == column(filled_example, digest)


def test_rows_can_be_added_afterwards_and_the_fill_repeated(filled_example: Connection) -> None:
    before = row_counts(filled_example)
    filled_example.execute("INSERT INTO teams (name, slug) VALUES ('New', 'new')")
    filled_example.execute(
        "INSERT INTO outreach_logs (team_id, channel, provider, outcome) VALUES (1, 'sms', 'p', 'accepted')"
    )
    added = filled(filled_example, tenants=3)
    after = row_counts(filled_example)
    assert after["teams"] == before["teams"] + 4
    assert after["leads"] == before["leads"] + added.rows["leads"]


def test_a_fill_that_fails_leaves_nothing_behind(example: Connection) -> None:
    before = row_counts(example)
    snapshot = read_snapshot(example)
    example.execute("ALTER TABLE user_stats ADD CHECK (points < 0)")
    with pytest.raises(StatementError, match="points"):
        fill(example, snapshot, read_fill_spec(EXAMPLE / "fill.toml"), tenants=2, scale=0.1)
    assert row_counts(example) == before


def test_statistics_are_renewed_only_where_asked(example: Connection) -> None:
    snapshot, spec = read_snapshot(example), read_fill_spec(EXAMPLE / "fill.toml")
    known = "SELECT reltuples > 0 FROM pg_class WHERE relname = 'leads'"
    fill(example, snapshot, spec, tenants=2, scale=0.1, analyzed=False)
    assert column(example, known) == [False]
    fill(example, read_snapshot(example), spec, tenants=2, scale=0.1)
    assert column(example, known) == [True]


def test_progress_hears_of_each_table_once_its_rows_are_in(example: Connection) -> None:
    heard: list[str] = []
    result = fill(
        example,
        read_snapshot(example),
        read_fill_spec(EXAMPLE / "fill.toml"),
        tenants=2,
        scale=0.1,
        progress=lambda table: heard.append(table.relation.name),
    )
    assert heard == list(result.rows)
    assert len(heard) == 59


def test_the_readme_counts_what_there_is() -> None:
    readme = (EXAMPLE / "README.md").read_text()
    assert f"{len(WORKLOAD)} named statements" in readme
