"""Rows that statements of the domain write: parts of a thing, and things, by arrays, many at once."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tenfold.runtime import Row, Session, quoted_name
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.rows import Values


def begun(resource: Resource, now: datetime.datetime) -> Values:
    """A new thing: all of its columns, and in those that every resource has what they begin with."""
    common: Values = {"id": new_id(), "version": 1, "created_at": now, "updated_at": now}
    return dict.fromkeys(resource.types) | common


def taken(singular: str) -> Problem:
    """For one that was asked for otherwise, under the same external id."""
    detail = f"another {singular} has this external_id"
    return Problem("taken", detail, [Fault("/external_id", "taken", detail)])


class Parts:
    """A table of the schema: its columns, by type, besides the organization's."""

    def __init__(self, table: str, columns: Mapping[str, str], *, end: str = "") -> None:
        """`end` is what follows the INSERT: ON CONFLICT, RETURNING."""
        self._names = tuple(columns)
        self._json = frozenset(name for name, type_ in columns.items() if type_ == "jsonb")
        names = ", ".join(map(quoted_name, columns))
        arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(columns.values(), 2))
        table = quoted_name("commerce", table)
        self._insert = (
            f"INSERT INTO {table} (organization_id, {names}) SELECT $1, * FROM unnest({arrays}){end}"
        )
        self._select = f"SELECT {names} FROM {table} WHERE organization_id = $1"

    async def insert(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """What RETURNING says of those that were written."""
        return await session.fetch(self._insert, session.tenant, *self._arrays(rows)) if rows else ()

    async def of(
        self, session: Session, column: str, ids: Sequence[uuid.UUID], order: str
    ) -> list[dict[str, Any]]:
        """Those of things with these ids, as values."""
        text = f"{self._select} AND {quoted_name(column)} = ANY($2::uuid[]) ORDER BY {order}"
        return [self._values(row) for row in await session.fetch(text, session.tenant, list(ids))]

    def _values(self, row: Row) -> dict[str, Any]:
        found = {name: row[name] for name in self._names}
        for name in self._json:
            if isinstance(found[name], str):
                found[name] = msgspec.json.decode(found[name])
        return found

    def _arrays(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        return [[self._sent(name, row[name]) for row in rows] for name in self._names]

    def _sent(self, name: str, value: Any) -> Any:
        return msgspec.json.encode(value).decode() if name in self._json and value is not None else value
