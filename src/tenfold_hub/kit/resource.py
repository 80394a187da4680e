"""What a kind of thing is: its table, what the API shows and takes of it, and how it can be listed.

A domain declares its resources once; lists, writes, batches, imports, the audit log and the routes follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from tenfold_hub.kit.problems import Fault

#: PostgreSQL's types of columns that resources have.
SqlType: TypeAlias = Literal["uuid", "text", "bigint", "integer", "boolean", "timestamptz", "date", "jsonb"]
Operator: TypeAlias = Literal["eq", "in", "gt", "gte", "lt", "lte", "null"]

EQUAL: tuple[Operator, ...] = ("eq", "in", "null")
RANGE: tuple[Operator, ...] = ("eq", "in", "gt", "gte", "lt", "lte", "null")

#: Columns that every resource has, besides `organization_id`, which leads every key and is never shown.
COMMON: dict[str, SqlType] = {
    "id": "uuid",
    "version": "bigint",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "archived_at": "timestamptz",
}


class Thing(msgspec.Struct, kw_only=True):
    """What is shown of every thing: the common columns."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """What is taken where things are made or changed by rules of their own, and not by being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """Rows that say which things have a tag or a label, or are in a segment: by a key of the organization,
    `column` and the thing's id, in this order.
    """

    schema: str
    table: str
    column: str
    type: SqlType = "uuid"
    #: Of the ids that the column holds.
    prefix: str = ""
    #: The column of the things' own ids.
    of: str = "object_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A field that a list can be filtered by, since an index that leads with the organization serves it."""

    operators: tuple[Operator, ...] = EQUAL
    #: The column that is compared, where it is not the field's own: a normalised copy of it, say.
    column: str = ""
    #: Brings what is looked for into the form that the column has; None finds nothing.
    normal: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A field that a list can be sorted by: an index holds (organization_id, field, id) of live rows."""

    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of thing. `name` is its part of the path, in the plural."""

    name: str
    singular: str
    #: Of its ids.
    prefix: str
    schema: str
    table: str
    #: Columns besides the common ones, by their type.
    columns: Mapping[str, SqlType]
    #: What the API shows, and takes to create and to change one: msgspec Structs. What a patch does not
    #: name stays; `null` empties it.
    shown: type[msgspec.Struct]
    new: type[msgspec.Struct]
    patch: type[msgspec.Struct]
    #: Fields that hold ids of other things, and their prefix.
    refs: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    default_sort: str = "-created_at"
    #: What a list shows where the client does not say; None is all.
    listed: tuple[str, ...] | None = None
    #: What `expand` shows: fields that stand for another thing, by the name of its resource, or parts of this
    #: one, by any name, which its domain adds to the expander.
    expands: Mapping[str, str] = field(default_factory=dict)
    #: What one thing is expanded by where the client names neither fields nor expansions.
    whole: tuple[str, ...] = ()
    #: What a violated constraint means to a client.
    constraints: Mapping[str, Fault] = field(default_factory=dict)
    #: Columns that are shown to nobody, such as normalised copies.
    hidden: frozenset[str] = frozenset()
    #: What its things are known by outside, the usual one first: fields that lists are filtered by, unique or
    #: held so, and names of what its domain adds to `Records.keys`.
    keys: tuple[str, ...] = ()
    #: Custom fields may be defined on it; their values are its `custom`.
    custom: bool = False
    #: Names of sets that a list can be narrowed to, and that a domain above keeps: see `Records.sets`.
    sets: tuple[str, ...] = ()
    #: The writes that it has routes for; others it has by rules of its own, or not at all.
    writes: frozenset[str] = frozenset({"create", "update", "archive", "restore"})
    #: What credentials need, where it is not `<name>:read` and `<name>:write`.
    read_scope: str = ""
    write_scope: str = ""

    @cached_property
    def types(self) -> dict[str, SqlType]:
        """All columns but the organization's."""
        return {**COMMON, **self.columns}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """What a client may see, in the order of the columns."""
        return tuple(name for name in self.types if name not in self.hidden)

    @cached_property
    def ids(self) -> dict[str, str]:
        return {"id": self.prefix, **self.refs}

    @cached_property
    def to_read(self) -> str:
        """The scope that credentials need."""
        return self.read_scope or f"{self.name}:read"

    @cached_property
    def to_write(self) -> str:
        return self.write_scope or f"{self.name}:write"


class Resources:
    """All of a hub, by name."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources: dict[str, Resource] = {}
        for resource in resources:
            if resource.name in self._resources:
                raise ValueError(f"two resources are named {resource.name}")
            self._resources[resource.name] = resource

    def __getitem__(self, name: str) -> Resource:
        return self._resources[name]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())
