"""The JSON report is what its published schema says, and serves as a baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tenfold.errors import SourceError
from tenfold.report import render
from tenfold.report.json import read_keys, schema
from tests.unit.report.conftest import Report

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PUBLISHED = REFERENCE / "audit.schema.json"


def validator() -> jsonschema.Draft202012Validator:
    published = json.loads(PUBLISHED.read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def properties(of: dict[str, Any], published: dict[str, Any]) -> set[str]:
    """Dotted names of all properties that a schema allows."""
    if "$ref" in of:
        of = published["$defs"][of["$ref"].rpartition("/")[2]]
    if "items" in of:
        of = of["items"]
        return properties(of, published)
    found = set()
    for name, inner in of.get("properties", {}).items():
        found |= {name} | {f"{name}.{below}" for below in properties(inner, published)}
    return found


def test_the_published_schema_is_the_one_of_the_structs() -> None:
    assert PUBLISHED.read_text() == schema(), "run: make docs"


@pytest.mark.parametrize("name", ["sample", "empty", "untenanted", "crowd"])
def test_reports_are_valid(name: str, request: pytest.FixtureRequest) -> None:
    validator().validate(json.loads(render("json", *request.getfixturevalue(name))))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.pop("summary"),
        lambda report: report.update(version=2),
        lambda report: report["summary"].update(P0=-1),
        lambda report: report["findings"][0].update(priority="P3"),
        lambda report: report["findings"][0].pop("fix"),
        lambda report: report["tenancy"]["tables"].pop("child"),
    ],
)
def test_the_schema_refuses_what_is_no_report(spoil: Any, sample: Report) -> None:
    report = json.loads(render("json", *sample))
    spoil(report)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(report)


def test_version_1_has_these_properties() -> None:
    """Readers rely on them: a property may be added, and none removed or renamed."""
    published = json.loads(PUBLISHED.read_text())
    assert properties(published, published) == set(
        """
        version database database.name database.server_version
        tenancy tenancy.column tenancy.tenant_table tenancy.tables tenancy.tables.tenant tenancy.tables.child
        tenancy.tables.shared tenancy.indexed tenancy.missing
        findings findings.rule findings.priority findings.object findings.key findings.message findings.fix
        summary summary.P0 summary.P1 summary.P2
        """.split()
    )


def test_each_property_is_explained() -> None:
    page = (REFERENCE / "audit-json.md").read_text()
    published = json.loads(PUBLISHED.read_text())
    for name in properties(published, published):
        assert f"`{name}`" in page, name


def test_the_report_says_what_the_audit_says(sample: Report) -> None:
    report = json.loads(render("json", *sample))
    assert report["database"] == {"name": 'out"reach </title>', "server_version": "18.6"}
    assert report["tenancy"]["column"] == "team_id"
    assert report["tenancy"]["tenant_table"] == "teams"
    assert report["tenancy"]["tables"] == {"tenant": 12, "child": 1, "shared": 1}
    assert report["summary"] == {"P0": 5, "P1": 6, "P2": 4}
    assert [entry["key"] for entry in report["findings"]] == [f.key for f in sample.audit.findings]
    pgss = next(entry for entry in report["findings"] if entry["rule"] == "pgss-missing")
    assert pgss["fix"] == ["CREATE EXTENSION pg_stat_statements;"]
    view = next(entry for entry in report["findings"] if entry["rule"] == "matview-exposed")
    assert view["fix"] is None


def test_a_report_is_a_baseline(sample: Report, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(render("json", *sample))
    assert read_keys(file) == {finding.key for finding in sample.audit.findings}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no baseline"),
        ('{"version": 1}', "is no baseline"),
        ('{"version": 2, "findings": []}', "of version 2"),
    ],
)
def test_what_is_no_baseline_is_refused(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(content)
    with pytest.raises(SourceError, match=said):
        read_keys(file)


def test_a_missing_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_keys(tmp_path / "none.json")
