"""What a rule says: one verdict about one object, with a stable key and, where there is one, its remedy."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tenfold.model.remedy import Remedy
from tenfold.model.remedy_sql import statements


class Priority(StrEnum):
    """P0 now, P1 before production, P2 for optimisation. Compares by urgency: P0 < P1 < P2."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's verdict about one object."""

    rule: str
    priority: Priority
    #: The object's name for people: `messages`, `billing.invoices`, a role, a setting.
    object: str
    message: str
    #: What tells this finding from others of the same rule on the same object: a column, an index, a policy.
    detail: str | None = None
    #: The table it is about, for maps and plans; None for roles, settings and the database.
    relation: int | None = None
    remedies: tuple[Remedy, ...] = ()
    #: Statements that put it right but that no plan carries out by itself; shown, never applied.
    advice: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Stable over runs: `rule:object` or `rule:object:detail`."""
        parts = (self.rule, self.object, self.detail)
        return ":".join(part for part in parts if part is not None)

    @property
    def fix(self) -> tuple[str, ...] | None:
        """The statements that put it right, in order; None where there are none."""
        sql = tuple(text for remedy in self.remedies for text in statements(remedy)) + self.advice
        return sql or None


class Ignored(msgspec.Struct, frozen=True):
    """A finding that the configuration, the command line or a baseline silences, and why."""

    finding: Finding
    reason: str


class RuleFailure(msgspec.Struct, frozen=True):
    """A rule that could not be decided because something was hidden from the reading role."""

    rule: str
    why: str
