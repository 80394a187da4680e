"""One custom field, as everything else asks it: immutable."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from tenfold.runtime import Row

Type: TypeAlias = Literal[
    "text", "textarea", "number", "decimal", "date", "datetime", "boolean",
    "dropdown", "radio", "checkbox", "url", "email", "phone", "currency",
]  # fmt: skip
Visibility: TypeAlias = Literal["shown", "hidden"]
#: Of a field's rows of values: see `filling`.
State: TypeAlias = Literal["none", "filling", "ready", "clearing"]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What values have to be. Which of these a type knows, `types` says."""

    #: Bounds, in the form that values have: 10, "12.50", "2026-01-31".
    min: int | float | str | None = None
    max: int | float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    #: A regular expression (RE2) that the whole text matches.
    pattern: str | None = None
    #: Digits behind the point.
    decimals: int | None = None
    #: ISO 4217.
    currency: str | None = None


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a choice. Its value is forever; its label may change."""

    value: str
    label: str
    archived: bool = False


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One custom field. Immutable down to its default, which is JSON."""

    id: uuid.UUID
    key: str
    label: str
    type: Type
    required: bool
    unique: bool
    filterable: bool
    default: str | None
    rules: Rules
    options: tuple[Option, ...]
    visibility: Visibility
    state: State
    archived: bool

    @property
    def indexed(self) -> bool:
        """Writers keep rows of its values."""
        return self.state in ("filling", "ready") and not self.archived

    @property
    def choices(self) -> dict[str, Option]:
        return {option.value: option for option in self.options}


def of_row(row: Mapping[str, Any] | Row) -> Field:
    return Field(
        id=row["id"],
        key=row["key"],
        label=row["label"],
        type=row["type"],
        required=row["required"],
        unique=row["unique"],
        filterable=row["filterable"],
        default=_text(row["default"]),
        rules=msgspec.convert(_plain(row["rules"]), Rules),
        options=msgspec.convert(_plain(row["options"]), tuple[Option, ...]),
        visibility=row["visibility"],
        state=row["state"],
        archived=row["archived_at"] is not None,
    )


def _plain(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str) else value


def _text(value: Any) -> str | None:
    """JSON, which the driver gives as text, and a change as what it says."""
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
