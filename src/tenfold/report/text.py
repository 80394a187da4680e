"""The audit for a terminal: who the tenants are, what was found, what to do next. Fits 100 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.audit import Audit, Metric
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Snapshot
from tenfold.model.wording import counted
from tenfold.report.outline import (
    MEANINGS,
    PriorityGroup,
    RuleGroup,
    evidence_sentence,
    indexing_sentence,
    legible,
    outline,
    stated,
    taken,
    tenancy_sentence,
)
from tenfold.report.terminal import COLOURS, to_text

#: How many findings of one rule are named before the rest is counted, and how many objects of that rest.
SHOWN = 5
NAMED = 20

VERDICTS = {"met": "green", "missed": "yellow", "alert": "bold red", "not measured": "dim"}


def render(audit: Audit, snapshot: Snapshot, *, coloured: bool = False) -> str:
    """The page as lines; `coloured` adds terminal escape sequences."""
    return to_text(page(audit, snapshot), coloured=coloured)


def page(audit: Audit, snapshot: Snapshot) -> RenderableType:
    parts: list[RenderableType] = [_head(audit, snapshot)]
    parts.extend(_priority(group) for group in outline(audit))
    if any(metric.value is not None for metric in audit.metrics):
        parts.append(_metrics(audit.metrics))
    parts.append(_foot(audit))
    return Group(*parts)


def _head(audit: Audit, snapshot: Snapshot) -> RenderableType:
    lines = [
        Text.assemble(
            (legible(audit.database), "bold"), f" on PostgreSQL {audit.server_version}, {taken(audit)}"
        ),
        Text(tenancy_sentence(audit, snapshot)),
    ]
    if audit.tenancy.column is not None:
        lines += [Text(evidence_sentence(audit), style="dim"), Text(indexing_sentence(audit))]
    return Group(*lines)


# --- findings ---


def _priority(group: PriorityGroup) -> RenderableType:
    heading = Text.assemble(
        (f"\n{group.priority}", COLOURS[group.priority]),
        f" {MEANINGS[group.priority]}: {counted(group.count, 'finding')}",
    )
    return Group(heading, *(_rule(rule) for rule in group.rules))


def _rule(group: RuleGroup) -> RenderableType:
    """The rule's id and title, then its findings, one a line where they fit."""
    heading = Table.grid(padding=(0, 2, 0, 0))
    heading.add_column(no_wrap=True, style="bold")
    heading.add_column(ratio=1, style="dim")
    heading.add_row(group.rule.id, group.rule.title)
    table = Table.grid()
    table.add_column(width=2)
    table.add_column(ratio=1, overflow="fold")
    for finding in group.findings[:SHOWN]:
        table.add_row("- ", _finding(finding))
    rest = list(dict.fromkeys(legible(finding.object) for finding in group.findings[SHOWN:]))
    if rest:
        more = len(group.findings) - SHOWN
        names = ", ".join(rest[:NAMED]) + (", ..." if len(rest) > NAMED else "")
        table.add_row("", Text(f"and {more:,} more: {names}", style="dim"))
    return Group(Padding(heading, (1, 0, 0, 2)), Padding(table, (0, 0, 0, 2)))


def _finding(finding: Finding) -> Text:
    name, rest = stated(finding)
    return Text.assemble((name, "bold"), rest)


# --- what was measured ---


def _metrics(metrics: tuple[Metric, ...]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("", "measured", "target", "alert", ""):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for metric in metrics:
        table.add_row(
            metric.name,
            metric.value or "-",
            metric.target,
            metric.alert,
            Text(metric.verdict, style=VERDICTS[metric.verdict]),
        )
    return Group(Text("\nMetrics", style="bold"), Padding(table, (0, 0, 0, 2)))


# --- the end ---


def _foot(audit: Audit) -> RenderableType:
    counts = ", ".join(f"{audit.count(priority):,} {priority}" for priority in Priority)
    lines = [Text(f"\n{counted(len(audit.findings), 'finding')}: {counts}", style="bold")]
    if audit.ignored:
        lines.append(Text(f"{len(audit.ignored):,} more ignored by configuration or baseline"))
    reasons = dict.fromkeys(failure.why for failure in audit.undecided)
    for why in reasons:
        rules = ", ".join(failure.rule for failure in audit.undecided if failure.why == why)
        lines.append(Text(f"not decided, because {legible(why)}: {rules}", style="dim"))
    if audit.findings:
        lines.append(
            Text("explain one: tenfold rules ID    put them right: tenfold plan SOURCE", style="dim")
        )
    return Group(*lines)
