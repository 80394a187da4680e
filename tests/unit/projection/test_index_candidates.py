"""Indexes that a statement could use."""

from __future__ import annotations

from collections.abc import Collection

from tenfold.model.ddl import names
from tenfold.model.snapshot import Snapshot
from tenfold.projection.index_candidates import MOST, candidates
from tenfold.statements.reader import read_shape
from tenfold.statements.text import parse
from tests.unit.projection.catalogs import LEADS, MESSAGES, TEAMS, product, statistics, tenancy_of
from tests.unit.rules.build import index

ROWS = {TEAMS: 10.0, LEADS: 1_000.0, MESSAGES: 50_000.0}


def wanted(text: str, snapshot: Snapshot | None = None, bound: Collection[int] = ()) -> list[str]:
    snapshot = snapshot or product(ROWS)
    tree = parse(text)
    assert tree is not None
    shape = read_shape(tree, snapshot)
    assert shape is not None
    found = candidates(shape, snapshot, tenancy_of(snapshot), bound=frozenset(bound))
    return [f"{each.table.name} ({', '.join(key.sql for key in each.keys)})" for each in found]


def test_the_tenant_leads_and_what_is_equal_follows() -> None:
    assert wanted("SELECT id FROM leads WHERE score = $2 AND team_id = $1") == ["leads (team_id, score)"]


def test_of_what_is_equal_the_column_with_more_values_comes_first() -> None:
    snapshot = product(
        ROWS, statistics=(statistics(LEADS, 7, n_distinct=100.0), statistics(LEADS, 8, n_distinct=2.0))
    )
    found = wanted("SELECT id FROM leads WHERE won = $3 AND score = $2 AND team_id = $1", snapshot)
    assert found == ["leads (team_id, score, won)"]


def test_the_order_of_a_page_follows_what_is_equal() -> None:
    found = wanted("SELECT id FROM leads WHERE team_id = $1 ORDER BY created_at DESC LIMIT 50")
    assert found[0] == "leads (team_id, created_at DESC)"
    assert "leads (team_id)" in found


def test_a_range_is_the_last_key() -> None:
    found = wanted("SELECT id FROM leads WHERE created_at > $2 AND team_id = $1 AND score = $3")
    assert found[0] == "leads (team_id, score, created_at)"


def test_a_policy_puts_the_tenant_in_front() -> None:
    text = "SELECT id FROM leads WHERE score = $1"
    assert wanted(text) == ["leads (score)"]
    assert wanted(text, bound=[LEADS]) == ["leads (team_id, score)"]


def test_the_largest_table_is_tried_first_and_no_more_than_three() -> None:
    found = wanted(
        "SELECT m.id FROM leads l JOIN messages m ON m.lead_id = l.id AND m.team_id = l.team_id "
        "WHERE l.team_id = $1 AND l.score > $2 AND m.created_at > $3 ORDER BY l.score LIMIT 5"
    )
    assert len(found) == MOST
    assert found[0].startswith("messages (team_id, created_at")


def test_what_an_index_begins_with_is_not_wanted_again() -> None:
    snapshot = product(ROWS, indexes=(index(LEADS, 2, 7, 4),))
    assert wanted("SELECT id FROM leads WHERE score = $2 AND team_id = $1", snapshot) == []


def test_an_insert_wants_none() -> None:
    assert wanted("INSERT INTO leads (id, team_id) VALUES ($1, $2)") == []


def test_its_name_is_free() -> None:
    snapshot = product(ROWS, indexes=(index(MESSAGES, 1, name="idx_leads_team_id_score"),))
    tree = parse("SELECT id FROM leads WHERE score = $2 AND team_id = $1")
    assert tree is not None
    shape = read_shape(tree, snapshot)
    assert shape is not None
    (found,) = candidates(shape, snapshot, tenancy_of(snapshot))
    assert found.name == "idx_leads_team_id_score_1"
    assert names(list(found.columns)) == "team_id, score"
