"""What a client asks of a list, from the query string to a statement that an index serves.

    ?filter[status][eq]=open&filter[score][gte]=50&sort=-created_at&fields=name,status&limit=50&cursor=...

A field that no index serves is refused by its name, so that no list becomes slow as its table grows.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.errors import did_you_mean
from tenfold.runtime import quoted_name
from tenfold.runtime.paging import Order, Query, asc, desc
from tenfold_hub.kit import ids
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Filter, Operator, Resource, SqlType

MOST, USUAL = 200, 50
#: Values that one `in` may name, and conditions of one list.
MOST_VALUES, MOST_CONDITIONS = 100, 20

_FILTER = re.compile(r"filter\[(\w+)\](?:\[(\w+)\])?\Z")
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

    def query(self, organization: uuid.UUID) -> Query:
        """The rows, without order and limit. Raises Problem for a value that does not fit its field."""
        table = quoted_name(self.resource.schema, self.resource.table)
        parameters: list[object] = [organization]
        parts = ["organization_id = $1", f"archived_at IS {'NOT ' * self.archived}NULL"]
        for condition in self.conditions:
            parts.append(_sql(self.resource, condition, parameters))
        wanted = dict.fromkeys(("id", "version", *self.fields, *self.order.names))
        columns = ", ".join(map(quoted_name, wanted))
        return Query(f"SELECT {columns} FROM {table} WHERE {' AND '.join(parts)}", *parameters)

    @property
    def order(self) -> Order:
        by = self.sort or self.resource.default_sort
        name = by.removeprefix("-")
        if name == "id":
            return Order(desc("id") if by.startswith("-") else asc("id"), key="id")
        sort = self.resource.sorts[name]
        column = (desc if by.startswith("-") else asc)(name, nullable=sort.nullable)
        return Order(column, key="id")


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
    if sort and sort.removeprefix("-") not in {"id", *resource.sorts}:
        known = ", ".join(["id", *resource.sorts])
        raise Problem(
            "not_sortable",
            f"{resource.name} cannot be sorted by this field; they can by {known}",
            [Fault("sort", "not_sortable", f"sort by one of {known}")],
        )
    fields = _names(plain.get("fields"), resource.fields, "fields", faults)
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
    )


def filterable(resource: Resource, name: str, operator: str) -> Filter:
    """Raises Problem `not_filterable`, which names what is."""
    found = resource.filters.get(name)
    if found is None:
        known = ", ".join(sorted(resource.filters)) or "nothing"
        raise Problem(
            "not_filterable",
            f"no index serves {resource.name} by {name[:40]!r}{did_you_mean(name, resource.filters)}; "
            f"they can be filtered by {known}",
            [Fault(f"filter[{name[:40]}]", "not_filterable", f"filter by one of {known}")],
        )
    if operator not in found.operators:
        raise Problem(
            "not_filterable",
            f"{name} is not compared by {operator[:20]!r}; it is by {', '.join(found.operators)}",
            [Fault(f"filter[{name}]", "unknown_operator", f"use one of {', '.join(found.operators)}")],
        )
    return found


def _condition(resource: Resource, match: re.Match[str], value: str) -> Condition:
    name, operator = match[1], match[2] or "eq"
    filterable(resource, name, operator)
    given: Any = value.split(",") if operator == "in" else value
    return Condition(name, operator, given)  # type: ignore[arg-type] # one of the declared


def _sql(resource: Resource, condition: Condition, parameters: list[object]) -> str:
    found = filterable(resource, condition.field, condition.operator)
    column = found.column or condition.field
    name, type_ = quoted_name(column), resource.types[column]
    if condition.operator == "null":
        empty = value_of(condition.value, "boolean", condition.field)
        return f"{name} IS {'' if empty else 'NOT '}NULL"
    prefix = resource.ids.get(condition.field, "")

    def value(given: object) -> object:
        compared = value_of(given, type_, condition.field, prefix)
        return found.normal(str(compared)) if found.normal is not None else compared

    if condition.operator == "in":
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        if len(values) > MOST_VALUES:
            raise Problem("invalid_request", f"`in` takes at most {MOST_VALUES} values")
        parameters.append([value(each) for each in values])
        return f"{name} = ANY(${len(parameters)}::{type_}[])"
    parameters.append(value(condition.value))
    return f"{name} {_SQL[condition.operator]} ${len(parameters)}"


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


def by_id(parameters: Mapping[str, str], resource: Resource) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields and expansions that are asked of one thing. Raises Problem."""
    faults: list[Fault] = []
    fields = _names(parameters.get("fields"), resource.fields, "fields", faults)
    expand = _names(parameters.get("expand"), tuple(resource.expands), "expand", faults)
    for name in parameters.keys() - {"fields", "expand"}:
        faults.append(Fault(name[:40], "unknown_parameter", f"there is no parameter {name[:40]!r}"))
    if faults:
        raise Problem("invalid_request", faults[0].detail, faults)
    return fields or resource.fields, expand
