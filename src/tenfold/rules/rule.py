"""What a rule is, and how it is read from its file.

A rule is a module `rules/<group>/<id with underscores>.py`. Its docstring is its documentation: the title on
the first line, then the four sections named in `SECTIONS`. It defines `ID` and `check`, and may define
`NEEDS` (what the reading role must have been shown) and `NEEDS_TENANCY` (silent where no tenancy was found).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType

import msgspec

from tenfold.errors import UsageError, did_you_mean
from tenfold.model.finding import Finding
from tenfold.model.snapshot import Sight
from tenfold.rules.subject import Subject

GROUPS = ("tenancy", "indexes", "schema", "capacity", "queries")
SECTIONS = ("What it finds", "Why it matters", "How to fix", "When to ignore")

Check = Callable[[Subject], Iterable[Finding]]


class Rule(msgspec.Struct, frozen=True):
    id: str
    group: str
    title: str
    #: Markdown text by section.
    sections: dict[str, str]
    check: Check
    needs: tuple[Sight, ...] = ()
    needs_tenancy: bool = False

    @property
    def page(self) -> str:
        """Its documentation as Markdown."""
        body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in self.sections.items())
        return f"# {self.id}\n\n{self.title}\n\n{body}\n"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by group and id."""
    return tuple(
        read_rule(importlib.import_module(f"{__package__}.{group}.{entry.name}"), group)
        for group in GROUPS
        for entry in sorted(_modules(group), key=lambda entry: entry.name)
    )


def find_rule(rule_id: str) -> Rule:
    """The rule of that id; raises UsageError that names the nearest ones."""
    rules = {rule.id: rule for rule in all_rules()}
    if rule_id in rules:
        return rules[rule_id]
    hint = did_you_mean(rule_id, rules) or "; list them with: tenfold rules"
    raise UsageError(f"there is no rule {rule_id!r}{hint}")


def read_rule(module: ModuleType, group: str) -> Rule:
    """The rule that a module defines."""
    title, sections = _document(module)
    return Rule(
        id=module.ID,
        group=group,
        title=title,
        sections=sections,
        check=module.check,
        needs=getattr(module, "NEEDS", ()),
        needs_tenancy=getattr(module, "NEEDS_TENANCY", False),
    )


def _modules(group: str) -> Iterable[pkgutil.ModuleInfo]:
    package = importlib.import_module(f"{__package__}.{group}")
    # A leading underscore marks what several rules of a group share.
    return (entry for entry in pkgutil.iter_modules(package.__path__) if not entry.name.startswith("_"))


def _document(module: ModuleType) -> tuple[str, dict[str, str]]:
    title, *rest = re.split(r"^## (.+)$", inspect.getdoc(module) or "", flags=re.MULTILINE)
    return title.strip(), {
        heading.strip(): text.strip() for heading, text in zip(rest[::2], rest[1::2], strict=True)
    }
