from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.columns import Columns

LEADS = Columns(
    "id",
    {"card": ["name", "score"], "list": ["owner"], "full": ["notes", "Config"]},
    {"owner": "u.name"},
)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"level": "card"}, "id name score"),
        ({"level": "list"}, "id name score owner"),
        ({"level": "full"}, "id name score owner notes Config"),
        ({"level": "full", "beyond": "card"}, "id owner notes Config"),
        ({"level": "full", "beyond": "full"}, "id"),
        ({"level": "card", "only": ["score"]}, "id score"),
        ({"level": "card", "only": []}, "id"),
        ({"level": "full", "only": ["Config", "name"]}, "id name Config"),
        ({"level": "full", "only": ["notes"], "also": ["score"]}, "id score notes"),
        ({"level": "full", "beyond": "card", "also": ["score"]}, "id score owner notes Config"),
    ],
)
def test_a_level_holds_the_key_and_the_levels_before_it(arguments: Any, names: str) -> None:
    assert LEADS.names(**arguments) == tuple(names.split())


def test_the_select_list_is_quoted_and_names_its_expressions() -> None:
    assert LEADS.select("full", of="l", only=["owner", "Config"]) == (
        'l."id" AS "id", u.name AS "owner", l."Config" AS "Config"'.replace("l.", '"l".')
    )
    assert LEADS.select("card", only=["name"]) == '"id" AS "id", "name" AS "name"'


@pytest.mark.parametrize(
    "arguments",
    [
        {"level": "ful"},
        {"level": "card", "beyond": "crd"},
        {"level": "card", "only": ["notes"]},
        {"level": "card", "only": ["name, password"]},
        {"level": "full", "only": ['x" FROM users --']},
        {"level": "card", "also": ["notes"]},
    ],
)
def test_what_is_not_declared_for_the_level_is_refused(arguments: Any) -> None:
    with pytest.raises(UsageError):
        LEADS.select(**arguments)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean score"):
        LEADS.names("card", only=["scor"])


@pytest.mark.parametrize(("levels", "expressions"), [({}, None), ({"card": ["name"]}, {"owner": "u.name"})])
def test_a_declaration_that_cannot_be_is_refused(levels: Any, expressions: Any) -> None:
    with pytest.raises(UsageError):
        Columns("id", levels, expressions)


def test_rows_are_completed_by_their_details_whatever_the_order() -> None:
    rows: Any = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
    details: Any = [{"id": 3, "notes": "z"}, {"id": 1, "notes": "x"}]
    assert LEADS.completed(rows, details) == [
        {"id": 1, "name": "a", "notes": "x"},
        {"id": 2, "name": "b"},
        {"id": 3, "name": "c", "notes": "z"},
    ]
