"""Statements that are shown and never applied by themselves."""

from __future__ import annotations

from typing import Any

from tenfold.model.config import Config
from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Constraint
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.rules.capacity import (
    autovacuum_hot_table,
    partition_candidate_tenant,
    partition_candidate_time,
    pgss_missing,
    tenant_retention,
)
from tests.unit.rules.build import PG_STAT_STATEMENTS, server, subject, table

CONFIG = Config(operations_per_day={"Log": 50_000})
TENANCY = Tenancy(column="team_id", tables=(TableTenancy(1, "tenant", "has team_id", "team_id"),))


def column(number: int, name: str, type: str, category: str, **fields: Any) -> Column:
    return Column(1, number, name, type, 20, "b", category, True, **fields)


def log(*more: Column, identity: str = "", major: int = 18) -> dict[str, Any]:
    return {
        "server": server(version_number=major * 10_000, now="2024-12-30 10:00:00+00:00"),
        "relations": (table(1, "Log"),),
        "columns": (
            column(1, "id", "bigint", "N", identity=identity),
            column(2, "team_id", "bigint", "N"),
            column(3, "created_at", "timestamp with time zone", "D"),
            *more,
        ),
        "constraints": (Constraint(7, 1, "pk", "p", (1,), True, ""),),
        "config": CONFIG,
        "tenancy": TENANCY,
    }


def only(findings: Any) -> Finding:
    (found,) = findings
    return found


def test_a_copy_partitioned_by_month_has_the_time_in_its_key() -> None:
    found = only(partition_candidate_time.check(subject(**log())))
    assert found.advice == (
        'CREATE TABLE public."Log_partitioned" (LIKE public."Log" INCLUDING ALL EXCLUDING INDEXES, '
        "PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at)",
        'CREATE TABLE public."Log_2024_12" PARTITION OF public."Log_partitioned" '
        "FOR VALUES FROM ('2024-12-01') TO ('2025-01-01')",
        'CREATE TABLE public."Log_2025_01" PARTITION OF public."Log_partitioned" '
        "FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')",
    )
    assert found.remedies == ()


def test_identity_columns_are_left_out_where_partitioned_tables_cannot_have_them() -> None:
    new = only(partition_candidate_time.check(subject(**log(identity="a", major=17))))
    old = only(partition_candidate_time.check(subject(**log(identity="a", major=16))))
    plain = only(partition_candidate_time.check(subject(**log(major=16))))
    assert "EXCLUDING IDENTITY" not in new.advice[0]
    assert "EXCLUDING INDEXES EXCLUDING IDENTITY, PRIMARY KEY" in old.advice[0]
    assert "EXCLUDING IDENTITY" not in plain.advice[0]


def test_foreign_keys_that_are_in_the_way_are_counted() -> None:
    made = log()
    key = Constraint(8, 2, "fk", "f", (1,), True, "", foreign_relation=1, foreign_columns=(1,))
    itself = Constraint(9, 1, "reply", "f", (2,), True, "", foreign_relation=1, foreign_columns=(1,))
    assert "foreign key" not in only(partition_candidate_time.check(subject(**made))).message
    made["constraints"] += (key, itself)
    assert "a foreign key of another table" in only(partition_candidate_time.check(subject(**made))).message
    made["constraints"] += (key,)
    assert "2 foreign keys" in only(partition_candidate_time.check(subject(**made))).message


def test_partitions_by_hash_cover_every_tenant() -> None:
    changing = column(4, "updated_at", "timestamp with time zone", "D")
    found = only(partition_candidate_tenant.check(subject(**log(changing))))
    assert "PRIMARY KEY (id, team_id)) PARTITION BY HASH (team_id)" in found.advice[0]
    assert [text.rpartition("VALUES ")[2] for text in found.advice[1:]] == [
        f"WITH (MODULUS 8, REMAINDER {remainder})" for remainder in range(8)
    ]


def test_rows_are_only_ever_proposed_for_deletion_where_a_queue_is_done_with_them() -> None:
    due = column(4, "scheduled_at", "timestamp with time zone", "D")
    queue = only(tenant_retention.check(subject(**log(due))))
    assert queue.advice == (
        'DELETE FROM public."Log" WHERE ctid = ANY (ARRAY(SELECT ctid FROM public."Log" '
        "WHERE scheduled_at < now() - INTERVAL '30 days' LIMIT 5000))",
    )
    assert queue.remedies == ()
    assert only(tenant_retention.check(subject(**log()))).advice == ()


def test_the_library_is_added_to_those_that_are_loaded() -> None:
    libraries = {"shared_preload_libraries": "auto_explain, pgaudit"}
    found = only(pgss_missing.check(subject(settings=libraries)))
    assert found.advice == (
        "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pgaudit', 'pg_stat_statements'",
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
    )
    assert "shared_preload_libraries and is not created" in found.message


def test_libraries_that_the_role_may_not_see_are_not_overwritten() -> None:
    found = only(pgss_missing.check(subject(**PG_STAT_STATEMENTS)))
    assert found.advice == ()
    assert "is not in shared_preload_libraries" in found.message


def test_a_hot_table_s_finding_names_only_what_starts_late() -> None:
    made = log()
    made["relations"] = (table(1, "Log", options=("autovacuum_vacuum_scale_factor=0.01",)),)
    found = only(autovacuum_hot_table.check(subject(**made)))
    assert found.message.endswith("autovacuum starts only at 20 % inserted, 10 % changed rows")
