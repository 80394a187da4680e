"""The audit as JSON, version 1. Its schema is `docs/reference/audit.schema.json`, made by `schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tenfold.errors import SourceError
from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Snapshot

VERSION: Literal[1] = 1
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Count = Annotated[int, Meta(ge=0)]


class Database(msgspec.Struct, frozen=True):
    """The database that was judged."""

    name: str
    server_version: Annotated[
        str, Meta(description="As the server says it, such as 18.6.", examples=["18.6"])
    ]


class TableCounts(msgspec.Struct, frozen=True):
    """Tables by their part in the tenancy, partitions not counted. The tenant table itself is in none."""

    tenant: Annotated[Count, Meta(description="Tables with the tenant column.")]
    child: Annotated[Count, Meta(description="Tables that reach a tenant through foreign keys only.")]
    shared: Annotated[Count, Meta(description="Tables that belong to no tenant.")]


class TenancySummary(msgspec.Struct, frozen=True):
    """How tenants share the database."""

    column: Annotated[str | None, Meta(description="The tenant column; null where none was found.")]
    tenant_table: Annotated[str | None, Meta(description="The table with one row a tenant; null if none.")]
    tables: TableCounts
    indexed: Annotated[Count, Meta(description="Tenant tables with an index that serves the tenant column.")]
    missing: Annotated[tuple[str, ...], Meta(description="The tenant tables without one.")]


class ReportedFinding(msgspec.Struct, frozen=True):
    """One rule's verdict about one object."""

    rule: Annotated[str, Meta(description="The rule's id; `tenfold rules ID` explains it.")]
    priority: Annotated[Priority, Meta(description="P0 now, P1 before production, P2 for optimisation.")]
    object: Annotated[str, Meta(description="What it is about, quoted as in SQL; schema public is left out.")]
    key: Annotated[
        str, Meta(description="Stable over runs: rule:object or rule:object:detail. Baselines match by it.")
    ]
    message: str
    fix: Annotated[
        tuple[str, ...] | None,
        Meta(description="SQL statements that put it right, in order; null where there are none."),
    ]


class FindingCounts(msgspec.Struct, frozen=True):
    """Findings by priority."""

    P0: Count
    P1: Count
    P2: Count


class Document(msgspec.Struct, frozen=True):
    """What `tenfold audit --format json` writes. Later releases may add properties, and remove none."""

    version: Literal[1]
    database: Database
    tenancy: TenancySummary
    findings: Annotated[tuple[ReportedFinding, ...], Meta(description="By priority, rule and object.")]
    summary: FindingCounts


class _Baseline(msgspec.Struct, frozen=True):
    """What a baseline is read for: unknown parts of a report pass."""

    version: int
    findings: tuple[_Key, ...]


class _Key(msgspec.Struct, frozen=True):
    key: str


def render(audit: Audit, snapshot: Snapshot) -> str:
    return indented(document(audit, snapshot))


def schema() -> str:
    """The JSON Schema of `Document`, as a JSON text."""
    (reference,), components = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    definitions: dict[str, Any] = dict(components)
    root = definitions.pop("Document")
    assert reference == {"$ref": "#/$defs/Document"}
    return indented({"$schema": DIALECT, **root, "title": "Tenfold audit", "$defs": definitions})


def document(audit: Audit, snapshot: Snapshot) -> Document:
    tenancy = audit.tenancy
    root = snapshot.relation_by_oid.get(tenancy.tenant_table or 0)
    return Document(
        version=VERSION,
        database=Database(audit.database, audit.server_version),
        tenancy=TenancySummary(
            column=tenancy.column,
            tenant_table=root.display if root else None,
            tables=TableCounts(*(tenancy.count(name) for name in ("tenant", "child", "shared"))),
            indexed=audit.tenant_indexing.indexed,
            missing=audit.tenant_indexing.missing,
        ),
        findings=tuple(_reported(finding) for finding in audit.findings),
        summary=FindingCounts(*(audit.count(priority) for priority in Priority)),
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


def _reported(finding: Finding) -> ReportedFinding:
    return ReportedFinding(
        finding.rule, finding.priority, finding.object, finding.key, finding.message, finding.fix
    )


def indented(value: object) -> str:
    """JSON for files: two spaces a level, and a line end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
