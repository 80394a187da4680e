"""What a client asks of a list, from the query string to a statement that an index serves.

    ?filter[status][eq]=open&filter[score][gte]=50&sort=-created_at&fields=name,status&limit=50&cursor=...

A field that no index serves is refused by its name, so that no list becomes slow as its table grows.
Custom fields are named `custom.city`; what they are is looked up when the list is read.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.errors import did_you_mean
from tenfold.runtime import quoted_name
from tenfold.runtime.paging import Order, Query, asc, desc
from tenfold_hub.kit import ids
from tenfold_hub.kit.custom import MOST_NAMED, PREFIX, Custom, Indexed, key_of
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Filter, Operator, Resource, SqlType, Through

MOST, USUAL = 200, 50
#: Values that one `in` may name, and conditions of one list.
MOST_VALUES, MOST_CONDITIONS = 100, 20

_FILTER = re.compile(r"filter\[((?:custom\.)?\w+)\](?:\[(\w+)\])?\Z")
#: Of every resource: many things in one request.
_BY_ID = Filter(operators=("eq", "in"))
_OF_SET = Filter(operators=("eq", "in"))
_SQL: dict[str, str] = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`, the value as it came: text, or JSON."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list that was asked for, and can be given."""

    resource: Resource
    conditions: tuple[Condition, ...] = ()
    sort: str = ""
    #: What is shown of each; the id always is.
    fields: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()
    limit: int = USUAL
    cursor: str | None = None
    #: Count as well, up to a cap.
    counted: bool = False
    archived: bool = False
    #: Of the custom fields, these alone; none named is all.
    keys: tuple[str, ...] = ()
    #: What the organization defined; needed as soon as the list is read.
    custom: Custom | None = None
    #: Where the sets of its resource are kept, by name; needed as soon as the list is read.
    sets: Mapping[str, Through] = field(default_factory=dict)

    def query(self, organization: uuid.UUID) -> Query:
        """The rows, without order and limit. Raises Problem for a value that does not fit its field."""
        return _Select(self, organization).query()

    def ids_of(self, prefix: str) -> list[uuid.UUID]:
        """Those of one kind of thing that conditions name. Raises Problem for what is none."""
        found = []
        for each in self.conditions:
            if self.resource.ids.get(each.field) == prefix and each.operator in ("eq", "in"):
                for value in each.value if isinstance(each.value, list) else [each.value]:
                    id = value_of(value, "uuid", each.field, prefix)
                    assert isinstance(id, uuid.UUID)
                    found.append(id)
        return found

    def with_ids(self, others: Mapping[uuid.UUID, uuid.UUID]) -> Listing:
        """The same list, by the ids that these stand for."""
        shown = {id: other for id, other in others.items() if id != other}
        if not shown:
            return self

        def turned(condition: Condition) -> Condition:
            prefix = self.resource.ids.get(condition.field)
            if prefix is None or condition.operator not in ("eq", "in"):
                return condition
            texts = {ids.shown(prefix, id): ids.shown(prefix, other) for id, other in shown.items()}
            if isinstance(condition.value, list):
                return replace(condition, value=[texts.get(each, each) for each in condition.value])
            return replace(condition, value=texts.get(condition.value, condition.value))

        return replace(self, conditions=tuple(map(turned, self.conditions)))

    @property
    def order(self) -> Order:
        by = self.sort or self.resource.default_sort
        name = by.removeprefix("-")
        to = desc if by.startswith("-") else asc
        if name == "id":
            return Order(to("id"), key="id")
        if key_of(name) is not None:
            # As the index of custom values has it: things of one value in the order of their making.
            return Order(to(name), to("created_at", nullable=False), key="id")
        return Order(to(name, nullable=self.resource.sorts[name].nullable), key="id")


