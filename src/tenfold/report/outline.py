"""What every report for people says in the same words and order: groups, sentences and legible names."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

import msgspec

from tenfold.model.audit import Audit, ChecklistItem
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import RelationKind
from tenfold.model.snapshot import Snapshot
from tenfold.rules.rule import Rule, find_rule

MEANINGS = {
    Priority.P0: "now: leaks and hot tables",
    Priority.P1: "before production",
    Priority.P2: "for optimisation",
}


KINDS: dict[RelationKind, str] = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_LINE_END = re.compile(r"\s*[\t\r\n]\s*")


class RuleGroup(msgspec.Struct, frozen=True):
    """The findings of one rule at one priority, by object."""

    rule: Rule
    findings: tuple[Finding, ...]


class PriorityGroup(msgspec.Struct, frozen=True):
    priority: Priority
    rules: tuple[RuleGroup, ...]

    @property
    def count(self) -> int:
        return sum(len(group.findings) for group in self.rules)


def outline(audit: Audit) -> tuple[PriorityGroup, ...]:
    """The findings by priority, then rule. Priorities without a finding are left out."""
    return tuple(
        PriorityGroup(
            priority,
            tuple(
                RuleGroup(find_rule(rule), tuple(of_rule))
                for rule, of_rule in groupby(of_priority, key=lambda finding: finding.rule)
            ),
        )
        for priority, of_priority in groupby(audit.findings, key=lambda finding: finding.priority)
    )


def named_rules(audit: Audit) -> tuple[Rule, ...]:
    """Each rule that found something, was silenced or could not be decided, by id."""
    named = {finding.rule for finding in audit.findings}
    named.update(entry.finding.rule for entry in audit.ignored)
    named.update(failure.rule for failure in audit.undecided)
    return tuple(find_rule(rule) for rule in sorted(named))


def checklists(audit: Audit) -> tuple[tuple[str, tuple[ChecklistItem, ...]], ...]:
    """Each checklist's name and boxes."""
    return tuple((name, tuple(items)) for name, items in groupby(audit.checklist, key=lambda i: i.checklist))


def stated(finding: Finding) -> tuple[str, str]:
    """The object, and what follows it, so that both read as one sentence and the object stands out."""
    message = legible(finding.message)
    for name in (f"{finding.object}.{finding.detail}", finding.object):
        name = legible(name)
        rest = message.removeprefix(name)
        if rest != message and not (rest[:1].isalnum() or rest[:1] == "_"):
            return name, rest
    return legible(finding.object), f": {message}"


def script_of(statements: Sequence[str]) -> str:
    """The statements as psql takes them."""
    return "\n".join(f"{statement.rstrip().removesuffix(';')};" for statement in statements)


# --- sentences ---


def tenancy_sentence(audit: Audit, snapshot: Snapshot) -> str:
    """How the tenants share the database."""
    tenancy = audit.tenancy
    if tenancy.column is None:
        return (
            "No tenant column was found, so the rules about tenants had nothing to judge. "
            'Name it in tenfold.toml: [tenancy] columns = ["..."]'
        )
    root = snapshot.relation_by_oid.get(tenancy.tenant_table or 0)
    names = " or ".join(tenancy.columns or (tenancy.column,))
    owner = f", which refers to {root.display}." if root else "; no table of tenants was found."
    return legible(f"Tenants are told apart by {names}{owner}")


def evidence_sentence(audit: Audit) -> str:
    """Why that column; empty where nothing is known."""
    evidence = "; ".join(audit.tenancy.evidence)
    return legible(f"Evidence: {evidence}.") if evidence else ""


def indexing_sentence(audit: Audit) -> str:
    """How the tables divide, and how many serve their tenants by an index."""
    tenancy = audit.tenancy
    tenant = tenancy.count("tenant")
    served = audit.tenant_indexing.indexed
    return (
        f"{tenant:,} tenant, {tenancy.count('child'):,} child and {tenancy.count('shared'):,} shared tables; "
        f"{served:,} of {tenant:,} tenant tables have an index that serves {legible(tenancy.column or '')}."
    )


def taken(audit: Audit) -> str:
    """When the snapshot was taken, to the minute, in UTC."""
    when = datetime.datetime.fromisoformat(audit.taken).astimezone(datetime.UTC)
    return f"{when:%Y-%m-%d %H:%M} UTC"


# --- names ---


def legible(text: str) -> str:
    """The text on one line, with control and direction characters spelled out.

    A name may hold any character but NUL: an escape sequence must not reach a terminal, nor may a mark that
    reverses what follows change how a sentence reads.
    """
    if text.isprintable():
        return text
    one_line = _LINE_END.sub(" ", text)
    return "".join(character if _shows(character) else _spelled(character) for character in one_line)


def _shows(character: str) -> bool:
    # Emoji of several parts are held together by U+200D, which shows nothing of its own.
    return character.isprintable() or character == "\u200d" or unicodedata.category(character) == "Zs"


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
