"""The catalogue of rules is whole: file, id, page, case and documentation belong together."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tenfold.model.thresholds import Thresholds
from tenfold.rules.rule import GROUPS, SECTIONS, Rule, all_rules
from tests.db.rules.casefile import case_files

ROOT = Path(__file__).parents[2]
CASES = {file.rule: file for file in case_files()}


@pytest.fixture(params=all_rules(), ids=lambda rule: rule.id)
def rule(request: pytest.FixtureRequest) -> Rule:
    found: Rule = request.param
    return found


def test_the_file_is_named_like_the_rule(rule: Rule) -> None:
    assert (ROOT / "src/tenfold/rules" / rule.group / f"{rule.id.replace('-', '_')}.py").is_file()


def test_the_rule_says_what_why_how_and_when_to_ignore(rule: Rule) -> None:
    assert rule.title.endswith(".")
    assert tuple(rule.sections) == SECTIONS
    assert [heading for heading, text in rule.sections.items() if len(text) < 6] == []


def test_the_rule_has_cases_that_find_and_cases_that_stay_silent(rule: Rule) -> None:
    cases = CASES[rule.id].cases
    assert any(case.finds for case in cases)
    assert any(not case.finds for case in cases)


def test_the_page_is_as_the_code_says(rule: Rule) -> None:
    page = ROOT / "docs/reference/rules" / f"{rule.id}.md"
    assert page.read_text(encoding="utf-8") == rule.page, "make docs"


def test_no_case_file_is_without_a_rule() -> None:
    assert CASES.keys() == {rule.id for rule in all_rules()}


def test_ids_are_unique_over_the_groups() -> None:
    ids = [rule.id for rule in all_rules()]
    assert len(ids) == len(set(ids))
    assert {rule.group for rule in all_rules()} == set(GROUPS)


def test_every_threshold_is_used() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src/tenfold/rules").rglob("*.py"))
    unused = [field.name for field in msgspec.structs.fields(Thresholds) if f".{field.name}" not in source]
    assert unused == []
