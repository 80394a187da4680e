"""The outcome of an audit: findings, what was silenced or could not be decided, metrics and checklists."""

from __future__ import annotations

from typing import Literal

import msgspec

from tenfold.model.finding import Finding, Ignored, Priority, RuleFailure
from tenfold.model.tenancy import Tenancy


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value beside its target and its alert threshold."""

    name: str
    #: Ready to show: `99.4 %`, `42 ms`; None where it could not be measured.
    value: str | None
    target: str
    alert: str
    verdict: Literal["met", "missed", "alert", "not measured"]
    #: What it was measured from, or why it was not.
    source: str


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One box of the production checklists."""

    checklist: Literal["before production", "ongoing"]
    text: str
    #: None where a database cannot tell, such as whether a backup was verified.
    ticked: bool | None
    #: What was measured.
    evidence: str


class TenantIndexing(msgspec.Struct, frozen=True):
    """Of the tenant tables: how many have an index that leads with the tenant column, and which do not."""

    indexed: int
    missing: tuple[str, ...]


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    server_version: str
    taken: str
    tenancy: Tenancy
    tenant_indexing: TenantIndexing
    #: By priority, then rule, then object.
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    undecided: tuple[RuleFailure, ...] = ()
    metrics: tuple[Metric, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()

    def count(self, priority: Priority) -> int:
        return sum(finding.priority is priority for finding in self.findings)
