"""The audit as JSON, version 1. Its schema is `docs/reference/audit.schema.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenfold.errors import SourceError
from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Snapshot

VERSION = 1


class _Database(msgspec.Struct, frozen=True):
    name: str
    server_version: str


class _Tenancy(msgspec.Struct, frozen=True):
    column: str | None
    tenant_table: str | None
    #: Tables by class: tenant, child, shared.
    tables: dict[str, int]
    #: Tenant tables with an index that leads with the tenant column, and the names of those without.
    indexed: int
    missing: tuple[str, ...]


class _Finding(msgspec.Struct, frozen=True):
    rule: str
    priority: Priority
    object: str
    key: str
    message: str
    fix: tuple[str, ...] | None


class Document(msgspec.Struct, frozen=True):
    version: int
    database: _Database
    tenancy: _Tenancy
    findings: tuple[_Finding, ...]
    #: Findings by priority.
    summary: dict[str, int]


class _Baseline(msgspec.Struct, frozen=True):
    """What a baseline is read for: unknown parts of a report pass."""

    version: int
    findings: tuple[_Key, ...]


class _Key(msgspec.Struct, frozen=True):
    key: str


def render(audit: Audit, snapshot: Snapshot) -> str:
    return msgspec.json.format(msgspec.json.encode(document(audit, snapshot)), indent=2).decode() + "\n"


def document(audit: Audit, snapshot: Snapshot) -> Document:
    tenancy = audit.tenancy
    root = snapshot.relation_by_oid.get(tenancy.tenant_table or 0)
    return Document(
        version=VERSION,
        database=_Database(audit.database, audit.server_version),
        tenancy=_Tenancy(
            column=tenancy.column,
            tenant_table=root.display if root else None,
            tables={name: tenancy.count(name) for name in ("tenant", "child", "shared")},
            indexed=audit.tenant_indexing.indexed,
            missing=audit.tenant_indexing.missing,
        ),
        findings=tuple(_finding(finding) for finding in audit.findings),
        summary={priority.value: audit.count(priority) for priority in Priority},
    )


def read_keys(file: Path) -> frozenset[str]:
    """Keys of the findings of an earlier report: a baseline. Raises SourceError."""
    try:
        report = msgspec.json.decode(file.read_bytes(), type=_Baseline)
    except OSError as error:
        raise SourceError(f"the baseline {file} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{file} is no baseline ({error}); make one with: tenfold audit SOURCE --format json -o FILE"
        ) from error
    if report.version != VERSION:
        raise SourceError(f"{file} is a report of version {report.version}, this Tenfold reads {VERSION}")
    return frozenset(finding.key for finding in report.findings)


def _finding(finding: Finding) -> _Finding:
    return _Finding(finding.rule, finding.priority, finding.object, finding.key, finding.message, finding.fix)
