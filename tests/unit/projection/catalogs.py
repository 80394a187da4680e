"""Catalogs made by hand: a product of teams, its leads and what hangs on them."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from tenfold.model.config import TenancyConfig
from tenfold.model.relations import Column, ColumnStatistics, Constraint, Relation, Type
from tenfold.model.scenario import Point, Scenario
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.scenario import resolve
from tenfold.projection.scenario_check import check_scenario
from tenfold.tenancy.detect import find_tenancy
from tests.unit.rules.build import DATABASE, SERVER, column, constraint, table

TODAY = datetime.date(2025, 3, 10)
TEAMS, LEADS, MESSAGES, LABELS, PLANS, QUEUE, LOG = range(100, 107)
NAMES = {
    TEAMS: "teams",
    LEADS: "leads",
    MESSAGES: "messages",
    LABELS: "labels",
    PLANS: "plans",
    QUEUE: "send_queue",
    LOG: "audit_log",
}
STATUS = 900
TIMES = {"type_oid": 1184, "type_category": "D"}


def product(rows: dict[int, float], **more: Any) -> Snapshot:
    """Teams; leads, labels and a log of teams (the log has no key); messages and a queue of leads; plans."""
    columns: list[Column] = []
    constraints: list[Constraint] = []
    for oid in NAMES:
        columns.append(column(oid, 1, "id"))
        if oid not in (TEAMS, PLANS):
            columns.append(column(oid, 2, "team_id", type_category="N"))
        if oid in (LEADS, LABELS):
            constraints.append(_key(oid, 2, TEAMS))
        if oid in (MESSAGES, QUEUE):
            columns.append(column(oid, 3, "lead_id"))
            constraints.append(_key(oid, 3, LEADS))
        columns.append(column(oid, 4, "created_at", "timestamp with time zone", **TIMES))
    columns.append(column(LEADS, 5, "updated_at", "timestamp with time zone", **TIMES))
    columns.append(column(LEADS, 6, "status", "lead_status", type_oid=STATUS, type_kind="e"))
    columns.append(column(LEADS, 7, "score", "integer", not_null=False, type_category="N"))
    columns.append(column(LEADS, 8, "won", "boolean"))
    given: dict[str, Any] = {
        "server": SERVER,
        "database": DATABASE,
        "relations": tuple(table(oid, name, rows=rows.get(oid, 0.0)) for oid, name in NAMES.items()),
        "columns": tuple(columns),
        "constraints": tuple(constraints),
        "types": (Type(STATUS, "public", "lead_status", "e", ("new", "won", "lost")),),
    }
    return Snapshot(**(given | more))


def _key(oid: int, number: int, parent: int) -> Constraint:
    return constraint(
        oid, "f", number, oid=10_000 + oid * 10 + number, foreign_relation=parent, foreign_columns=(1,)
    )


def statistics(relation: int, number: int, **fields: Any) -> ColumnStatistics:
    given: dict[str, Any] = {"inherited": False, "null_frac": 0.0, "avg_width": 8, "n_distinct": -1.0}
    return ColumnStatistics(relation=relation, number=number, **(given | fields))


def with_relation(snapshot: Snapshot, *relations: Relation) -> Snapshot:
    return msgspec.structs.replace(snapshot, relations=(*snapshot.relations, *relations))


def tenancy_of(snapshot: Snapshot) -> Tenancy:
    return find_tenancy(snapshot, TenancyConfig(columns=("team_id",), tenant_table="teams"))


def resolved(snapshot: Snapshot, scenario: Scenario) -> tuple[Point, ...]:
    return resolve(scenario, snapshot, tenancy_of(snapshot), TODAY)


def checked(snapshot: Snapshot, scenario: Scenario) -> None:
    check_scenario(scenario, snapshot, tenancy_of(snapshot), TODAY)


def rows(points: tuple[Point, ...], oid: int) -> list[float]:
    return [point.growth.rows[oid] for point in points]
