"""No value but the statement's own is shown."""

from __future__ import annotations

import pytest

from tenfold.model.query_plan import PlanNode, QueryPlan
from tenfold.statements.values import without_constants, without_values


def shown(condition: str, statement: str, given: tuple[str, ...] = ()) -> str | None:
    plan = QueryPlan(root=PlanNode(type="Limit", children=(PlanNode(type="Seq Scan", filter=condition),)))
    return without_values(plan, statement, given).root.children[0].filter


def test_a_value_from_the_statistics_is_hidden_in_every_form() -> None:
    condition = "((email = 'a@b.c'::text) AND (n > 17) AND (team_id = ANY ('{1,2}'::bigint[])))"
    assert (
        shown(condition, "SELECT FROM t WHERE email = $1 AND n > $2 AND team_id = ANY ($3)")
        == "((email = ?::text) AND (n > ?) AND (team_id = ANY (?::bigint[])))"
    )


def test_a_constant_of_the_statement_stays() -> None:
    condition = "((status = 'new'::text) AND (n > 5) AND (email = 'x'::text))"
    statement = "SELECT FROM t WHERE status = 'new' AND n > 5 AND email = $1"
    assert shown(condition, statement) == "((status = 'new'::text) AND (n > 5) AND (email = ?::text))"


def test_a_given_parameter_stays() -> None:
    assert shown("((id = '7'::bigint) AND (n = 8))", "SELECT FROM t WHERE id = $1", ("7",)) == (
        "((id = '7'::bigint) AND (n = ?))"
    )


def test_names_with_digits_parameters_and_types_are_no_values() -> None:
    condition = '((line2 = $1) AND ("col 3" = (InitPlan 1).col1) AND (p = ?::numeric(10,2)))'
    assert shown(condition, "SELECT 1") == condition


def test_sort_keys_are_cleared_too() -> None:
    node = PlanNode(type="Sort", sort_key=("((a = 'secret'::text))",))
    assert without_values(QueryPlan(root=node), "SELECT 1").root.sort_key == ("((a = ?::text))",)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("(name = 'O''Brien'::text)", "(name = ?::text)"),
        ("(a1 > '-5'::integer) AND (b < -2.5e+3)", "(a1 > ?::integer) AND (b < ?)"),
        ('("year 2024" = $1)', '("year 2024" = $1)'),
        ("(id = ANY ('{1,2}'::bigint[]))", "(id = ANY (?::bigint[]))"),
        ("(x = (InitPlan 1).col1)", "(x = (InitPlan 1).col1)"),
        (r"(note = E'\\it''s 4'::text)", "(note = ?::text)"),
    ],
)
def test_conditions_lose_their_constants_and_keep_their_names(expression: str, told: str) -> None:
    assert without_constants(expression) == told
