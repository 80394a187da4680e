"""Audits made by hand: one with hostile names and a bit of everything, an empty one, and crowds."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest

from tenfold.model.audit import Audit, ChecklistItem, Metric, TenantIndexing
from tenfold.model.finding import Finding, Ignored, Priority, RuleFailure
from tenfold.model.relations import Inheritance, Relation
from tenfold.model.remedy import CreateIndex, Key, Table
from tenfold.model.snapshot import Hidden, Snapshot
from tenfold.model.tenancy import TableClass, TableTenancy, Tenancy
from tests.unit.rules.build import DATABASE, NOW, SERVER, database, table

#: Names that PostgreSQL takes, and that a careless report would not survive.
HOSTILE = (
    'quo"ted </script><script>alert(1)</script>',
    "</style></title></pre><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %} ${x} %s",
    "pipe | `tick` ``` *star* _under_ ~~gone~~ [link](http://e.vil)",
    "@someone #12 &amp; <b> www.e.vil :tada: $x$",
    "kangaroo 🦘 family 👩\u200d👩\u200d👧",
    "ö" * 31 + "x",
    "line\nbreak\ttab",
    "\x1b[31mred\x07",
    "\u202etxet\u202c desrever",
    "select",
)

PRIORITIES = (Priority.P0, Priority.P1, Priority.P2)


class Report(NamedTuple):
    audit: Audit
    snapshot: Snapshot


def finding(relation: Relation, priority: Priority, rule: str = "tenant-index-missing") -> Finding:
    named = Table(relation.schema, relation.name)
    return Finding(
        rule=rule,
        priority=priority,
        object=relation.display,
        relation=relation.oid,
        message=f"{relation.display} has no index on team_id: a statement reads every row",
        remedies=(CreateIndex(table=named, keys=(Key(column="team_id"),)),),
    )


def tenancy_of(relations: list[Relation], classes: dict[int, TableClass]) -> Tenancy:
    return Tenancy(
        column="team_id",
        columns=("team_id",),
        tenant_table=next((oid for oid, part in classes.items() if part == "tenant_table"), None),
        tables=tuple(
            TableTenancy(r.oid, classes.get(r.oid, "tenant"), "it has the column team_id") for r in relations
        ),
        evidence=("team_id is on most tables", "foreign keys lead from it to teams"),
    )


def audit_of(snapshot: Snapshot, tenancy: Tenancy, findings: list[Finding]) -> Audit:
    ordered = sorted(findings, key=lambda f: (f.priority.value, f.rule, f.object, f.detail or ""))
    return Audit(
        database=snapshot.database.name,
        server_version="18.6",
        taken=NOW,
        tenancy=tenancy,
        tenant_indexing=TenantIndexing(1, tuple({f.object: None for f in ordered})),
        findings=tuple(ordered),
    )


@pytest.fixture
def sample() -> Report:
    """Tables of hostile names, a child, a partition, a view; every part that an audit has."""
    hostile = [table(100 + place, name, rows=5e6) for place, name in enumerate(HOSTILE)]
    teams = table(1, "teams", size_bytes=8_192)
    child = table(2, "events", schema="billing </script>", size_bytes=20_000_000)
    parent = table(3, "logs", kind="p")
    part = table(4, "logs_2025", is_partition=True, size_bytes=5_000_000_000, rows=7e6)
    view = table(5, "everything", kind="v")
    plain = table(6, "countries", size_bytes=20_000_000_000)
    snapshot = Snapshot(
        server=SERVER,
        database=database(name='out"reach </title>'),
        relations=(teams, child, parent, part, view, plain, *hostile),
        inheritance=(Inheritance(child=part.oid, parent=parent.oid),),
        hidden=(
            Hidden("statements", "the role is no member of pg_read_all_stats"),
            Hidden("sizes", "it was locked", relation=2),
            Hidden("sizes", "it was locked", relation=6),
        ),
    )
    findings = [finding(r, PRIORITIES[place % 3]) for place, r in enumerate(hostile)]
    findings += [
        finding(child, Priority.P1),
        finding(part, Priority.P0, "tenant-index-not-leading"),
        Finding(
            rule="matview-exposed",
            priority=Priority.P2,
            object="everything",
            relation=view.oid,
            message="everyone reads it",
        ),
        Finding(
            rule="pgss-missing",
            priority=Priority.P1,
            object=DATABASE.name,
            message="outreach collects no statements",
            detail="pg_stat_statements",
            advice=("CREATE EXTENSION pg_stat_statements;",),
        ),
    ]
    tenancy = tenancy_of(
        [teams, child, parent, plain, *hostile], {1: "tenant_table", 2: "child", 6: "shared"}
    )
    silenced = finding(hostile[0], Priority.P1, "tenant-column-nullable")
    audit = msgspec.structs.replace(
        audit_of(snapshot, tenancy, findings),
        ignored=(Ignored(silenced, "agreed with <legal>, until | spring"),),
        undecided=(RuleFailure("table-scan-ratio", "the role is no member of pg_read_all_stats"),),
        metrics=(
            metric("Index hit ratio", "99.9 %", "met"),
            metric("Connections", "85.0 %", "missed"),
            metric("Dead tuple ratio", "12.0 %", "alert"),
            metric("Query latency p99, estimated", None, "not measured"),
        ),
        checklist=(
            box("before production", "Tenant columns have indexes", False, "1 of 9 tables"),
            box("before production", "pg_stat_statements enabled", True, "12 statements | recorded"),
            box("before production", "Backup strategy verified", None, "no <trace> here"),
            box("ongoing", "Weekly index usage review", None, "too early"),
        ),
    )
    return Report(audit, snapshot)


@pytest.fixture
def empty() -> Report:
    """A database without a table, in which nothing was found, nor measured."""
    snapshot = Snapshot(server=SERVER, database=DATABASE)
    audit = audit_of(snapshot, Tenancy(), [])
    return Report(msgspec.structs.replace(audit, tenant_indexing=TenantIndexing(0, ())), snapshot)


@pytest.fixture
def untenanted() -> Report:
    """Tables and a finding, and no tenancy."""
    relation = table(1, "notes")
    snapshot = Snapshot(server=SERVER, database=DATABASE, relations=(relation,))
    tenancy = Tenancy(tables=(TableTenancy(1, "shared", "no tenancy is known"),))
    return Report(audit_of(snapshot, tenancy, [finding(relation, Priority.P2, "pk-missing")]), snapshot)


@pytest.fixture(scope="session")
def crowd() -> Report:
    """10,000 tables in three schemas, each with a finding."""
    relations = [
        table(
            oid, f"table_with_quite_a_long_name_{oid:05}", schema=f"schema_{oid % 3}", size_bytes=oid * 1_000
        )
        for oid in range(1, 10_001)
    ]
    snapshot = Snapshot(server=SERVER, database=DATABASE, relations=tuple(relations))
    findings = [finding(relation, PRIORITIES[relation.oid % 7 % 3]) for relation in relations]
    return Report(audit_of(snapshot, tenancy_of(relations, {}), findings), snapshot)


def metric(name: str, value: str | None, verdict: str) -> Metric:
    return msgspec.convert(
        {
            "name": name,
            "value": value,
            "target": "< 1 %",
            "alert": "> 5 %",
            "verdict": verdict,
            "source": "counted | over 9 days",
        },
        Metric,
    )


def box(checklist: str, text: str, ticked: bool | None, evidence: str) -> ChecklistItem:
    return msgspec.convert(
        {"checklist": checklist, "text": text, "ticked": ticked, "evidence": evidence}, ChecklistItem
    )