def listing(resource: Resource, parameters: Sequence[tuple[str, str]]) -> Listing:
    """Of a query string. Raises Problem, with each parameter that is wrong."""
    faults: list[Fault] = []
    conditions: list[Condition] = []
    plain: dict[str, str] = {}
    for name, value in parameters:
        if match := _FILTER.match(name):
            conditions.append(_condition(resource, match, value))
        elif name in ("limit", "cursor", "sort", "fields", "expand", "count", "archived"):
            plain[name] = value
        else:
            faults.append(Fault(name, "unknown_parameter", f"there is no parameter {name[:40]!r}"))
    limit = _limit(plain.get("limit"), faults)
    sort = plain.get("sort", "")
    by = sort.removeprefix("-")
    if sort and by not in {"id", *resource.sorts} and not _is_custom(resource, by):
        known = ", ".join(["id", *resource.sorts])
        raise Problem(
            "not_sortable",
            f"{resource.name} cannot be sorted by this field; they can by {known}",
            [Fault("sort", "not_sortable", f"sort by one of {known}")],
        )
    fields, keys = fields_of(resource, plain.get("fields"), faults)
    expand = _names(plain.get("expand"), tuple(resource.expands), "expand", faults)
    if plain.get("count", "capped") != "capped":
        faults.append(Fault("count", "invalid", "the only count is `capped`"))
    if plain.get("archived", "false") not in ("true", "false"):
        faults.append(Fault("archived", "invalid", "true or false"))
    if len(conditions) > MOST_CONDITIONS:
        faults.append(Fault("filter", "too_many", f"at most {MOST_CONDITIONS} conditions"))
    if faults:
        raise Problem("invalid_request", faults[0].detail, faults)
    return Listing(
        resource=resource,
        conditions=tuple(conditions),
        sort=sort,
        fields=fields or resource.listed or resource.fields,
        expand=expand,
        limit=limit,
        cursor=plain.get("cursor"),
        counted="count" in plain,
        archived=plain.get("archived") == "true",
        keys=keys,
    )


def filterable(resource: Resource, name: str, operator: str) -> Filter | None:
    """None for a custom field, which its definition decides on. Raises Problem `not_filterable`."""
    if _is_custom(resource, name):
        return None
    found = _OF_SET if name in resource.sets else _BY_ID if name == "id" else resource.filters.get(name)
    if found is None:
        known = ", ".join(sorted({*resource.filters, *resource.sets})) or "nothing"
        raise Problem(
            "not_filterable",
            f"no index serves {resource.name} by {name[:40]!r}{did_you_mean(name, resource.filters)}; "
            f"they can be filtered by {known}",
            [Fault(f"filter[{name[:40]}]", "not_filterable", f"filter by one of {known}")],
        )
    require_operator(name, operator, found.operators)
    return found


def require_operator(name: str, operator: str, known: Sequence[Operator]) -> None:
    """Raises Problem."""
    if operator not in known:
        raise Problem(
            "not_filterable",
            f"{name} is not compared by {operator[:20]!r}; it is by {', '.join(known)}",
            [Fault(f"filter[{name}]", "unknown_operator", f"use one of {', '.join(known)}")],
        )


