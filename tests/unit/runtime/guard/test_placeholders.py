"""Parameters by name and by `%s` become `$n`, as their driver means them."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.runtime.guard.placeholders import numbered


@pytest.mark.parametrize(
    ("statement", "given", "text", "parameters"),
    [
        ("a = %(x)s", {"x": 1}, "a = $1", [1]),
        ("a = %(y)s AND b = %(x)s AND c = %(y)s", {"x": 1, "y": 2}, "a = $1 AND b = $2 AND c = $1", [2, 1]),
        ("a = %(x)s::int AND b %% 2 = 0", {"x": 1}, "a = $1::int AND b % 2 = 0", [1]),
        ("a LIKE '%%x' AND b = %(odd name)s", {"odd name": 1}, "a LIKE '%x' AND b = $1", [1]),
        ("a = %s AND b = %s", (1, 2), "a = $1 AND b = $2", (1, 2)),
        ("a = $1", (1,), "a = $1", (1,)),
        ("a %% 2", (), "a %% 2", ()),
        ("a LIKE '%s'", None, "a LIKE '%s'", ()),
    ],
)
def test_places_are_numbered(statement: str, given: Any, text: str, parameters: Any) -> None:
    assert numbered(statement, given) == (text, parameters)
