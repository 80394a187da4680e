"""What a forecast says of what it rests on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tenfold.model.forecast import QueryForecast
from tenfold.model.scenario import Scenario
from tenfold.model.snapshot import Hidden, Snapshot
from tenfold.projection.course import Course, FactorCourse, ScenarioCourse
from tenfold.projection.forecast_notes import named, notes_on
from tests.unit.projection.catalogs import LEADS, MESSAGES, NAMES, TEAMS, product, tenancy_of
from tests.unit.rules.build import table

ROWS = dict.fromkeys(NAMES, 50.0)


def query(**fields: Any) -> QueryForecast:
    return QueryForecast(name="q", text="SELECT 1", kind="read", budget_ms=100.0, **fields)


def notes(
    snapshot: Snapshot, *queries: QueryForecast, course: Course | None = None, role: str | None = None
) -> str:
    tenancy = tenancy_of(snapshot)
    found = notes_on(snapshot, tenancy, course or FactorCourse(snapshot, tenancy), queries, role, None, ())
    return "\n".join(found)


def with_relations(snapshot: Snapshot, **changes: Any) -> Snapshot:
    relations = (
        msgspec.structs.replace(relation, **changes) if relation.oid in (LEADS, MESSAGES) else relation
        for relation in snapshot.relations
    )
    return msgspec.structs.replace(snapshot, relations=tuple(relations))


def test_where_all_is_known_there_is_nothing_to_say() -> None:
    assert notes(product(ROWS), query(basis="calibration")) == ""


def test_tables_that_were_never_analysed_are_named() -> None:
    assert "never analysed: leads, messages;" in notes(
        with_relations(product(ROWS), rows=-1.0, size_bytes=8192)
    )
    assert "never analysed" not in notes(with_relations(product(ROWS), rows=-1.0, size_bytes=0))


def test_tables_whose_statistics_are_hidden_are_named() -> None:
    hidden = (Hidden("statistics", "row-level security binds it", relation=LEADS),)
    said = notes(product(ROWS, hidden=hidden))
    assert "statistics hidden from auditor: leads (row-level security binds it)" in said


def test_a_redacted_snapshot_is_said_to_be() -> None:
    assert "redacted" in notes(product(ROWS, redacted=True))


def test_empty_tables_are_a_matter_for_factors_and_none_for_scenarios() -> None:
    snapshot = product({TEAMS: 10.0, LEADS: 5.0})
    assert "5 of 7 tables are empty, and no factor fills them" in notes(snapshot)
    dated = ScenarioCourse(snapshot, tenancy_of(snapshot), Scenario(at=(6,)))
    assert "empty" not in notes(snapshot, course=dated)


@pytest.mark.parametrize(
    ("basis", "said"), [("mean time", "today's mean times"), (None, "no budget can be passed")]
)
def test_what_times_rest_on_is_said(basis: Any, said: str) -> None:
    assert said in notes(product(ROWS), query(basis=basis))
    assert "tenfold calibrate" in notes(product(ROWS), query(basis=basis))


def test_a_superuser_is_told_that_no_policy_binds_it() -> None:
    snapshot = product(ROWS)
    bound = msgspec.structs.replace(
        snapshot, relations=(*snapshot.relations, table(200, "secrets", rows=9.0, rls_enabled=True))
    )
    assert "asked as a superuser" in notes(bound)
    assert notes(bound, role="app") == ""


def test_long_lists_are_cut() -> None:
    assert named([f"t{n}" for n in range(10)]) == "t0, t1, t2, t3, t4, t5, t6, t7 and 2 more"
