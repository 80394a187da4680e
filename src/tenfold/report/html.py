"""The audit as one HTML file that loads nothing: to open, mail, print and keep.

Complete without JavaScript; the script only copies fixes and filters findings. A content security policy lets
no other script run and nothing be fetched, whatever the database's names contain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from tenfold import __version__
from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Hidden, Snapshot
from tenfold.model.wording import counted
from tenfold.report.outline import (
    MEANINGS,
    RuleGroup,
    checklists,
    evidence_sentence,
    indexing_sentence,
    legible,
    named_rules,
    outline,
    script_of,
    stated,
    taken,
    tenancy_sentence,
)
from tenfold.report.page import asset, environment, policy
from tenfold.report.table_map import root_relation, table_map
from tenfold.rules.rule import Rule
from tenfold.rules.subject import Subject

#: Findings of a rule that are shown before the rest is folded away.
SHOWN = 10
#: Statements of a fix that is shown unfolded, at the most urgent priority.
UNFOLDED_STATEMENTS = 4


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as the page shows it."""

    #: Its place in `Audit.findings`, which is its anchor.
    place: int
    object: str
    rest: str
    #: The relation's oid on the map.
    relation: int | None
    #: The statements as a script.
    fix: str | None
    statements: int
    unfolded: bool


class Group(msgspec.Struct, frozen=True):
    """A rule's findings at one priority: those shown, and those folded away."""

    rule: Rule
    shown: tuple[Item, ...]
    folded: tuple[Item, ...]

    @property
    def count(self) -> int:
        return len(self.shown) + len(self.folded)

    @property
    def fixes(self) -> int:
        return sum(item.fix is not None for item in (*self.shown, *self.folded))


class Section(msgspec.Struct, frozen=True):
    priority: Priority
    count: int
    groups: tuple[Group, ...]


def render(audit: Audit, snapshot: Snapshot) -> str:
    style, script = asset("report.css"), asset("report.js")
    tiles = table_map(audit, snapshot)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            audit=audit,
            snapshot=snapshot,
            version=__version__,
            style=style,
            script=script,
            policy=policy(style, script),
            taken=taken(audit),
            headline=headline(audit),
            counts={priority: audit.count(priority) for priority in Priority},
            meanings=MEANINGS,
            tenancy=tenancy_sentence(audit, snapshot),
            evidence=evidence_sentence(audit),
            indexing=indexing_sentence(audit),
            map=tiles,
            sections=tuple(_sections(audit, snapshot)),
            rules=named_rules(audit),
            checklists=checklists(audit),
            hidden=_hidden(snapshot.hidden),
        )
    )


def headline(audit: Audit) -> str:
    """What the counts come to."""
    if not audit.findings:
        return "Nothing to put right."
    now, soon = audit.count(Priority.P0), audit.count(Priority.P1)
    if now:
        return f"{counted(now, 'finding')} cannot wait."
    if soon:
        return f"{counted(soon, 'finding')} to settle before production."
    return f"Nothing urgent; {counted(len(audit.findings), 'finding')} for optimisation."


# --- findings ---


def _sections(audit: Audit, snapshot: Snapshot) -> Iterator[Section]:
    subject = Subject(snapshot=snapshot, tenancy=audit.tenancy)
    places = count()
    for section in outline(audit):
        groups = tuple(_group(group, subject, places) for group in section.rules)
        yield Section(section.priority, section.count, groups)


def _group(group: RuleGroup, subject: Subject, places: Iterator[int]) -> Group:
    items = tuple(_item(finding, subject, next(places)) for finding in group.findings)
    # A fold for one finding would hide it and save no room.
    shown = SHOWN if len(items) > SHOWN + 1 else len(items)
    return Group(group.rule, items[:shown], items[shown:])


def _item(finding: Finding, subject: Subject, place: int) -> Item:
    name, rest = stated(finding)
    relation = root_relation(subject, finding)
    statements = finding.fix or ()
    return Item(
        place=place,
        object=name,
        rest=rest,
        relation=relation.oid if relation is not None else None,
        fix=script_of(statements) if statements else None,
        statements=len(statements),
        unfolded=finding.priority is Priority.P0 and len(statements) <= UNFOLDED_STATEMENTS,
    )


def _hidden(hidden: Sequence[Hidden]) -> tuple[tuple[str, str, int], ...]:
    """What the reading role was not shown, why, and for how many relations; 0 is the whole database."""
    counts = Counter((entry.what, entry.why) for entry in hidden if entry.relation is not None)
    whole = {(entry.what, entry.why): 0 for entry in hidden if entry.relation is None}
    return tuple((what, legible(why), number) for (what, why), number in (whole | counts).items())
