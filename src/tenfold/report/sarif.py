"""The audit as SARIF 2.1.0, for code scanning and other collectors of findings.

A finding is about an object of a database, which is no file: it has a logical location with the object's full
name. GitHub refuses results without a file, so each also names `tenfold.toml` at the repository's root, the
file in which a finding is tuned or ignored. It need not exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tenfold import __version__
from tenfold.catalog.config_file import FILE_NAME
from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority, RuleFailure
from tenfold.model.snapshot import Snapshot
from tenfold.report.json import indented
from tenfold.report.markdown import fence, prose
from tenfold.report.outline import KINDS, legible, named_rules, script_of, stated
from tenfold.rules.rule import Rule

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Priority.P0: "error", Priority.P1: "warning", Priority.P2: "note"}

_ROOT = "%SRCROOT%"


def render(audit: Audit, snapshot: Snapshot) -> str:
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [_run(audit, snapshot)]}
    return indented(log)


def _run(audit: Audit, snapshot: Snapshot) -> dict[str, Any]:
    rules = named_rules(audit)
    places = {rule.id: place for place, rule in enumerate(rules)}
    results = [_result(finding, snapshot, places) for finding in audit.findings]
    results += [_result(entry.finding, snapshot, places, entry.reason) for entry in audit.ignored]
    return {
        "tool": {
            "driver": {
                "name": "Tenfold",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        # Keeps the alerts of several databases apart that one repository uploads.
        "automationDetails": {"id": f"tenfold/{legible(audit.database)}/"},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(entry, places) for entry in audit.undecided],
            }
        ],
        "results": results,
        "properties": {
            "database": audit.database,
            "serverVersion": audit.server_version,
            "taken": audit.taken,
        },
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title},
        "help": {"text": rule.page, "markdown": rule.page},
        # A result's own level, which follows its priority, takes the place of this one.
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["postgresql", rule.group]},
    }


def _result(
    finding: Finding, snapshot: Snapshot, places: Mapping[str, int], ignored: str | None = None
) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": LEVELS[finding.priority],
        "message": _message(finding),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": FILE_NAME, "uriBaseId": _ROOT},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [_logical_location(finding, snapshot)],
            }
        ],
        "partialFingerprints": {
            "findingKey/v1": finding.key,
            # The one that GitHub matches by. Made from the line of the file, it would be the same for all.
            "primaryLocationLineHash": hashlib.sha256(finding.key.encode()).hexdigest()[:32],
        },
        # Where one result has the property, all must have it: an empty list says "not suppressed".
        "suppressions": [] if ignored is None else [{"kind": "external", "justification": ignored}],
        "properties": {"priority": finding.priority, "fix": list(finding.fix or ())},
    }


def _message(finding: Finding) -> dict[str, str]:
    text = "".join(stated(finding))
    if finding.fix is None:
        return {"text": text}
    return {"text": text, "markdown": f"{prose(text)}\n\n{fence(script_of(finding.fix))}"}


def _logical_location(finding: Finding, snapshot: Snapshot) -> dict[str, str]:
    relation = snapshot.relation_by_oid.get(finding.relation or 0)
    if relation is not None:
        return {
            "name": relation.name,
            "fullyQualifiedName": relation.qualified,
            "kind": KINDS[relation.kind],
        }
    location = {"name": finding.object, "fullyQualifiedName": finding.object}
    kind = _kind(finding.object, snapshot)
    return location if kind is None else location | {"kind": kind}


def _kind(name: str, snapshot: Snapshot) -> str | None:
    """What has this name, that is no relation; None where nothing has it, or more than one thing."""
    kinds = [
        kind
        for kind, known in (
            ("role", name in snapshot.role_by_name),
            ("setting", name in snapshot.setting_by_name),
            ("database", name == snapshot.database.name),
        )
        if known
    ]
    return kinds[0] if len(kinds) == 1 else None


def _notification(failure: RuleFailure, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": f"{failure.rule} could not be decided: {legible(failure.why)}"},
        "associatedRule": {"id": failure.rule, "index": places[failure.rule]},
    }
