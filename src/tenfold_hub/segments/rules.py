"""What a dynamic segment holds: groups of conditions, checked once and then asked of one thing at a time.

    {"all": [{"field": "status", "value": "active"},
             {"any": [{"field": "person.lifecycle_stage", "operator": "in", "value": ["lead", "customer"]},
                      {"not": {"field": "last_contacted_at", "operator": "less_than_ago", "value": "30d"}}]}]}

A condition either holds or does not: an empty field holds none but `null`, so `not` of it does. Nothing here
touches a database: the first computation and every later change ask the same function.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Any, TypeAlias

from tenfold_hub.kit import ids
from tenfold_hub.kit.custom import key_of
from tenfold_hub.kit.problems import Fault

#: Groups within groups, conditions of a rule, values of an `in`, characters of a text.
MOST_DEPTH, MOST_CONDITIONS, MOST_VALUES, MOST_CHARACTERS = 6, 100, 100, 500

PERSON, SEGMENT, TAG = "person.", "segment", "tag"

#: A type of values, as `types` of a segment keeps it; an id's is `id:` and its prefix.
Type: TypeAlias = str

_EQUAL = ("eq", "in", "null")
_RANGE = ("eq", "in", "gt", "gte", "lt", "lte", "null")
_TEXT = (*_EQUAL, "contains", "starts_with")
OPERATORS: Mapping[Type, tuple[str, ...]] = {
    "text": _TEXT,
    "folded": _TEXT,
    "number": _RANGE,
    "decimal": _RANGE,
    "amount": _RANGE,
    "day": _RANGE,
    "moment": (*_RANGE, "more_than_ago", "less_than_ago"),
    "boolean": ("eq", "null"),
    "choices": _EQUAL,
    "id": _EQUAL,
    "set": ("eq", "in"),
}
_AGO = re.compile(r"(\d{1,5})([hd])\Z")
_UNITS = {"h": datetime.timedelta(hours=1), "d": datetime.timedelta(days=1)}


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


Test: TypeAlias = Callable[[Facts], bool]
Get: TypeAlias = Callable[[Facts], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    field: str
    operator: str
    value: Any
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`all`, `any` or `not`, which has one part."""

    of: str
    parts: Sequence[Group | Condition]


Node: TypeAlias = Group | Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that can be asked."""

    test: Test
    #: What it depends on, by the names of its fields.
    mentions: frozenset[str]
    #: Other segments that it is made of.
    uses: frozenset[uuid.UUID]
    #: Moments and the time after them at which a condition turns.
    turns: tuple[tuple[Get, datetime.timedelta], ...]

    def due(self, facts: Facts) -> datetime.datetime | None:
        """When time alone may change the answer next."""
        found = [at for get, ago in self.turns if (at := _after(get(facts), ago)) and at > facts.now]
        return min(found, default=None)


# --- reading -----------------------------------------------------------------------------------------


def parse(given: object, faults: list[Fault], pointer: str = "/rule") -> Node | None:
    """The rule's form; None, and faults, where it has none."""
    reader = _Reader(faults)
    found = reader.node(given, pointer, 1)
    if reader.conditions > MOST_CONDITIONS:
        faults.append(Fault(pointer, "too_many", f"at most {MOST_CONDITIONS} conditions"))
    return None if faults else found


def conditions(node: Node) -> Iterator[Condition]:
    if isinstance(node, Condition):
        yield node
        return
    for part in node.parts:
        yield from conditions(part)


class _Reader:
    def __init__(self, faults: list[Fault]) -> None:
        self._faults, self.conditions = faults, 0

    def node(self, given: object, pointer: str, depth: int) -> Node | None:
        if depth > MOST_DEPTH:
            return self._fault(pointer, "too_deep", f"at most {MOST_DEPTH} groups within each other")
        if not isinstance(given, Mapping):
            return self._fault(pointer, "invalid", "a group or a condition")
        if "field" in given:
            return self._condition(given, pointer)
        if len(given) != 1 or not given.keys() <= {"all", "any", "not"}:
            return self._fault(pointer, "invalid", "one of all, any and not, or a condition with a field")
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


# --- compiling ---------------------------------------------------------------------------------------


def compiled(node: Node, types: Mapping[str, Type], faults: list[Fault]) -> Rule | None:
    """The rule as it is asked; `types` has each of its fields, or the field is a fault."""
    turns: list[tuple[Get, datetime.timedelta]] = []
    uses: set[uuid.UUID] = set()
    test = _test(node, types, faults, turns, uses)
    if faults:
        return None
    mentions = frozenset(each.field for each in conditions(node))
    return Rule(test=test, mentions=mentions, uses=frozenset(uses), turns=tuple(turns))


def _test(
    node: Node,
    types: Mapping[str, Type],
    faults: list[Fault],
    turns: list[tuple[Get, datetime.timedelta]],
    uses: set[uuid.UUID],
) -> Test:
    if isinstance(node, Group):
        tests = [_test(part, types, faults, turns, uses) for part in node.parts]
        return _joined(node.of, tests)
    type_ = types.get(node.field)
    if type_ is None:
        faults.append(Fault(f"{node.pointer}/field", "unknown_field", "there is no such field to ask for"))
        return _never
    family = "id" if type_.startswith("id:") else "set" if type_.startswith("set:") else type_
    if node.operator not in OPERATORS[family]:
        known = ", ".join(OPERATORS[family])
        faults.append(Fault(f"{node.pointer}/operator", "unknown_operator", f"use one of {known}"))
        return _never
    try:
        return _compared(node, type_, family, turns, uses)
    except (ValueError, InvalidOperation, ids.IdError) as error:
        detail = str(error) if isinstance(error, ids.IdError) else f"a value of type {family}"
        faults.append(Fault(f"{node.pointer}/value", "invalid", detail))
        return _never


