"""One condition of a list: what may be compared, how, and with which values.

A field that no index serves is refused by its name, so that no list becomes slow as its table grows.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.errors import did_you_mean
from tenfold_hub.kit import ids
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Filter, Operator, Resource, SqlType

#: Values that one `in` may name.
MOST_VALUES = 100

#: Of the id of every resource, and of sets.
_ONE_OF = Filter(operators=("eq", "in"))


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`, the value as it came: text, or JSON."""

    field: str
    operator: Operator
    value: Any


def filterable(resource: Resource, name: str, operator: str) -> Filter | None:
    """None for a custom field, which its definition decides on. Raises Problem `not_filterable`."""
    if is_custom(resource, name):
        return None
    found = _ONE_OF if name == "id" or name in resource.sets else resource.filters.get(name)
    if found is None:
        names = sorted({"id", *resource.filters, *resource.sets})
        known = ", ".join(names)
        raise Problem(
            "not_filterable",
            f"no index serves {resource.name} by {name[:40]!r}{did_you_mean(name, names)}; "
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


def is_custom(resource: Resource, name: str) -> bool:
    return resource.custom and name.startswith(PREFIX)


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
