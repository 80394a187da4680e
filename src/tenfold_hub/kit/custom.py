"""Custom fields as lists and routes see them: what an organization defined on one kind of thing.

Values of a thing are its column `custom`, a JSON object; those that lists are filtered and sorted by stand
once more in rows of their own: typed, indexed by (organization_id, field_id, archived, value, created_at,
object_id), one for each thing and value, and one that is NULL for each thing that has none.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tenfold.runtime import Session
from tenfold_hub.kit.resource import Operator, SqlType

#: Of a custom field's name in a list: `custom.city`.
PREFIX = "custom."
#: Custom fields that `fields` may name.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A custom field that a list can be filtered by."""

    id: uuid.UUID
    #: Of its values: schema and name, and the type of the column `value`.
    table: tuple[str, str]
    type: SqlType
    operators: tuple[Operator, ...]
    #: A thing has one value at most, so that it has one place in an order.
    single: bool
    #: No two things have the same.
    unique: bool = False
    #: Brings what is looked for into the form that values have. Raises ValueError.
    normal: Callable[[Any], object]


class Custom(Protocol):
    """The custom fields of one kind of thing in one organization, as of a moment."""

    @property
    def keys(self) -> Collection[str]:
        """Those that a client may name."""

    @property
    def concealed(self) -> Sequence[str]:
        """Those that are not shown unless a client names them, and those that are archived."""

    def indexed(self, key: str, *, sort: bool = False) -> Indexed:
        """Raises Problem `not_filterable` or `not_sortable`, which says why."""


class CustomFields(Protocol):
    """Where the custom fields of one kind of thing are found."""

    async def of(self, session: Session) -> Custom: ...


def key_of(name: str) -> str | None:
    """The key of a custom field that a list names; None for another field."""
    return name[len(PREFIX) :] if name.startswith(PREFIX) else None


def revealed(value: Any, keys: Collection[str], custom: Custom) -> Any:
    """What is shown of a thing's values: of the keys that were named, or of all that are not concealed."""
    values = msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value or {}
    if keys:
        return {key: values.get(key) for key in keys}
    return {key: each for key, each in values.items() if key not in custom.concealed}
