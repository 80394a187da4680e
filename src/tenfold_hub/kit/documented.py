"""What the API's description says of a route beyond the types of its body and path: parameters that it reads
itself, the parts of a thing that a reader may ask for, the results of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import UNSET, UnsetType

from tenfold_hub.kit.listing import MOST, USUAL
from tenfold_hub.kit.problems import ProblemDocument
from tenfold_hub.kit.resource import Operator, Resource, SqlType

#: Writes that take a key are done once, however often they are sent.
KEY = Parameter(
    name="Idempotency-Key",
    param_in="header",
    description="The answer to the same request with the same key is that of the first, for 24 hours.",
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255, pattern="^[ -~]+$"),
)
MATCH = Parameter(
    name="If-Match",
    param_in="header",
    description="The ETag that was read; 412 where the thing was changed since.",
    schema=Schema(type=OpenAPIType.STRING),
)
UNCHANGED = Parameter(
    name="If-None-Match",
    param_in="header",
    description="The ETag that was read; 304 where the thing is as it was.",
    schema=Schema(type=OpenAPIType.STRING),
)
_TYPES: dict[SqlType, Schema] = {
    "bigint": Schema(type=OpenAPIType.INTEGER, minimum=-(2**63), maximum=2**63 - 1),
    "integer": Schema(type=OpenAPIType.INTEGER, minimum=-(2**31), maximum=2**31 - 1),
    "boolean": Schema(type=OpenAPIType.BOOLEAN),
    "timestamptz": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME),
    "date": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE),
}
_TEXT = Schema(type=OpenAPIType.STRING)


#: An answer that is a file, and not JSON.
FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


class Count(msgspec.Struct):
    """At most 1,001 where it is capped."""

    value: int
    capped: bool


def described(parameters: Sequence[Parameter], body: RequestBody | None = None) -> type[Operation]:
    """An operation that takes these besides what its handler names."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *parameters]
            self.request_body = self.request_body or body

    return Described


def of_list(resource: Resource, paths: Sequence[str] = ()) -> list[Parameter]:
    """What every list takes; `paths` are what things can be expanded by."""
    sorts = ["id", *resource.sorts]
    by = [*sorts, *(f"-{name}" for name in sorts)]
    custom = "; `custom.<key>` for a custom field" if resource.custom else ""
    return [
        _query("limit", Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MOST, default=USUAL)),
        _query("cursor", _TEXT, "The `next_cursor` or `previous_cursor` of a page."),
        _query("sort", _TEXT if resource.custom else _one_of(by), f"One of {', '.join(by)}{custom}."),
        *of_one(resource, paths),
        _query("count", _one_of(["capped"]), "Count as well, up to 1,001."),
        _query("archived", Schema(type=OpenAPIType.BOOLEAN, default=False), "Those that are archived."),
        *(_filter(resource, name, operators) for name, operators in _filters(resource).items()),
    ]


def of_one(resource: Resource, paths: Sequence[str] = ()) -> list[Parameter]:
    """What is to be shown of each."""
    custom = "; `custom.<key>` for a custom field" if resource.custom else ""
    fields = f"With commas between: {', '.join(resource.fields)}{custom}. None named is all that is usual."
    found = [_query("fields", _TEXT, fields)]
    if paths := paths or tuple(resource.expands):
        found.append(_query("expand", _TEXT, f"With commas between: {', '.join(paths)}."))
    return found


def of_get(resource: Resource, paths: Sequence[str] = ()) -> list[Parameter]:
    return [*of_one(resource, paths), UNCHANGED]


def of_struct(kind: type[msgspec.Struct]) -> list[Parameter]:
    """One for each field: its choices where it is one of some words, else a text."""
    found = []
    for each in msgspec.structs.fields(kind):
        choices = [choice for one in (each.type, *get_args(each.type)) for choice in get_args(one)]
        words = [choice for choice in choices if isinstance(choice, str)]
        parameter = _query(each.name, _one_of(words) if words else _TEXT)
        parameter.required = each.required
        found.append(parameter)
    return found


def view_of(resource: Resource, expansion: Callable[[Resource, str], Any]) -> Any:
    """A thing as somebody reads it: the fields that they name, and what they expand it by."""
    fields: list[Any] = []
    expansions = {name: type for name in resource.expands if (type := expansion(resource, name)) is not None}
    for each in msgspec.structs.fields(resource.shown):
        if each.name == "id":
            fields.append(("id", str))
        elif each.name not in expansions:
            fields.append((each.name, each.type | UnsetType, UNSET))
    fields += [(name, type | UnsetType, UNSET) for name, type in expansions.items()]
    return struct(f"{resource.shown.__name__}View", fields)


def page_of(resource: Resource, view: Any) -> Any:
    cursors = [("next_cursor", str | None), ("previous_cursor", str | None)]
    items: Any = ("items", list[view])
    return struct(f"PageOf{resource.shown.__name__}", [items, *cursors, ("count", Count | UnsetType, UNSET)])


def results_of(shown: Any) -> Any:
    """Of a batch: for each item the thing, or why it was refused."""
    result: Any = struct(
        f"ResultOf{shown.__name__}",
        [
            ("status", int),
            ("ref", str | UnsetType, UNSET),
            ("item", shown | UnsetType, UNSET),
            ("problem", ProblemDocument | UnsetType, UNSET),
        ],
    )
    items: Any = ("items", list[result])
    return struct(f"ResultsOf{shown.__name__}", [items])


def files(*types: str) -> RequestBody:
    """A body that is a file, of one of these types."""
    return RequestBody(required=True, content={type: OpenAPIMediaType(schema=FILE) for type in types})


def struct(name: str, fields: Sequence[Any]) -> Any:
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)


def _filters(resource: Resource) -> Mapping[str, Sequence[Operator]]:
    sets: dict[str, Sequence[Operator]] = dict.fromkeys((*resource.sets, "id"), ("eq", "in"))
    return sets | {name: each.operators for name, each in resource.filters.items()}


def _filter(resource: Resource, name: str, operators: Sequence[Operator]) -> Parameter:
    others = ", ".join(f"`filter[{name}][{each}]`" for each in operators if each != "eq")
    declared = resource.filters.get(name)
    column = name if declared is None or declared.normal is not None else declared.column or name
    schema = _TYPES.get(resource.types.get(column, "text"), _TEXT)
    return _query(f"filter[{name}]", schema, f"Also {others}." if others else "")


def _query(name: str, schema: Schema, description: str = "") -> Parameter:
    return Parameter(name=name, param_in="query", schema=schema, description=description or None)


def _one_of(values: Sequence[str]) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(values))
