"""A scenario made from a database: today's rows at month 0, the rates that were seen, marked assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.model.config import TenancyConfig
from tenfold.model.scenario import Draft, Scenario, TableGrowth
from tenfold.model.snapshot import Snapshot
from tenfold.projection.scenario import resolve
from tenfold.projection.scenario_file import load_scenario, scenario_text
from tenfold.projection.scenario_init import draft_scenario
from tenfold.tenancy.detect import find_tenancy
from tests.unit.projection.catalogs import (
    LABELS,
    LEADS,
    LOG,
    MESSAGES,
    NAMES,
    PLANS,
    QUEUE,
    TEAMS,
    product,
    resolved,
    statistics,
    tenancy_of,
    with_relation,
)
from tests.unit.projection.test_arrivals import CREATED, EVENLY, days
from tests.unit.rules.build import activity, table

FILLED = {TEAMS: 40.0, LEADS: 18_001.0, MESSAGES: 39_600.0, LABELS: 160.0, PLANS: 3.0, LOG: 0.0, QUEUE: 0.0}


def draft(snapshot: Snapshot) -> Draft:
    return draft_scenario(snapshot, tenancy_of(snapshot))


def tables(rows: dict[int, float], **more: Any) -> dict[str, TableGrowth]:
    return draft(product(rows, **more)).scenario.tables


@given(st.fixed_dictionaries({oid: st.just(0.0) | st.integers(1, 10**9).map(float) for oid in NAMES}))
def test_month_zero_is_today(rows: dict[int, float]) -> None:
    rows[TEAMS] = max(rows[TEAMS], 1.0)
    snapshot = product(rows)
    assert resolved(snapshot, draft(snapshot).scenario)[0].growth.rows == rows


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = draft(product(FILLED))
    (tmp_path / "scenario.toml").write_text(scenario_text(made), encoding="utf-8")
    assert load_scenario(tmp_path / "scenario.toml") == made.scenario


def test_tables_are_counted_for_what_they_belong_to() -> None:
    found = tables(FILLED)
    assert (found["leads"].per, found["leads"].rows) == ("tenant", 450.02)
    assert (found["messages"].per, found["messages"].rows) == ("leads", 2.1999)
    assert (found["labels"].per, found["labels"].rows) == ("tenant", 4)
    assert "plans" not in found  # a lookup


def test_a_table_that_grows_faster_than_its_parent_has_arrivals_of_its_own() -> None:
    known = (statistics(LEADS, CREATED, histogram=EVENLY), statistics(MESSAGES, CREATED, histogram=EVENLY))
    found = tables(FILLED, statistics=known)
    # 5 % more teams a month, and 37.5 % more leads; the messages keep up with the leads.
    assert found["leads"].monthly == pytest.approx(18_001 * 0.375 / 40, rel=0.01)
    assert found["messages"].monthly is None


def test_the_pace_of_the_tenants_is_that_of_their_table() -> None:
    known = (statistics(TEAMS, CREATED, histogram=EVENLY),)
    tenants = draft(product(FILLED, statistics=known)).scenario.tenants
    assert (tenants.count, tenants.growth, tenants.zipf, tenants.assumed) == (40, 15, None, None)


def test_rows_that_leave_are_told_by_their_rate_and_stay() -> None:
    snapshot = product(
        FILLED | {QUEUE: 777.0},
        statistics=(statistics(QUEUE, CREATED, histogram=days(*range(16, -1, -2))),),
        table_activity=(activity(QUEUE, inserted=5_000, deleted=4_300),),
    )
    scenario = draft(snapshot).scenario
    queue = scenario.tables["send_queue"]
    assert (queue.per, queue.rows, queue.retention_days) == ("leads", None, 16)
    point = resolved(snapshot, scenario)[0]
    assert point.growth.rows[QUEUE] == 777
    assert point.growth.retained == {QUEUE}


def test_shared_tables_are_named_where_they_grow() -> None:
    known = (statistics(PLANS, CREATED, histogram=EVENLY),)
    found = tables(FILLED | {PLANS: 800.0}, statistics=known)
    assert found["plans"] == TableGrowth(rows=800, monthly=300)


def test_what_nothing_shows_is_assumed_and_marked() -> None:
    made = draft(product({TEAMS: 2.0, LABELS: 8.0}))
    found = made.scenario.tables
    assert made.scenario.tenants.growth == 5
    assert "how many join" in (made.scenario.tenants.assumed or "")
    assert (found["leads"].per, found["leads"].rows, found["leads"].monthly) == ("tenant", None, 500)
    assert (found["messages"].per, found["messages"].monthly) == ("leads", 1)
    assert (found["send_queue"].per, found["send_queue"].retention_days) == ("leads", 30)
    assert (found["audit_log"].per, found["audit_log"].monthly) == ("tenant", 1_000)
    assert found["leads"].columns["status"].values == dict.fromkeys(("new", "won", "lost"), 0.3333)
    assert all(found[name].assumed for name in ("leads", "messages", "send_queue", "audit_log"))
    assert found["labels"].assumed is None
    text = scenario_text(made)
    assert "growth = 5  # assumed" in text
    assert "monthly = 500  # assumed" in text
    assert "retention_days = 30  # assumed from its name" in text


def test_an_assumed_scenario_grows_every_table_of_the_tenants() -> None:
    snapshot = product({TEAMS: 2.0, LABELS: 8.0, PLANS: 3.0})
    points = resolved(snapshot, draft(snapshot).scenario)
    for oid in NAMES:
        grows = points[-1].growth.rows[oid] > points[0].growth.rows[oid]
        assert grows is (oid != PLANS), NAMES[oid]


def test_a_table_that_was_never_analyzed_is_not_called_empty() -> None:
    snapshot = product({TEAMS: 2.0})
    unknown = tuple(
        msgspec.structs.replace(each, rows=-1.0, size_bytes=8192) if each.oid == LEADS else each
        for each in snapshot.relations
    )
    snapshot = msgspec.structs.replace(snapshot, relations=unknown)
    made = draft(snapshot)
    assert "never analyzed" in (made.scenario.tables["leads"].assumed or "")
    assert "ANALYZE" in made.remarks[()]
    texts = [each.text for each in resolved(snapshot, Scenario())[0].assumptions]
    assert "leads: never analyzed and not named, so it counts as empty and stays so" in texts


def test_names_that_two_schemas_have_are_told_apart() -> None:
    snapshot = with_relation(product(FILLED), table(300, "labels", schema="app"))
    found = draft(snapshot).scenario.tables
    assert "public.labels" in found
    assert "labels" not in found


def test_without_tenants_tables_are_told_as_a_whole() -> None:
    snapshot = product(FILLED)
    snapshot = msgspec.structs.replace(
        snapshot, columns=tuple(each for each in snapshot.columns if each.name != "team_id"), constraints=()
    )
    tenancy = find_tenancy(snapshot, TenancyConfig())
    made = draft_scenario(snapshot, tenancy)
    assert made.scenario.tables["leads"] == TableGrowth(
        rows=18_001, growth="5%", assumed="nothing shows how it grows"
    )
    point = resolve(made.scenario, snapshot, tenancy, made.scenario.start or pytest.fail("no start"))[0]
    assert point.growth.rows == FILLED
