"""What the reports for people share: order, sentences, and names that can be shown."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.model.finding import Finding, Priority
from tenfold.report.outline import (
    indexing_sentence,
    legible,
    named_rules,
    outline,
    script_of,
    stated,
    taken,
    tenancy_sentence,
)
from tests.unit.report.conftest import Report


@given(st.text())
def test_legible_text_has_no_character_that_acts_on_what_shows_it(text: str) -> None:
    shown = legible(text)
    assert all(unicodedata.category(character)[0] != "C" for character in shown.replace("\u200d", ""))
    assert "\u2028" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("line\n  break", "line break"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202etxet", "\\u202etxet"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_names_are_shown_on_one_line_with_controls_spelled_out(text: str, shown: str) -> None:
    assert legible(text) == shown


@pytest.mark.parametrize(
    ("object_", "detail", "message", "said"),
    [
        ("leads", None, "leads has no index", ("leads", " has no index")),
        ("leads", "team_id", "leads.team_id may be null", ("leads.team_id", " may be null")),
        ("leads", None, "leads_archive shadows it", ("leads", ": leads_archive shadows it")),
        ("leads", "fk", "fk refers to teams", ("leads", ": fk refers to teams")),
    ],
)
def test_the_object_leads_the_sentence(
    object_: str, detail: str | None, message: str, said: tuple[str, str]
) -> None:
    found = Finding(rule="r", priority=Priority.P2, object=object_, detail=detail, message=message)
    assert stated(found) == said


def test_groups_follow_the_findings_order(sample: Report) -> None:
    grouped = outline(sample.audit)
    assert [group.priority for group in grouped] == list(Priority)
    flat = [finding for group in grouped for rule in group.rules for finding in rule.findings]
    assert flat == list(sample.audit.findings)
    assert sum(group.count for group in grouped) == len(sample.audit.findings)


def test_rules_of_ignored_and_undecided_findings_are_named_too(sample: Report) -> None:
    named = {rule.id for rule in named_rules(sample.audit)}
    assert {"tenant-column-nullable", "table-scan-ratio", "matview-exposed"} <= named


def test_the_tenancy_is_told_in_a_sentence(sample: Report, untenanted: Report) -> None:
    assert tenancy_sentence(*sample) == "Tenants are told apart by team_id, which refers to teams."
    assert "1 child and 1 shared tables; 1 of 12 tenant tables" in indexing_sentence(sample.audit)
    assert 'columns = ["..."]' in tenancy_sentence(*untenanted)


def test_the_time_is_utc(sample: Report) -> None:
    audit = msgspec.structs.replace(sample.audit, taken="2025-03-10 01:30:00.5+02:00")
    assert taken(audit) == "2025-03-09 23:30 UTC"


def test_a_script_ends_each_statement_once() -> None:
    assert script_of(("SELECT 1", "SELECT 2;\n")) == "SELECT 1;\nSELECT 2;"
