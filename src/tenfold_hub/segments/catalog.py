"""The segments of an organization as a process keeps them: compiled, in their order, found by field.

Whoever keeps members holds the rules, shared, and learns their revision with the lock; what the process has
is taken only if it is of that revision. Whoever changes rules holds them alone: no writer is under way then
that knows the old ones, and of two who change rules the second sees what the first one did.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import Fault
from tenfold_hub.segments.asking import PERSON, Facts, Rule, compiled
from tenfold_hub.segments.rules import parse

#: Live segments of one organization.
MOST_SEGMENTS = 1_000
#: Organizations that a process keeps the segments of.
MOST_KEPT = 1_000

_HOLD = "SELECT crm.hold_segments($1, $2)"
_READ = """
SELECT id, resource, kind, rule, types, state
  FROM crm.segments
 WHERE organization_id = $1 AND archived_at IS NULL
"""
_ADVANCE = """
INSERT INTO crm.segment_revisions (organization_id, revision) VALUES ($1, $2)
ON CONFLICT (organization_id) DO UPDATE SET revision = EXCLUDED.revision
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One live segment."""

    id: uuid.UUID
    resource: str
    #: None for a static one.
    rule: Rule | None

    def holds(self, facts: Facts) -> bool:
        return self.id in facts.picked if self.rule is None else self.rule.test(facts)

    @property
    def uses(self) -> frozenset[uuid.UUID]:
        return frozenset() if self.rule is None else self.rule.uses


@dataclass(slots=True)
class Segments:
    """All live ones of an organization, as of a revision. Those that others are made of come first."""

    revision: uuid.UUID | None = None
    by_id: Mapping[uuid.UUID, Known] = field(default_factory=dict)
    #: By resource and field: who mentions it. `person.` with nothing behind: who mentions any such field.
    _mentioning: dict[tuple[str, str], set[uuid.UUID]] = field(default_factory=dict)
    _of: dict[str, tuple[uuid.UUID, ...]] = field(default_factory=dict)
    _dependents: dict[uuid.UUID, set[uuid.UUID]] = field(default_factory=dict)
    _concerned: dict[frozenset[uuid.UUID], tuple[Known, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, revision: uuid.UUID | None, known: Iterable[Known]) -> Segments:
        """Raises CycleError."""
        given = {each.id: each for each in known}
        order = TopologicalSorter({id: each.uses for id, each in given.items()}).static_order()
        made = cls(revision, {id: given[id] for id in order if id in given})
        for each in made.by_id.values():
            made._of[each.resource] = (*made._of.get(each.resource, ()), each.id)
            for name in each.rule.mentions if each.rule else ():
                made._mentioning.setdefault((each.resource, name), set()).add(each.id)
                if name.startswith(PERSON):
                    made._mentioning.setdefault((each.resource, PERSON), set()).add(each.id)
            for used in each.uses:
                made._dependents.setdefault(used, set()).add(each.id)
        return made

    def all_of(self, resource: str) -> Sequence[uuid.UUID]:
        return self._of.get(resource, ())

    def mentioning(self, resource: str, names: Iterable[str]) -> frozenset[uuid.UUID]:
        found: set[uuid.UUID] = set()
        for name in names:
            found |= self._mentioning.get((resource, name), set())
        return frozenset(found)

    def concerned(self, roots: frozenset[uuid.UUID]) -> tuple[Known, ...]:
        """The roots and all that are made of them, in the order in which they are asked."""
        found = self._concerned.get(roots)
        if found is None:
            reached, open_ = set(roots), list(roots)
            while open_:
                for each in self._dependents.get(open_.pop(), ()):
                    if each not in reached:
                        reached.add(each)
                        open_.append(each)
            found = tuple(each for id, each in self.by_id.items() if id in reached)
            if len(self._concerned) >= _MOST_PLANS:
                self._concerned.clear()
            self._concerned[roots] = found
        return found


#: Sets of segments that changes concern, as they come again and again.
_MOST_PLANS = 500


class Catalog:
    """Of one process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[uuid.UUID, Segments] = OrderedDict()

    async def held(self, session: Session) -> Segments:
        """For keeping members: the rules stay what they are until the transaction ends. One statement as a
        rule.
        """
        revision = await session.fetch_value(_HOLD, session.tenant, False)
        if revision is None:
            return _NONE
        assert isinstance(session.tenant, uuid.UUID)
        found = self._kept.get(session.tenant)
        if found is None or found.revision != revision:
            found = Segments.of(revision, await _read(session))
            self._kept[session.tenant] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(session.tenant)
        return found

    async def alone(self, session: Session) -> dict[uuid.UUID, Known]:
        """For changing rules: nobody else does, and nobody keeps members, until the transaction ends."""
        await session.fetch_value(_HOLD, session.tenant, True)
        return {each.id: each for each in await _read(session)}

    async def changed(self, session: Session) -> None:
        """After a change of rules. A revision is a name and no number: of a transaction that is undone
        nobody takes the revision of another one.
        """
        await session.execute(_ADVANCE, session.tenant, new_id())


_NONE = Segments()


async def _read(session: Session) -> list[Known]:
    return [_known(row) for row in await session.fetch(_READ, session.tenant)]


def _known(row: Any) -> Known:
    rule = None
    if row["rule"] is not None:
        faults: list[Fault] = []
        node = parse(msgspec.json.decode(row["rule"]), faults)
        rule = compiled(node, msgspec.json.decode(row["types"]), faults) if node else None
        if rule is None:
            # It was checked when it was written.
            raise ValueError(f"the rule of segment {row['id']} cannot be read: {faults[0].pointer}")
    return Known(id=row["id"], resource=row["resource"], rule=rule)


def cycle(known: Iterable[Known]) -> list[uuid.UUID]:
    """Segments that are made of each other; none is as it should be."""
    try:
        tuple(TopologicalSorter({each.id: each.uses for each in known}).static_order())
    except CycleError as error:
        return list(dict.fromkeys(error.args[1]))
    return []
