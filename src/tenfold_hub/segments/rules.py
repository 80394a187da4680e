"""What a dynamic segment holds, in its form: groups of conditions, within each other.

{"all": [{"field": "status", "value": "active"},
         {"any": [{"field": "person.lifecycle_stage", "operator": "in", "value": ["lead", "customer"]},
                  {"not": {"activity": "any", "within": "30d"}}]}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tenfold_hub.kit.problems import Fault
from tenfold_hub.segments import activity
from tenfold_hub.segments.activity import ACTIVITY, Activity

#: Groups within groups, and conditions of a rule.
MOST_DEPTH, MOST_CONDITIONS = 6, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """On a field of the thing or its person, on its tags, or on the segments that it is in."""

    field: str
    operator: str
    value: Any
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`all`, `any` or `not`, which has one part."""

    of: str
    parts: Sequence[Group | Condition | Activity]


Node: TypeAlias = Group | Condition | Activity


def parse(given: object, faults: list[Fault], pointer: str = "/rule") -> Node | None:
    """The rule's form; None, and faults, where it has none."""
    reader = _Reader(faults)
    found = reader.node(given, pointer, 1)
    if reader.conditions > MOST_CONDITIONS:
        faults.append(Fault(pointer, "too_many", f"at most {MOST_CONDITIONS} conditions"))
    return None if faults else found


def conditions(node: Node) -> Iterator[Condition | Activity]:
    if isinstance(node, Group):
        for part in node.parts:
            yield from conditions(part)
    else:
        yield node


class _Reader:
    def __init__(self, faults: list[Fault]) -> None:
        self._faults, self.conditions = faults, 0

    def node(self, given: object, pointer: str, depth: int) -> Node | None:
        if depth > MOST_DEPTH:
            return self._fault(pointer, "too_deep", f"at most {MOST_DEPTH} groups within each other")
        if not isinstance(given, Mapping):
            return self._fault(pointer, "invalid", "a group or a condition")
        if ACTIVITY in given:
            self.conditions += 1
            return activity.read(given, pointer, self._faults)
        if "field" in given:
            return self._condition(given, pointer)
        if len(given) != 1 or not given.keys() <= {"all", "any", "not"}:
            return self._fault(pointer, "invalid", "one of all, any and not, or a condition")
        ((of, parts),) = given.items()
        if of == "not":
            part = self.node(parts, f"{pointer}/not", depth + 1)
            return None if part is None else Group(of=of, parts=(part,))
        if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
            return self._fault(f"{pointer}/{of}", "invalid", "a list with one part at least")
        if len(parts) > MOST_CONDITIONS:
            return self._fault(f"{pointer}/{of}", "too_many", f"at most {MOST_CONDITIONS} conditions")
        read = [self.node(part, f"{pointer}/{of}/{place}", depth + 1) for place, part in enumerate(parts)]
        return Group(of=of, parts=tuple(part for part in read if part is not None))

    def _condition(self, given: Mapping[str, Any], pointer: str) -> Condition | None:
        self.conditions += 1
        for name in given.keys() - {"field", "operator", "value"}:
            self._fault(f"{pointer}/{str(name)[:40]}", "unknown_field", "field, operator and value")
        name, operator = given["field"], given.get("operator", "eq")
        if not isinstance(name, str) or not isinstance(operator, str):
            return self._fault(pointer, "invalid", "the field and the operator are texts")
        if "value" not in given:
            return self._fault(f"{pointer}/value", "required", "what it is compared with")
        return Condition(field=name, operator=operator, value=given["value"], pointer=pointer)

    def _fault(self, pointer: str, code: str, detail: str) -> Condition | None:
        """None, which is what a part that is wrong becomes."""
        self._faults.append(Fault(pointer, code, detail))
        return None
