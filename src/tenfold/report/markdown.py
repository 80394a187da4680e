"""The audit in Markdown, for a pull request's comment or a wiki page.

It is GitHub's dialect (tables, task lists, folds), which GitLab and Gitea read too. A comment has a longest
length: where the findings are more than fit, each rule shows its first ones and counts the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tenfold.model.audit import Audit, ChecklistItem
from tenfold.model.finding import Finding, Ignored, Priority
from tenfold.model.snapshot import Snapshot
from tenfold.model.wording import counted
from tenfold.report.outline import (
    MEANINGS,
    PriorityGroup,
    RuleGroup,
    checklists,
    evidence_sentence,
    indexing_sentence,
    legible,
    outline,
    script_of,
    stated,
    taken,
    tenancy_sentence,
)

#: Characters that a comment may have on GitHub, less some for what a workflow sets before it.
LONGEST = 65_536 - 1_536

#: Findings of a rule that are shown, from generous to terse, until the page fits.
_SHOWN = (100, 50, 20, 10, 5, 3, 1)

_MARKS = {True: "x", False: " ", None: " "}
# What is markup inside a line: underscores inside a word are not.
_SPECIAL = re.compile(r"[\\`*{}\[\]<>~&$]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
# What becomes a mention, a reference to an issue, an emoji or a link after the Markdown is rendered.
_ACTIVE = re.compile(r"@|#(?=\d)|:(?=//|[\w+-]+:)")
_BACKTICKS = re.compile(r"`+")


def render(audit: Audit, snapshot: Snapshot) -> str:
    """At most LONGEST characters, unless one finding of each rule is more."""
    for shown in _SHOWN:
        page = _page(audit, snapshot, shown)
        if len(page) <= LONGEST:
            break
    return page


def _page(audit: Audit, snapshot: Snapshot, shown: int) -> str:
    parts = [
        *_head(audit, snapshot),
        *(part for group in outline(audit) for part in _priority(group, shown)),
        *_metrics(audit),
        *(part for name, items in checklists(audit) for part in _checklist(name, items)),
        *_ignored(audit.ignored, shown),
        *_undecided(audit),
    ]
    return "\n\n".join(parts) + "\n"


def _head(audit: Audit, snapshot: Snapshot) -> Iterator[str]:
    yield f"# Audit of {code(audit.database)}"
    yield f"PostgreSQL {prose(audit.server_version)}, {taken(audit)}."
    yield table(
        ("Priority", "Findings", "Meaning"),
        ((f"**{priority}**", f"{audit.count(priority):,}", MEANINGS[priority]) for priority in Priority),
    )
    yield prose(tenancy_sentence(audit, snapshot))
    if audit.tenancy.column is not None:
        yield f"{prose(evidence_sentence(audit))} {prose(indexing_sentence(audit))}"
    if not audit.findings:
        yield "The rules found nothing to put right."


# --- findings ---


def _priority(group: PriorityGroup, shown: int) -> Iterator[str]:
    yield f"## {group.priority} {MEANINGS[group.priority]} ({group.count:,})"
    for of_rule in group.rules:
        yield from _rule(of_rule, shown)


def _rule(group: RuleGroup, shown: int) -> Iterator[str]:
    findings, rest = group.findings[:shown], group.findings[shown:]
    yield f"### {code(group.rule.id)} ({len(group.findings):,})"
    yield prose(group.rule.title)
    yield "\n".join(f"- {_sentence(finding)}" for finding in findings)
    if rest:
        yield f"…and {counted(len(rest), 'more finding')}; the JSON and HTML reports have them all."
    fixes = [finding.fix for finding in findings if finding.fix]
    if fixes:
        statements = sum(len(fix) for fix in fixes)
        yield f"<details><summary>Fix: {counted(statements, 'statement')}</summary>"
        yield fence("\n".join(script_of(fix) for fix in fixes))
        yield "</details>"


def _sentence(finding: Finding) -> str:
    name, rest = stated(finding)
    return code(name) + prose(rest)


# --- what was measured, and what was not judged ---


def _metrics(audit: Audit) -> Iterator[str]:
    if not audit.metrics:
        return
    yield "## Metrics"
    yield table(
        ("Metric", "Measured", "Target", "Alert", "Verdict", "Measured from"),
        (
            (
                prose(metric.name),
                f"**{prose(metric.value)}**" if metric.value else "–",
                prose(metric.target),
                prose(metric.alert),
                metric.verdict,
                prose(metric.source),
            )
            for metric in audit.metrics
        ),
    )


def _checklist(name: str, items: Iterable[ChecklistItem]) -> Iterator[str]:
    yield f"## Checklist, {name}"
    yield "\n".join(
        f"- [{_MARKS[item.ticked]}] **{prose(item.text)}**"
        + (" (cannot tell)" if item.ticked is None else "")
        + f": {prose(item.evidence)}"
        for item in items
    )


def _ignored(ignored: tuple[Ignored, ...], shown: int) -> Iterator[str]:
    if not ignored:
        return
    yield f"## Ignored ({len(ignored):,})"
    yield f"<details><summary>{counted(len(ignored), 'finding')} left out, and why</summary>"
    yield "\n".join(
        f"- {code(entry.finding.rule)}: {_sentence(entry.finding)} (**{prose(entry.reason)}**)"
        for entry in ignored[:shown]
    )
    if len(ignored) > shown:
        yield f"…and {counted(len(ignored) - shown, 'more finding')}."
    yield "</details>"


def _undecided(audit: Audit) -> Iterator[str]:
    if audit.undecided:
        yield "## Not decided"
        yield "\n".join(f"- {code(failure.rule)}: {prose(failure.why)}" for failure in audit.undecided)


# --- Markdown ---


def prose(text: str) -> str:
    """Plain text as Markdown inside a line: nothing in it is markup, a mention or a reference."""
    escaped = _SPECIAL.sub(lambda sign: f"\\{sign[0]}", legible(text))
    # An invisible space after it makes it inactive; a backslash would not.
    return _ACTIVE.sub(lambda sign: f"{sign[0]}\u200b", escaped)


def code(text: str) -> str:
    """A code span, whatever backticks the text has. Not for tables: a pipe would end the cell."""
    text = legible(text)
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(sql: str) -> str:
    """A block of SQL, exactly as it is to be run."""
    ticks = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(sql)), default=0))
    return f"{ticks}sql\n{sql}\n{ticks}"


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; the cells are prose."""
    head = tuple(heading)
    lines = [head, ("---",) * len(head)]
    lines.extend(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
