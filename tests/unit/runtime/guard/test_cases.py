"""Each statement of cases.yml is judged as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenfold.errors import UnboundTenantError
from tenfold.runtime.guard import Guard, TenantTable

CASES: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases.yml").read_text(encoding="utf-8")
)
TABLES = (
    TenantTable("public", "leads", position=2, keys=frozenset({"unique_in_team"})),
    TenantTable("public", "logs", has_default=True),
    "messages",
    "public.messages",
    "members",
    "Notes",
    "crm.deals",
)
PARAMETERS = (7, 70, 700, [7, 7], [1, 2])


@pytest.fixture
def guard() -> Guard:
    return Guard("team_id", tables=TABLES)


@pytest.mark.parametrize("statement", CASES["pass"].values(), ids=CASES["pass"].keys())
def test_a_statement_that_is_held_passes(guard: Guard, statement: str) -> None:
    guard.check_for(7, statement, PARAMETERS)
    assert guard.statistics().unread == 0, guard.statistics().found


@pytest.mark.parametrize("case", CASES["refuse"].values(), ids=CASES["refuse"].keys())
def test_a_statement_that_is_not_held_is_refused_with_its_tables(guard: Guard, case: dict[str, str]) -> None:
    ((tables, statement),) = case.items()
    with pytest.raises(UnboundTenantError) as caught:
        guard.check_for(7, statement, PARAMETERS)
    faults = caught.value.message.partition("; in: ")[0].split("; ")
    verbs = re.compile(r" (?:is not held|gets rows|may update|has team_id set|is taken)\b.*")
    named = {verbs.sub("", fault).removeprefix("public.") for fault in faults}
    assert named == set(tables.split(", "))


def test_the_word_default_is_no_text(guard: Guard) -> None:
    guard.check_for(7, "INSERT INTO logs (team_id, body) VALUES (DEFAULT, $1)", ("x",))
    with pytest.raises(UnboundTenantError, match="team_id of logs"):
        guard.check_for(7, "INSERT INTO logs (team_id, body) VALUES ('DEFAULT', $1)", ("x",))
