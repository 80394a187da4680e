"""Conditions as EXPLAIN prints them are taken apart."""

from __future__ import annotations

import pytest

from tenfold.explain.conditions import conditions


def test_conditions_that_are_anded_come_one_by_one() -> None:
    found = conditions("((team_id = '10'::bigint) AND ((status)::text = 'it''s AND new'::text))")
    assert [(part.left.column, part.operator) for part in found] == [("team_id", "="), ("status", "=")]
    assert found[1].left.cast == "text"


@pytest.mark.parametrize(
    ("text", "column", "cast", "function", "operator"),
    [
        ("((created_at)::date = '2024-01-01'::date)", "created_at", "date", None, "="),
        ("(lower(email) = 'x'::text)", "email", None, "lower", "="),
        ("(date_trunc('day'::text, created_at) >= $1)", "created_at", None, "date_trunc", ">="),
        ("(team_id = (current_setting('app.team_id'::text))::bigint)", "team_id", None, None, "="),
        ("(custom_fields @> '{\"a\": 1}'::jsonb)", "custom_fields", None, None, "@>"),
        ("(last_name ~~* 'mo%'::text)", "last_name", None, None, "~~*"),
        ("(\"Order\" > (now() - '7 days'::interval))", "Order", None, None, ">"),
        ("(lead_id = l.id)", "lead_id", None, None, "="),
        ("((id)::numeric = 5.5)", "id", "numeric", None, "="),
        ("((settings ->> 'a'::text) = 'b'::text)", None, None, None, "="),
        ("(lower((email)::text) = 'x'::text)", "email", None, "lower", "="),
    ],
)
def test_what_is_compared(
    text: str, column: str | None, cast: str | None, function: str | None, operator: str
) -> None:
    (found,) = conditions(text)
    left = found.left
    assert (left.column, left.cast, left.function, found.operator) == (column, cast, function, operator)


def test_a_list_is_known_as_one() -> None:
    (found,) = conditions("(status = ANY ('{a,b}'::text[]))")
    assert found.any
    assert found.left.column == "status"


@pytest.mark.parametrize(
    "text", ["((a = 1) OR (b = 2))", "(a IS NOT NULL)", "active", "(NOT done)", "(hashed SubPlan 1)"]
)
def test_what_is_no_comparison_is_none(text: str) -> None:
    assert [part.operator for part in conditions(text)] == [None]


def test_no_condition_has_no_parts() -> None:
    assert conditions(None) == ()