def fields_of(
    resource: Resource, text: str | None, faults: list[Fault]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is to be shown, and of the custom fields which; none is all."""
    names = tuple(dict.fromkeys(text.split(","))) if text else ()
    custom = [name for name in names if _is_custom(resource, name)]
    if len(custom) > MOST_NAMED:
        faults.append(Fault("fields", "too_many", f"at most {MOST_NAMED} custom fields"))
    plain = _names(",".join(name for name in names if name not in custom), resource.fields, "fields", faults)
    if not custom or "custom" in plain:
        return plain, ()
    return (*plain, "custom"), tuple(name.removeprefix(PREFIX) for name in custom)


def _is_custom(resource: Resource, name: str) -> bool:
    return resource.custom and name.startswith(PREFIX)


def _condition(resource: Resource, match: re.Match[str], value: str) -> Condition:
    name, operator = match[1], match[2] or "eq"
    filterable(resource, name, operator)
    given: Any = value.split(",") if operator == "in" else value
    return Condition(name, operator, given)  # type: ignore[arg-type] # one of the declared


class _Select:
    """The statement of one list, on its way.

    Usually it is read from the things, and values of custom fields are conditions on the side. Sorted by a
    custom field, or held to one value of it in the order of making, it is read from that field's values: one
    range of their index, in its order, and each thing by its key.
    """

    def __init__(self, asked: Listing, organization: uuid.UUID) -> None:
        self._asked, self._resource = asked, asked.resource
        self._parameters: list[object] = [organization]
        self._source = quoted_name(self._resource.schema, self._resource.table) + " AS t"
        self._parts = ["t.organization_id = $1", f"t.archived_at IS {'NOT ' * asked.archived}NULL"]
        #: Columns that are not the things' own.
        self._columns: dict[str, str] = {}
        #: Custom fields that are looked up beside the things: what their values are compared with.
        self._beside: list[tuple[Indexed, list[str]]] = []
        self._ahead = self._read_from()

    def query(self) -> Query:
        asked = self._asked
        for condition in asked.conditions:
            key = key_of(condition.field)
            if key is None:
                self._parts.append(self._own(condition))
            else:
                self._valued(condition, key)
        for looked_up, compared in self._beside:
            where = " AND ".join([*self._range(looked_up), *compared])
            table = quoted_name(*looked_up.table)
            self._parts.append(f"t.id IN (SELECT v.object_id FROM {table} AS v WHERE {where})")
        if "custom" in asked.fields and asked.custom is not None:
            self._columns["custom"] = self._values(asked.custom)
        # What is expanded is found by the field that refers to it, shown or not.
        referring = [name for each in asked.expand if (name := f"{each}_id") in asked.resource.types]
        wanted = dict.fromkeys(("id", "version", *asked.fields, *referring, *asked.order.names))
        columns = ", ".join(
            f"{self._columns.get(name) or f't.{quoted_name(name)}'} AS {quoted_name(name)}" for name in wanted
        )
        where = " AND ".join(self._parts)
        return Query(f"SELECT {columns} FROM {self._source} WHERE {where}", *self._parameters)

    def _parameter(self, value: object) -> str:
        self._parameters.append(value)
        return f"${len(self._parameters)}"

    def _own(self, condition: Condition) -> str:
        found = filterable(self._resource, condition.field, condition.operator)
        assert found is not None
        through = found.through or self._asked.sets.get(condition.field)
        if through is not None:
            return self._through(condition, through)
        column = found.column or condition.field
        type_, prefix = self._resource.types[column], self._resource.ids.get(condition.field, "")

        def value(given: object) -> object:
            compared = value_of(given, type_, condition.field, prefix)
            return found.normal(str(compared)) if found.normal is not None else compared

        # A column that the custom values have, too, is a part of their index.
        name = self._columns.get(column) or f"t.{quoted_name(column)}"
        return self._compared(name, type_, condition, value)

    def _through(self, condition: Condition, rows: Through) -> str:
        def value(given: object) -> object:
            return value_of(given, "uuid", condition.field, rows.prefix)

        compared = self._compared(f"m.{quoted_name(rows.column)}", "uuid", condition, value)
        table = quoted_name(rows.schema, rows.table)
        return f"t.id IN (SELECT m.object_id FROM {table} AS m WHERE m.organization_id = $1 AND {compared})"

    def _compared(
        self, column: str, type_: SqlType, condition: Condition, value: Callable[[object], object]
    ) -> str:
        if condition.operator == "null":
            empty = value_of(condition.value, "boolean", condition.field)
            return f"{column} IS {'' if empty else 'NOT '}NULL"
        if condition.operator == "in":
            values = condition.value if isinstance(condition.value, list) else [condition.value]
            if len(values) > MOST_VALUES:
                raise Problem("invalid_request", f"`in` takes at most {MOST_VALUES} values")
            return f"{column} = ANY({self._parameter([value(each) for each in values])}::{type_}[])"
        return f"{column} {_SQL[condition.operator]} {self._parameter(value(condition.value))}::{type_}"

    # --- custom fields -------------------------------------------------------------------------------

    def _read_from(self) -> str | None:
        """The custom field whose values the list is read from, if there is one."""
        asked = self._asked
        by = asked.order.names[0]
        key = key_of(by)
        if key is None and by == "created_at":
            held = [each.field for each in asked.conditions if each.operator == "eq"]
            key = next(filter(None, map(key_of, held)), None)
        if key is None or asked.custom is None:
            return None
        field = asked.custom.indexed(key, sort=key_of(by) is not None)
        self._source = f"{quoted_name(*field.table)} AS v JOIN {self._source} ON {self._of_same_thing}"
        self._parts += self._range(field)
        self._columns |= {by: "v.value"} if key_of(by) else {}
        self._columns |= {"created_at": "v.created_at", "id": "v.object_id"}
        return f"{PREFIX}{key}"

    #: Both sides name the organization, so that either may be read first.
    _of_same_thing = "t.organization_id = v.organization_id AND t.id = v.object_id"

    def _range(self, field: Indexed) -> list[str]:
        archived = "v.archived" if self._asked.archived else "NOT v.archived"
        return ["v.organization_id = $1", f"v.field_id = {self._parameter(field.id)}", archived]

    def _valued(self, condition: Condition, key: str) -> None:
        assert self._asked.custom is not None
        field = self._asked.custom.indexed(key)
        require_operator(condition.field, condition.operator, field.operators)

        def value(given: object) -> object:
            try:
                return field.normal(given)
            except (ValueError, ArithmeticError) as error:
                fault = Fault(f"filter[{condition.field}]", "invalid", str(error))
                raise Problem("invalid_request", f"{condition.field}: {error}", [fault]) from None

        compared = self._compared("v.value", field.type, condition, value)
        if self._ahead == condition.field and (field.single or condition.operator == "eq"):
            self._parts.append(compared)
            if not field.single:
                # A second value of a field that has several is another row.
                self._ahead = None
            return
        # All bounds of one value are one range; of several values, each may be met by another one.
        for known, others in self._beside:
            if known.id == field.id and field.single:
                others.append(compared)
                return
        self._beside.append((field, [compared]))

    def _values(self, custom: Custom) -> str:
        keys = self._asked.keys
        if not keys:
            if not custom.concealed:
                return "t.custom"
            return f"t.custom - {self._parameter(list(custom.concealed))}::text[]"
        for key in keys:
            if key not in custom.keys:
                raise Problem(
                    "invalid_request",
                    f"there is no custom field {key[:40]!r}{did_you_mean(key, custom.keys)}",
                    [Fault("fields", "unknown_field", "name fields that are defined")],
                )
        named = [self._parameter(key) for key in keys]
        return f"jsonb_build_object({', '.join(f'{key}::text, t.custom -> {key}::text' for key in named)})"


def value_of(value: object, type_: SqlType, field: str, prefix: str = "") -> object:
    """The value, of text or of JSON, as the column has it. Raises Problem."""
    try:
        match type_:
            case "uuid":
                return ids.read(prefix, value)
            case "bigint" | "integer":
                number = None if isinstance(value, bool) else int(str(value))
                if number is None or not -(2**63) <= number < 2**63:
                    raise ValueError
                return number
            case "boolean":
                if isinstance(value, bool):
                    return value
                return {"true": True, "false": False}[str(value)]
            case "timestamptz":
                moment = datetime.datetime.fromisoformat(str(value))
                return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            case "date":
                return datetime.date.fromisoformat(str(value))
            case _:
                if not isinstance(value, str) or "\0" in value:
                    raise ValueError
                return value
    except (ValueError, KeyError, ids.IdError):
        what = f"an id {prefix}_..." if type_ == "uuid" else f"a value of type {type_}"
        raise Problem(
            "invalid_request",
            f"{field} is compared with {what}",
            [Fault(f"filter[{field}]", "invalid", f"give {what}")],
        ) from None


def _limit(text: str | None, faults: list[Fault]) -> int:
    if text is None:
        return USUAL
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        faults.append(Fault("limit", "invalid", f"from 1 to {MOST}"))
        return USUAL
    return int(text)


def _names(text: str | None, known: Iterable[str], parameter: str, faults: list[Fault]) -> tuple[str, ...]:
    if not text:
        return ()
    names = tuple(dict.fromkeys(text.split(",")))
    allowed = tuple(known)
    for name in names:
        if name not in allowed:
            faults.append(
                Fault(parameter, "unknown_field", f"there is no {name[:40]!r}{did_you_mean(name, allowed)}")
            )
    return names


def by_id(
    parameters: Mapping[str, str], resource: Resource
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The fields, custom fields and expansions that are asked of one thing. Raises Problem."""
    if not parameters:
        return resource.fields, (), resource.whole
    faults: list[Fault] = []
    fields, keys = fields_of(resource, parameters.get("fields"), faults)
    expand = _names(parameters.get("expand"), tuple(resource.expands), "expand", faults)
    for name in parameters.keys() - {"fields", "expand"}:
        faults.append(Fault(name[:40], "unknown_parameter", f"there is no parameter {name[:40]!r}"))
    if faults:
        raise Problem("invalid_request", faults[0].detail, faults)
    return fields or resource.fields, keys, expand or (() if fields else resource.whole)
