"""What a client asks of a list, from the query string, or the body of a search, to the list.

    ?filter[status][eq]=open&filter[score][gte]=50&sort=-created_at&fields=name,status&limit=50&cursor=...

Custom fields are named `custom.city`; what they are is looked up when the list is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tenfold.errors import did_you_mean
from tenfold_hub.kit.conditions import Condition, filterable, is_custom
from tenfold_hub.kit.custom import MOST_NAMED, PREFIX
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.selecting import Listing

MOST, USUAL = 200, 50
#: Of one list, those of its groups with them.
MOST_CONDITIONS, MOST_GROUPS = 20, 5

_FILTER = re.compile(r"filter\[((?:custom\.)?\w+)\](?:\[(\w+)\])?\Z")


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """Conditions, each `[field, operator, value]`: all `filters` hold, and all of one of the `groups`."""

    filters: Annotated[
        list[tuple[str, str, Any]],
        Meta(description="All of them hold.", examples=[[["created_at", "gte", "2026-01-01"]]]),
    ] = []
    groups: Annotated[
        list[Annotated[list[tuple[str, str, Any]], Meta(min_length=1)]],
        Meta(
            max_length=MOST_GROUPS,
            description="What is found meets all conditions of one group, whichever.",
            examples=[[[["status", "eq", "active"], ["score", "gte", 50]], [["source", "eq", "fair"]]]],
        ),
    ] = []
    sort: str = ""
    fields: list[str] = []
    expand: list[str] = []
    limit: int = USUAL
    cursor: str | None = None
    count: Literal["capped"] | None = None
    archived: bool = False


def listing(
    resource: Resource, parameters: Sequence[tuple[str, str]], expandable: Collection[str] | None = None
) -> Listing:
    """Of a query string. Raises Problem, with each parameter that is wrong.

    `expandable` are all paths that things can be expanded by, where these are more than their own names.
    """
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
    if sort and by not in {"id", *resource.sorts} and not is_custom(resource, by):
        known = ", ".join(["id", *resource.sorts])
        raise Problem(
            "not_sortable",
            f"{resource.name} cannot be sorted by this field; they can by {known}",
            [Fault("sort", "not_sortable", f"sort by one of {known}")],
        )
    fields, keys = fields_of(resource, plain.get("fields"), faults)
    expand = _expand(resource, plain.get("expand"), expandable, faults)
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


def searched(resource: Resource, asked: Search, expandable: Collection[str] | None = None) -> Listing:
    """Of a body. Raises Problem."""
    texts = {"sort": asked.sort, "cursor": asked.cursor, "count": asked.count}
    texts |= {"fields": ",".join(asked.fields), "expand": ",".join(asked.expand)}
    plain = [(name, text) for name, text in texts.items() if text]
    plain += [("limit", str(asked.limit)), ("archived", "true" if asked.archived else "false")]
    found = listing(resource, plain, expandable)
    if len(asked.filters) + sum(map(len, asked.groups)) > MOST_CONDITIONS:
        raise Problem("invalid_request", f"at most {MOST_CONDITIONS} conditions, those of groups with them")
    return replace(
        found,
        conditions=_conditions(resource, asked.filters),
        groups=tuple(_conditions(resource, group) for group in asked.groups),
    )


def by_id(
    parameters: Mapping[str, str], resource: Resource, expandable: Collection[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The fields, custom fields and expansions that are asked of one thing. Raises Problem."""
    if not parameters:
        return resource.fields, (), resource.whole
    faults: list[Fault] = []
    fields, keys = fields_of(resource, parameters.get("fields"), faults)
    expand = _expand(resource, parameters.get("expand"), expandable, faults)
    for name in parameters.keys() - {"fields", "expand"}:
        faults.append(Fault(name[:40], "unknown_parameter", f"there is no parameter {name[:40]!r}"))
    if faults:
        raise Problem("invalid_request", faults[0].detail, faults)
    return fields or resource.fields, keys, expand or (() if fields else resource.whole)


def fields_of(
    resource: Resource, text: str | None, faults: list[Fault]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is to be shown, and of the custom fields which; none is all."""
    names = tuple(dict.fromkeys(text.split(","))) if text else ()
    custom = [name for name in names if is_custom(resource, name)]
    if len(custom) > MOST_NAMED:
        faults.append(Fault("fields", "too_many", f"at most {MOST_NAMED} custom fields"))
    plain = _names(",".join(name for name in names if name not in custom), resource.fields, "fields", faults)
    if not custom or "custom" in plain:
        return plain, ()
    return (*plain, "custom"), tuple(name.removeprefix(PREFIX) for name in custom)


def _condition(resource: Resource, match: re.Match[str], value: str) -> Condition:
    name, operator = match[1], match[2] or "eq"
    filterable(resource, name, operator)
    given: Any = value.split(",") if operator == "in" else value
    return Condition(name, operator, given)  # type: ignore[arg-type] # one of the declared


def _conditions(resource: Resource, given: Iterable[tuple[str, str, Any]]) -> tuple[Condition, ...]:
    found = []
    for name, operator, value in given:
        filterable(resource, name, operator)
        found.append(Condition(name, operator, value))  # type: ignore[arg-type] # one of the declared
    return tuple(found)


def _expand(
    resource: Resource, text: str | None, expandable: Collection[str] | None, faults: list[Fault]
) -> tuple[str, ...]:
    return _names(text, resource.expands if expandable is None else expandable, "expand", faults)


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
