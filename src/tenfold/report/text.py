"""The audit for a terminal: who the tenants are, what was found, what to do next. Fits 100 columns."""

from __future__ import annotations

import io
import os
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Snapshot

WIDTH = 100

#: How many findings of one rule are named before the rest is counted.
SHOWN = 5

COLOURS = {Priority.P0: "bold red", Priority.P1: "yellow", Priority.P2: "cyan"}
MEANINGS = {
    Priority.P0: "now: leaks and hot tables",
    Priority.P1: "before production",
    Priority.P2: "for optimisation",
}


def render(audit: Audit, snapshot: Snapshot) -> str:
    """Coloured where standard output is a terminal, and NO_COLOR is not set."""
    coloured = os.isatty(1) and "NO_COLOR" not in os.environ
    console = Console(
        file=io.StringIO(), width=WIDTH, force_terminal=coloured, no_color=not coloured, highlight=False
    )
    console.print(page(audit, snapshot))
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def page(audit: Audit, snapshot: Snapshot) -> RenderableType:
    parts: list[RenderableType] = [_head(audit, snapshot)]
    for priority in Priority:
        found = [finding for finding in audit.findings if finding.priority is priority]
        if found:
            parts.append(_priority(priority, found))
    parts.append(_foot(audit))
    return Group(*parts)


def _head(audit: Audit, snapshot: Snapshot) -> RenderableType:
    tenancy = audit.tenancy
    lines = [Text.assemble((audit.database, "bold"), f" on PostgreSQL {audit.server_version}")]
    if tenancy.column is None:
        lines.append(
            Text('tenancy: no tenant column found; name it in tenfold.toml: [tenancy] columns = ["..."]')
        )
    else:
        root = snapshot.relation_by_oid.get(tenancy.tenant_table or 0)
        lines.append(
            Text(
                f"tenancy: {tenancy.column}"
                + (f", a key of {root.display}" if root else ", without a tenant table")
                + f" ({'; '.join(tenancy.evidence)})"
            )
        )
        served = audit.tenant_indexing.indexed
        lines.append(
            Text(
                f"tables: {tenancy.count('tenant')} tenant, {tenancy.count('child')} child, "
                f"{tenancy.count('shared')} shared; {served} of {tenancy.count('tenant')} tenant tables "
                "have an index that leads with the tenant"
            )
        )
    return Group(*lines)


def _priority(priority: Priority, found: list[Finding]) -> RenderableType:
    heading = Text.assemble(
        ("\n" + priority.value, COLOURS[priority]), f" {MEANINGS[priority]}: {len(found)} findings"
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(width=30, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for rule, group in groupby(found, key=lambda finding: finding.rule):
        findings = list(group)
        for position, finding in enumerate(findings[:SHOWN]):
            table.add_row(Text(rule if position == 0 else "", style="bold"), Text(finding.message))
        if len(findings) > SHOWN:
            more = ", ".join(dict.fromkeys(finding.object for finding in findings[SHOWN:]))
            table.add_row("", Text(f"and {len(findings) - SHOWN} more: {more}", style="dim"))
    return Group(heading, Padding(table, (0, 0, 0, 2)))


def _foot(audit: Audit) -> RenderableType:
    counts = ", ".join(f"{audit.count(priority)} {priority}" for priority in Priority)
    lines = [Text(f"\n{len(audit.findings)} findings: {counts}", style="bold")]
    if audit.ignored:
        lines.append(Text(f"{len(audit.ignored)} more are ignored or in the baseline"))
    lines.extend(
        Text(f"{failure.rule} could not be decided: {failure.why}", style="dim")
        for failure in audit.undecided
    )
    if audit.findings:
        lines.append(
            Text("explain one: tenfold rules ID    put them right: tenfold plan SOURCE", style="dim")
        )
    return Group(*lines)
