"""The SARIF report has what SARIF 2.1.0 and GitHub's code scanning require."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tenfold.model.finding import Priority
from tenfold.report import render
from tests.unit.report.conftest import HOSTILE, Report
from tests.unit.rules.build import DATABASE, role

LEVELS = {"P0": "error", "P1": "warning", "P2": "note"}


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(render("sarif", *report))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    return run  # type: ignore[no-any-return] # of JSON


@pytest.fixture
def run(sample: Report) -> dict[str, Any]:
    return run_of(sample)


def by_key(run: dict[str, Any], key: str) -> dict[str, Any]:
    (result,) = [r for r in run["results"] if r["partialFingerprints"]["findingKey/v1"] == key]
    return result  # type: ignore[no-any-return] # of JSON


def place(result: dict[str, Any]) -> dict[str, Any]:
    (location,) = result["locations"]
    (logical,) = location["logicalLocations"]
    return logical  # type: ignore[no-any-return] # of JSON


@pytest.mark.parametrize("name", ["sample", "empty", "untenanted"])
def test_required_properties_are_there(name: str, request: pytest.FixtureRequest) -> None:
    run = run_of(request.getfixturevalue(name))
    driver = run["tool"]["driver"]
    assert driver["name"] == "Tenfold"
    assert driver["semanticVersion"].count(".") == 2
    for rule in driver["rules"]:
        assert all(rule[text]["text"] for text in ("shortDescription", "fullDescription", "help"))
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}\n")
        assert rule["defaultConfiguration"]["level"] in LEVELS.values()
    for invocation in run["invocations"]:
        assert invocation["executionSuccessful"] is True
    for result in run["results"]:
        assert result["message"]["text"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == LEVELS[result["properties"]["priority"]]
        physical = result["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "tenfold.toml"
        assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert physical["region"]["startLine"] >= 1


def test_rules_are_listed_once(run: dict[str, Any]) -> None:
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert {result["ruleId"] for result in run["results"]} <= set(ids)


def test_every_finding_is_a_result_with_fingerprints_of_its_own(run: dict[str, Any], sample: Report) -> None:
    audit = sample.audit
    found = [*audit.findings, *(entry.finding for entry in audit.ignored)]
    for fingerprint in ("findingKey/v1", "primaryLocationLineHash"):
        assert len({r["partialFingerprints"][fingerprint] for r in run["results"]}) == len(found)
    assert {r["partialFingerprints"]["findingKey/v1"] for r in run["results"]} == {f.key for f in found}


def test_fingerprints_outlast_a_change_of_message(sample: Report) -> None:
    first = sample.audit.findings[0]
    reworded = msgspec.structs.replace(first, message="said in other words", priority=Priority.P2)
    audit = msgspec.structs.replace(sample.audit, findings=(reworded,))
    before, after = (
        by_key(run_of(Report(given, sample.snapshot)), first.key) for given in (sample.audit, audit)
    )
    assert before["message"] != after["message"]
    assert before["partialFingerprints"] == after["partialFingerprints"]


def test_objects_have_their_full_name_and_kind(run: dict[str, Any]) -> None:
    assert place(by_key(run, "matview-exposed:everything")) == {
        "name": "everything",
        "fullyQualifiedName": "public.everything",
        "kind": "view",
    }
    assert place(by_key(run, "tenant-index-not-leading:logs_2025"))["kind"] == "table"
    names = {place(result)["name"] for result in run["results"]}
    assert set(HOSTILE) <= names


def test_what_is_no_relation_has_a_kind_where_it_is_certain(sample: Report) -> None:
    key = "pgss-missing:outreach:pg_stat_statements"
    here = msgspec.structs.replace(sample.snapshot, database=DATABASE)
    doubtful = msgspec.structs.replace(here, roles=(role(7, "outreach"),))
    kinds = [
        place(by_key(run_of(Report(sample.audit, snapshot)), key)).get("kind")
        for snapshot in (sample.snapshot, here, doubtful)
    ]
    assert kinds == [None, "database", None]


def test_ignored_findings_are_suppressed_with_their_reason(run: dict[str, Any], sample: Report) -> None:
    suppressed = [result for result in run["results"] if result["suppressions"]]
    (entry,) = sample.audit.ignored
    assert [result["partialFingerprints"]["findingKey/v1"] for result in suppressed] == [entry.finding.key]
    assert suppressed[0]["suppressions"] == [{"kind": "external", "justification": entry.reason}]
    assert all(result["suppressions"] == [] for result in run["results"] if result not in suppressed)


def test_fixes_are_shown_and_kept(run: dict[str, Any]) -> None:
    result = by_key(run, "pgss-missing:outreach:pg_stat_statements")
    assert result["properties"]["fix"] == ["CREATE EXTENSION pg_stat_statements;"]
    assert "```sql\nCREATE EXTENSION pg_stat_statements;\n```" in result["message"]["markdown"]
    assert "markdown" not in by_key(run, "matview-exposed:everything")["message"]


def test_undecided_rules_are_notifications(run: dict[str, Any]) -> None:
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "pg_read_all_stats" in notification["message"]["text"]
    rule = notification["associatedRule"]
    assert run["tool"]["driver"]["rules"][rule["index"]]["id"] == rule["id"] == "table-scan-ratio"


def test_databases_are_kept_apart(run: dict[str, Any], empty: Report) -> None:
    assert run_of(empty)["automationDetails"]["id"] == "tenfold/outreach/"
    assert run["automationDetails"]["id"] != "tenfold/outreach/"
