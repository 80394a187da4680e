"""Long lists are read by their first element, and none of their parameters is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.errors import UnboundTenantError
from tenfold.runtime.guard import Guard
from tenfold.runtime.guard.syntax import shortened


@pytest.mark.parametrize(
    ("text", "short", "others"),
    [
        ("VALUES ($1, $2), ($3, $4), ($5, $6)", "VALUES ($1, $2)", {1: [3, 5], 2: [4, 6]}),
        ("VALUES ($1, $2), ($1, $3), ($1, $4)", "VALUES ($1, $2)", {2: [3, 4]}),
        ("VALUES ($1::int, f($2)),\n($3::int, f($4))", "VALUES ($1::int, f($2))", {1: [3], 2: [4]}),
        ("a IN ($1, $2, $3) AND b", "a IN ($1) AND b", {1: [2, 3]}),
        ("a IN ($1::int, $2::int) OR b IN ($3, $4)", "a IN ($1::int) OR b IN ($3)", {1: [2], 3: [4]}),
        ("VALUES ('x', now()), ('x', now())", "VALUES ('x', now())", {}),
    ],
)
def test_all_but_the_first_are_left_out(text: str, short: str, others: dict[int, list[int]]) -> None:
    assert shortened(text) == (short, others)


@pytest.mark.parametrize(
    "text",
    [
        "VALUES ($1, $2), ($3, DEFAULT)",
        "VALUES ($1, $2), ($3, $3)",
        "VALUES (1, $1), (2, $2)",
        "VALUES ($1), ($2) WHERE $1",
        "a IN ($1, $2) AND b = $1",
        "a IN ($1, b)",
        "a IN ($1)",
        "f($1, $2)",
        "(a, b) IN (($1, $2), ($3, $4))",
        "(a, b) = ($1, $2)",
    ],
)
def test_what_differs_or_is_used_elsewhere_stays(text: str) -> None:
    assert shortened(text) == (text, {})


@pytest.mark.parametrize("place", [0, 1, 250, 499])
def test_every_row_of_an_insert_is_compared(place: int) -> None:
    guard = Guard("team_id", tables=["leads"])
    rows = ", ".join(f"(${2 * n + 1}, ${2 * n + 2})" for n in range(500))
    statement = f"INSERT INTO leads (team_id, id) VALUES {rows}"
    parameters: list[Any] = [value for n in range(500) for value in (7, n)]
    guard.check(SimpleNamespace(tenant=7), statement, parameters)
    parameters[2 * place] = 8
    with pytest.raises(UnboundTenantError):
        guard.check(SimpleNamespace(tenant=7), statement, parameters)


def test_every_element_of_a_list_of_tenants_is_compared() -> None:
    guard = Guard("team_id", tables=["leads"])
    statement = f"SELECT * FROM leads WHERE team_id IN ({', '.join(f'${n}' for n in range(1, 101))})"
    guard.check(SimpleNamespace(tenant=7), statement, [7] * 100)
    with pytest.raises(UnboundTenantError):
        guard.check(SimpleNamespace(tenant=7), statement, [7] * 99 + [8])
