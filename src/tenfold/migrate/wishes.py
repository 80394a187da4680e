"""What the findings ask for: each remedy once, as urgent as the most urgent finding that wants it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import Remedy

R = TypeVar("R")
Q = TypeVar("Q")


class Wish(msgspec.Struct, Generic[R], frozen=True):
    """One remedy and who wants it."""

    remedy: R
    priority: Priority
    #: Keys of the findings, sorted.
    findings: tuple[str, ...] = ()

    def of(self, remedy: Q) -> Wish[Q]:
        """Another remedy, wanted by the same findings."""
        return Wish(remedy, self.priority, self.findings)

    def shared_with(self, *others: Wish[R]) -> Wish[R]:
        """The same remedy for the findings of all, as urgent as the most urgent."""
        wishes = (self, *others)
        findings = {key for wish in wishes for key in wish.findings}
        return Wish(self.remedy, min(wish.priority for wish in wishes), tuple(sorted(findings)))


def gather(findings: Iterable[Finding]) -> list[Wish[Remedy]]:
    """One wish for each distinct remedy, in the order in which they are first asked for."""
    return merged(
        Wish(remedy, finding.priority, (finding.key,)) for finding in findings for remedy in finding.remedies
    )


def merged(wishes: Iterable[Wish[R]]) -> list[Wish[R]]:
    """Equal remedies as one wish."""
    found: dict[R, Wish[R]] = {}
    for wish in wishes:
        known = found.get(wish.remedy)
        found[wish.remedy] = known.shared_with(wish) if known else wish
    return list(found.values())
