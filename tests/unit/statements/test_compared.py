"""What each parameter of a statement is compared with, as far as its text tells."""

from __future__ import annotations

import pytest

from tenfold.statements.compared import compared


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM leads WHERE team_id = $1", {1: ("equal", "leads", "team_id")}),
        ("SELECT * FROM app.leads l WHERE $1 = l.team_id", {1: ("equal", "app.leads", "team_id")}),
        ('SELECT * FROM "Order" o WHERE o."Id" = $1', {1: ("equal", '"Order"', "Id")}),
        (
            "SELECT * FROM leads WHERE id IN ($1, $2)",
            {1: ("equal", "leads", "id"), 2: ("equal", "leads", "id")},
        ),
        ("SELECT * FROM leads WHERE id = ANY($1)", {1: ("any", "leads", "id")}),
        ("SELECT * FROM leads WHERE score > $1", {1: ("above", "leads", "score")}),
        ("SELECT * FROM leads WHERE $1 > score", {1: ("below", "leads", "score")}),
        (
            "SELECT * FROM leads WHERE at BETWEEN $1 AND $2",
            {1: ("above", "leads", "at"), 2: ("below", "leads", "at")},
        ),
        ("SELECT * FROM leads WHERE at < $1 + interval '7 days'", {1: ("below", "leads", "at")}),
        ("SELECT * FROM leads WHERE name LIKE $1", {1: ("like", "leads", "name")}),
        ("SELECT * FROM leads WHERE name ILIKE $1", {1: ("like", "leads", "name")}),
        (
            "SELECT * FROM leads WHERE (at, id) < ($1, $2)",
            {1: ("below", "leads", "at"), 2: ("below", "leads", "id")},
        ),
        (
            "SELECT * FROM leads LIMIT $1 OFFSET $2",
            {1: ("limit", None, None), 2: ("offset", None, None)},
        ),
        (
            "SELECT * FROM leads l JOIN teams t ON t.id = l.team_id WHERE t.name = $2 AND l.id = $1",
            {1: ("equal", "leads", "id"), 2: ("equal", "teams", "name")},
        ),
        (
            "INSERT INTO leads (team_id, name) VALUES ($1, $2)",
            {1: ("written", "leads", "team_id"), 2: ("written", "leads", "name")},
        ),
        (
            "UPDATE leads SET name = $1 WHERE id = $2",
            {1: ("written", "leads", "name"), 2: ("equal", "leads", "id")},
        ),
        ("SELECT * FROM leads WHERE lower(name) = $1", {1: ("equal", "leads", None)}),
        ("SELECT $1", {1: ("other", None, None)}),
        ("this is no statement (", {}),
    ],
)  # fmt: skip
def test_the_other_side(statement: str, expected: dict[int, tuple[str, str | None, str | None]]) -> None:
    found = {number: (met.meeting, met.table, met.column) for number, met in compared(statement).items()}
    assert found == expected
