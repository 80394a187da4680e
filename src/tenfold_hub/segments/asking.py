"""Rules as they are asked: of one thing at a time, and without a database.

A condition either holds or does not: an empty field holds none but `null`, so `not` of it does. The first
computation and every later change ask the same function.
"""

from __future__ import annotations

import datetime
import operator
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tenfold_hub.crm.api import Times
from tenfold_hub.kit import ids
from tenfold_hub.kit.problems import Fault
from tenfold_hub.segments import activity, values
from tenfold_hub.segments.activity import Activity
from tenfold_hub.segments.rules import Condition, Group, Node, conditions
from tenfold_hub.segments.values import OPERATORS, UNREADABLE, Family, Type

#: Values of an `in`.
MOST_VALUES = 100

PERSON, SEGMENT, TAG = "person.", "segment", "tag"


@dataclass(slots=True)
class Facts:
    """Of one thing, as it is now."""

    row: Mapping[str, Any]
    now: datetime.datetime
    person: Mapping[str, Any] | None = None
    tags: Collection[uuid.UUID] = ()
    #: Static segments that it was put into.
    picked: Collection[uuid.UUID] = ()
    #: Segments that it is in; those that are found out anew change here, in their order.
    members: set[uuid.UUID] = field(default_factory=set)
    #: When activities about it took place, by their kind: of kinds that there are some of.
    activities: Mapping[str, Times] = field(default_factory=dict)


Test: TypeAlias = Callable[[Facts], bool]
Get: TypeAlias = Callable[[Facts], Any]
#: When time alone may change the answer next; None or a moment that has passed where it may not.
Turn: TypeAlias = Callable[[Facts], datetime.datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that can be asked."""

    test: Test
    #: What it depends on, by the names of its fields.
    mentions: frozenset[str]
    #: Other segments that it is made of.
    uses: frozenset[uuid.UUID]
    activities: tuple[Activity, ...]
    turns: tuple[Turn, ...]

    def due(self, facts: Facts) -> datetime.datetime | None:
        """When time alone may change the answer next."""
        found = [at for turn in self.turns if (at := turn(facts)) and at > facts.now]
        return min(found, default=None)


def compiled(node: Node, types: Mapping[str, Type], faults: list[Fault]) -> Rule | None:
    """The rule as it is asked; `types` has each of its fields, or the field is a fault."""
    making = _Making(types, faults)
    test = making.test(node)
    if faults:
        return None
    mentions: set[str] = set()
    for each in conditions(node):
        mentions |= each.mentions if isinstance(each, Activity) else {each.field}
    return Rule(
        test=test,
        mentions=frozenset(mentions),
        uses=frozenset(making.uses),
        activities=tuple(making.activities),
        turns=tuple(making.turns),
    )


class _Making:
    """Of one rule."""

    def __init__(self, types: Mapping[str, Type], faults: list[Fault]) -> None:
        self._types, self._faults = types, faults
        self.uses: set[uuid.UUID] = set()
        self.activities: list[Activity] = []
        self.turns: list[Turn] = []

    def test(self, node: Node) -> Test:
        if isinstance(node, Group):
            return _joined(node.of, [self.test(part) for part in node.parts])
        type_ = self._types.get(node.field)
        if type_ is None:
            # A condition on activities has its name where others have their field.
            name = node.field if isinstance(node, Activity) else "field"
            return self._fault(f"{node.pointer}/{name}", "unknown_field", "there is no such field to ask for")
        if isinstance(node, Activity):
            return self._activity(node, type_)
        family = values.family_of(type_)
        if node.operator not in OPERATORS[family]:
            known = ", ".join(OPERATORS[family]) or "the form for activities"
            return self._fault(f"{node.pointer}/operator", "unknown_operator", f"use one of {known}")
        try:
            return self._compared(node, type_, family)
        except UNREADABLE as error:
            detail = str(error) if isinstance(error, ids.IdError) else f"a value of type {family}"
            return self._fault(f"{node.pointer}/value", "invalid", detail)

    def _activity(self, node: Activity, type_: Type) -> Test:
        _, _, kinds = type_.partition(":")
        if not activity.known(node, kinds.split(","), self._faults):
            return _never
        self.activities.append(node)
        self.turns.append(lambda facts: node.turns(facts.activities, facts.now))
        return lambda facts: node.holds(facts.activities, facts.now)

    def _compared(self, node: Condition, type_: Type, family: Family) -> Test:
        read = values.reader(type_)
        if family == "set":
            wanted = frozenset(map(read, _several(node)))
            if node.field == SEGMENT:
                self.uses |= wanted
                return lambda facts: not wanted.isdisjoint(facts.members)
            return lambda facts: not wanted.isdisjoint(facts.tags)
        get = _getter(node.field, family)
        match node.operator:
            case "null":
                empty = values.boolean(node.value)
                return lambda facts: (get(facts) is None) is empty
            case "more_than_ago" | "less_than_ago":
                ago = values.ago(node.value)
                self.turns.append(lambda facts: values.after(get(facts), ago))
                return _ago(get, ago, operator.le if node.operator == "more_than_ago" else operator.gt)
            case "in" | "eq":
                several = frozenset(map(read, _several(node)))
                if family == "choices":
                    return lambda facts: not several.isdisjoint(get(facts) or ())
                return lambda facts: get(facts) in several
            case "contains" | "starts_with":
                part = values.text(node.value).casefold()
                if not part:
                    raise ValueError
                if node.operator == "contains":
                    return lambda facts: part in (get(facts) or "").casefold()
                return lambda facts: (get(facts) or "").casefold().startswith(part)
            case _:
                return _ordered(get, _ORDERED[node.operator], read(node.value))

    def _fault(self, pointer: str, code: str, detail: str) -> Test:
        self._faults.append(Fault(pointer, code, detail))
        return _never


def _never(_: Facts) -> bool:
    return False


def _joined(of: str, tests: Sequence[Test]) -> Test:
    if of == "not":
        (one,) = tests
        return lambda facts: not one(facts)
    if of == "all":
        return lambda facts: all(test(facts) for test in tests)
    return lambda facts: any(test(facts) for test in tests)


_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _ordered(get: Get, holds: Callable[[Any, Any], bool], bound: Any) -> Test:
    def test(facts: Facts) -> bool:
        value = get(facts)
        return value is not None and holds(value, bound)

    return test


def _ago(get: Get, ago: datetime.timedelta, holds: Callable[[Any, Any], bool]) -> Test:
    def test(facts: Facts) -> bool:
        at = values.after(get(facts), ago)
        return at is not None and holds(at, facts.now)

    return test


def _getter(name: str, family: Family) -> Get:
    if name.startswith(PERSON):
        of_person = values.of_row(name.removeprefix(PERSON), family)
        return lambda facts: None if facts.person is None else of_person(facts.person)
    of_row = values.of_row(name, family)
    return lambda facts: of_row(facts.row)


def _several(node: Condition) -> Sequence[Any]:
    if node.operator != "in":
        return [node.value]
    if not isinstance(node.value, list) or not 1 <= len(node.value) <= MOST_VALUES:
        raise ValueError
    return node.value
