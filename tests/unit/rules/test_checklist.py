"""Boxes are ticked on evidence only, and stay open where a database cannot tell."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.model.activity import Replica, ReplicationSlot
from tenfold.model.audit import ChecklistItem
from tenfold.model.config import Config
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Index, Policy
from tenfold.model.roles import Membership
from tenfold.model.snapshot import Hidden
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.rules.checklist import RULES, checklist
from tenfold.rules.rule import all_rules
from tenfold.rules.subject import Subject
from tests.unit.rules.build import (
    PG_STAT_STATEMENTS,
    activity,
    connections,
    database,
    role,
    server,
    statement,
    subject,
    table,
)

LOADED = {"pg_stat_statements.max": "5000"}
TENANCY = Tenancy(
    column="team_id",
    columns=("team_id",),
    tables=(TableTenancy(1, "tenant", "has team_id", "team_id"), TableTenancy(2, "child", "leads to it")),
)
HOT = Config(operations_per_day={"messages": 50_000})


def box(text: str, made: Subject, *findings: Finding, ran: set[str] | None = None) -> ChecklistItem:
    (found,) = (item for item in checklist(made, findings, ran) if item.text == text)
    return found


def finding(rule: str, name: str = "messages", detail: str | None = None) -> Finding:
    return Finding(rule=rule, priority=Priority.P2, object=name, detail=detail, message="it is so")


def column(number: int, name: str) -> Column:
    return Column(
        relation=1,
        number=number,
        name=name,
        type="bigint",
        type_oid=20,
        type_kind="b",
        type_category="N",
        not_null=True,
    )


def index(*columns: int) -> Index:
    count = len(columns)
    return Index(
        oid=100 + count,
        relation=1,
        name="by_team",
        method="btree",
        columns=columns,
        key_count=count,
        opclasses=(1,) * count,
        option_bits=(0,) * count,
        collations=(0,) * count,
        unique=False,
        primary=False,
        exclusion=False,
        valid=True,
        ready=True,
        definition="",
        pages=1,
        tuples=0.0,
    )


def tenants(*indexes: Index, config: Config = HOT, walled: bool = False, **fields: Any) -> Subject:
    policy = Policy(oid=9, relation=1, name="p", command="*", permissive=True, roles=(0,), using="true")
    return subject(
        relations=(table(1, "messages", rls_enabled=walled, rls_forced=walled),),
        columns=(column(1, "id"), column(2, "team_id")),
        indexes=indexes,
        policies=(policy,) if walled else (),
        tenancy=TENANCY,
        config=config,
        **fields,
    )


def test_both_lists_are_complete_and_in_order() -> None:
    items = checklist(subject(), ())
    assert [item.checklist for item in items] == ["before production"] * 8 + ["ongoing"] * 4
    assert all(item.evidence for item in items)


def test_every_rule_that_a_box_rests_on_exists() -> None:
    assert {rule.id for rule in all_rules()} >= RULES


def test_a_tenant_column_with_and_without_an_index() -> None:
    text = "Tenant columns have indexes"
    assert box(text, tenants(index(2))).ticked is True
    bare = box(text, tenants())
    assert bare.ticked is False
    assert bare.evidence.startswith("0 of 1 tenant tables")
    assert "messages" in bare.evidence
    assert box(text, subject()).ticked is None


def test_a_hot_table_needs_a_composite_index_that_leads_with_the_tenant() -> None:
    text = "Hot tables have composite indexes"
    assert box(text, tenants(index(2, 1))).ticked is True
    assert box(text, tenants(index(1, 2))).ticked is False
    assert box(text, tenants(index(2))).ticked is False
    assert box(text, tenants(index(2), config=Config())).ticked is None


def test_a_hot_table_whose_statements_ask_for_no_composite_index() -> None:
    text = "Hot tables have composite indexes"
    seen = (statement("SELECT * FROM messages WHERE team_id = $1"),)
    made = tenants(index(2), statements=seen)
    assert box(text, made).ticked is True
    assert box(text, made, finding("hot-table-unindexed")).ticked is False
    assert box(text, tenants(statements=seen)).ticked is False
    assert box(text, tenants(index(2), statements=(statement("SELECT * FROM leads"),))).ticked is False


def test_a_box_that_rests_on_a_rule_is_not_ticked_where_the_rule_was_left_out() -> None:
    text = "Quarterly partitioning evaluation"
    assert box(text, subject()).ticked is True
    assert box(text, subject(), ran=set(RULES)).ticked is True
    left_out = box(text, subject(), ran=set(RULES) - {"partition-candidate-time"})
    assert left_out.ticked is None
    assert "partition-candidate-time" in left_out.evidence
    assert box(text, subject(), finding("partition-candidate-tenant"), ran=set()).ticked is False


def test_row_level_security_needs_all_of_it_and_no_hole() -> None:
    text = "Row-level security policies enabled"
    assert box(text, tenants(walled=True)).ticked is True
    assert box(text, tenants()).ticked is False
    assert box(text, tenants(walled=True), finding("policy-always-true")).ticked is False
    child = tenants(walled=True)
    child = subject(
        relations=(*child.snapshot.relations, table(2, "message_events")),
        columns=child.snapshot.columns,
        policies=child.snapshot.policies,
        tenancy=TENANCY,
    )
    unwalled = box(text, child)
    assert unwalled.ticked is False
    assert "message_events" in unwalled.evidence


@pytest.mark.parametrize(
    ("count", "application", "ticked"),
    [(5, "web", None), (5, "PgBouncer", True), (98, "web", False)],
)
def test_a_pool_is_seen_or_missed(count: int, application: str, ticked: bool | None) -> None:
    made = subject(
        settings={"max_connections": "100"}, connections=(connections(count, application=application),)
    )
    assert box("Connection pooling configured", made).ticked is ticked


def test_hidden_connections_tell_nothing_of_a_pool() -> None:
    made = subject(
        settings={"max_connections": "100"},
        connections=(connections(98),),
        hidden=(Hidden("connections", "no member"),),
    )
    assert box("Connection pooling configured", made).ticked is None


def test_statements_are_collected_or_not() -> None:
    text = "pg_stat_statements enabled"
    assert box(text, subject(settings=LOADED, **PG_STAT_STATEMENTS)).ticked is True
    assert box(text, subject(settings=LOADED)).ticked is False
    assert box(text, subject(**PG_STAT_STATEMENTS)).ticked is False


def test_a_monitor_is_known_by_its_connection_or_its_role() -> None:
    text = "Monitoring set up"
    assert box(text, subject()).ticked is None
    assert box(text, subject(connections=(connections(1, application="postgres_exporter"),))).ticked is True
    member = Membership(role=1, member=2, admin=False)
    watched = role(1, "pg_monitor", can_login=False)
    assert box(text, subject(roles=(watched, role(2, "watch")), memberships=(member,))).ticked is True
    # The right was given for this very audit.
    assert box(text, subject(roles=(watched, role(2, "auditor")), memberships=(member,))).ticked is None


@pytest.mark.parametrize(
    ("settings", "fields", "ticked"),
    [
        ({"archive_mode": "on", "archive_command": "backup %p"}, {}, None),
        ({"archive_mode": "on", "archive_command": ""}, {}, False),
        ({"archive_mode": "off", "archive_command": "backup %p"}, {}, False),
        ({"archive_mode": "off"}, {"replication_slots": (ReplicationSlot("b", "physical", True),)}, None),
        ({"archive_mode": "off"}, {"replication_slots": (ReplicationSlot("b", "logical", True),)}, False),
        ({"archive_mode": "off"}, {"replicas": (Replica("standby", "streaming", "async"),)}, None),
    ],
)
def test_a_backup_is_never_taken_for_verified(
    settings: dict[str, str], fields: dict[str, Any], ticked: bool | None
) -> None:
    made = subject(settings={"wal_level": "replica"} | settings, **fields)
    assert box("Backup strategy verified", made).ticked is ticked


def test_a_failover_is_impossible_without_a_standby_and_unknown_with_one() -> None:
    text = "Failover tested"
    assert box(text, subject()).ticked is False
    assert box(text, subject(replicas=(Replica("standby", "streaming", "async"),))).ticked is None
    assert box(text, subject(server=server(in_recovery=True))).ticked is None


def test_the_index_review_needs_a_week_of_counters() -> None:
    text = "Weekly index usage review"
    assert box(text, subject()).ticked is True
    young = subject(database=database(statistics_reset="2025-03-09 00:00:00+00:00"))
    assert box(text, young).ticked is None
    assert box(text, young, finding("index-duplicate", "messages", "by_team")).ticked is False


def test_the_slow_query_analysis_needs_statements() -> None:
    text = "Monthly slow query analysis"
    assert box(text, subject()).ticked is False
    few = {"settings": LOADED, "statements": (statement(calls=3, mean_ms=1.0),)} | PG_STAT_STATEMENTS
    assert box(text, subject(**few)).ticked is None
    many = few | {"statements": (statement(calls=300, mean_ms=1.0),)}
    assert box(text, subject(**many)).ticked is True
    assert box(text, subject(**many), finding("query-slow")).ticked is False


def test_vacuum_is_on_in_time_and_early_on_hot_tables() -> None:
    text = "Vacuum and analyze schedules set"
    assert box(text, subject()).ticked is True
    assert box(text, subject(settings={"autovacuum": "off"})).ticked is False
    off = table(1, options=("autovacuum_enabled=false",))
    assert box(text, subject(relations=(off,))).ticked is False
    late = subject(
        relations=(table(1, rows=100_000.0),),
        table_activity=(activity(1, dead_rows=90_000, last_vacuum="2025-02-01 00:00:00+00:00"),),
    )
    assert box(text, late).ticked is False
    assert box(text, subject(), finding("autovacuum-hot-table")).ticked is False