def _compared(
    node: Condition,
    type_: Type,
    family: str,
    turns: list[tuple[Get, datetime.timedelta]],
    uses: set[uuid.UUID],
) -> Test:
    read = _reader(type_)
    if family == "set":
        wanted = frozenset(map(read, _several(node)))
        if node.field == SEGMENT:
            uses |= wanted
            return lambda facts: not wanted.isdisjoint(facts.members)
        return lambda facts: not wanted.isdisjoint(facts.tags)
    get = _getter(node.field, family)
    match node.operator:
        case "null":
            empty = _boolean(node.value)
            return lambda facts: (get(facts) is None) is empty
        case "more_than_ago" | "less_than_ago":
            ago = _ago(node.value)
            turns.append((get, ago))
            return _more_than_ago(get, ago) if node.operator == "more_than_ago" else _less_than_ago(get, ago)
        case "in" | "eq":
            several = frozenset(map(read, _several(node)))
            if family == "choices":
                return lambda facts: not several.isdisjoint(get(facts) or ())
            return lambda facts: get(facts) in several
        case "contains" | "starts_with":
            part = str(_text(node.value)).casefold()
            if not part:
                raise ValueError
            if node.operator == "contains":
                return lambda facts: part in (get(facts) or "").casefold()
            return lambda facts: (get(facts) or "").casefold().startswith(part)
        case _:
            return _ordered(node.operator, get, read(node.value))


def _several(node: Condition) -> Sequence[Any]:
    if node.operator != "in":
        return [node.value]
    if not isinstance(node.value, list) or not 1 <= len(node.value) <= MOST_VALUES:
        raise ValueError
    return node.value


def _joined(of: str, tests: Sequence[Test]) -> Test:
    if of == "not":
        (one,) = tests
        return lambda facts: not one(facts)
    if of == "all":
        return lambda facts: all(test(facts) for test in tests)
    return lambda facts: any(test(facts) for test in tests)


def _never(_: Facts) -> bool:
    return False


def _ordered(operator: str, get: Get, bound: Any) -> Test:
    def test(facts: Facts) -> bool:
        value = get(facts)
        if value is None:
            return False
        match operator:
            case "gt":
                return bool(value > bound)
            case "gte":
                return bool(value >= bound)
            case "lt":
                return bool(value < bound)
            case _:
                return bool(value <= bound)

    return test


def _more_than_ago(get: Get, ago: datetime.timedelta) -> Test:
    def test(facts: Facts) -> bool:
        at = _after(get(facts), ago)
        return at is not None and at <= facts.now

    return test


def _less_than_ago(get: Get, ago: datetime.timedelta) -> Test:
    def test(facts: Facts) -> bool:
        at = _after(get(facts), ago)
        return at is not None and at > facts.now

    return test


def _after(moment: datetime.datetime | None, ago: datetime.timedelta) -> datetime.datetime | None:
    """At the end of time where it would be later."""
    try:
        return None if moment is None else moment + ago
    except OverflowError:
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)


# --- values ------------------------------------------------------------------------------------------


def _getter(name: str, family: str) -> Get:
    if name.startswith(PERSON):
        of_person = _of_row(name.removeprefix(PERSON), family)
        return lambda facts: None if facts.person is None else of_person(facts.person)
    of_row = _of_row(name, family)
    return lambda facts: of_row(facts.row)


def _of_row(name: str, family: str) -> Callable[[Mapping[str, Any]], Any]:
    key = key_of(name)
    if key is None:
        return itemgetter(name)
    kept = _KEPT.get(family)

    def get(row: Mapping[str, Any]) -> Any:
        value = (row["custom"] or {}).get(key)
        return value if value is None or kept is None else kept(value)

    return get


def _reader(type_: Type) -> Callable[[Any], Any]:
    if type_.startswith(("id:", "set:")):
        prefix = type_.partition(":")[2]
        return lambda value: ids.read(prefix, value)
    return _READ[type_]


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > MOST_CHARACTERS:
        raise ValueError
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        raise ValueError
    found = Decimal(str(value))
    if not found.is_finite():
        raise ValueError
    return found


def _day(value: Any) -> datetime.date:
    return datetime.date.fromisoformat(_text(value))


def _moment(value: Any) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(_text(value))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError


def _ago(value: Any) -> datetime.timedelta:
    match = _AGO.match(_text(value))
    if match is None or int(match[1]) == 0:
        raise ValueError
    return int(match[1]) * _UNITS[match[2]]


#: What a condition says, as it is compared.
_READ: Mapping[Type, Callable[[Any], Any]] = {
    "text": _text,
    "folded": lambda value: _text(value).casefold(),
    "number": _number,
    "decimal": _decimal,
    "amount": _number,
    "day": _day,
    "moment": _moment,
    "boolean": _boolean,
    "choices": _text,
}
#: What a custom field holds, as it is compared.
_KEPT: Mapping[Type, Callable[[Any], Any]] = {
    "folded": str.casefold,
    "decimal": Decimal,
    "amount": lambda kept: kept["minor"],
    "day": datetime.date.fromisoformat,
    "moment": datetime.datetime.fromisoformat,
}
