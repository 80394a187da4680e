"""The statements that every resource is read and written by: composed once, for any number of rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tenfold.runtime import Row, Session, quoted_name
from tenfold_hub.kit.resource import Resource

#: Column by column, without the organization's.
Values: TypeAlias = dict[str, Any]


class Rows:
    """Of one resource. Every statement names the organization; policies say the same once more."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        types = resource.types
        table = quoted_name(resource.schema, resource.table)
        columns = ", ".join(map(quoted_name, types))
        arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types.values(), 2))
        # Each key is looked up by itself. Of `= ANY`, or of a join, a plan that was made when the table was
        # small reads all rows of the organization, and compares each with every key.
        self._by = (
            "SELECT t.* FROM unnest($2::{type}[]) AS k (key) CROSS JOIN LATERAL"
            f" (SELECT {{columns}} FROM {table} WHERE organization_id = $1"
            " AND {column} = k.key {rest} OFFSET 0) AS t"
        )
        self._get = self._by.format(type="uuid", columns=columns, column="id", rest="")
        # In one order, so that two writers of overlapping sets wait for each other and do not lock up.
        held = (
            f"(SELECT {columns} FROM {table} WHERE organization_id = $1 AND id = k.id"
            " {rest} FOR NO KEY UPDATE)"
        )
        self._lock = (
            f"SELECT t.* FROM unnest($2::uuid[]) AS k (id) CROSS JOIN LATERAL {held.format(rest='')} AS t"
        )
        self._lock_by = (
            f"WITH k AS MATERIALIZED ({self._by} ORDER BY id) SELECT t.* FROM k CROSS JOIN LATERAL"
            f" {held.format(rest='AND {column} = k.key')} AS t"
        )
        self._walk = (
            f"SELECT {columns} FROM {table} WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3"
            " FOR NO KEY UPDATE"
        )
        self._insert = f"INSERT INTO {table} (organization_id, {columns}) SELECT $1, * FROM unnest({arrays})"
        changed = [name for name in types if name not in ("id", "created_at")]
        self._update = (
            f"UPDATE {table} AS t SET {', '.join(f'{quoted_name(n)} = n.{quoted_name(n)}' for n in changed)}"
            f" FROM unnest({arrays}) AS n ({columns}) WHERE t.organization_id = $1 AND t.id = n.id"
        )
        self._names = tuple(types)
        self._json = frozenset(name for name, type_ in types.items() if type_ == "jsonb")

    async def get(self, session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        """Those that are there, archived ones too."""
        return {row["id"]: row for row in await session.fetch(self._get, session.tenant, list(set(ids)))}

    async def lock(self, session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Values]:
        """The same, held against other writers to the end of the transaction."""
        rows = await session.fetch(self._lock, session.tenant, sorted(set(ids)))
        return {row["id"]: self.values(row) for row in rows}

    async def lock_by(
        self, session: Session, column: str, values: Iterable[uuid.UUID]
    ) -> dict[uuid.UUID, Values]:
        """The rows that have these ids in a column, held likewise; an index leads to them."""
        name = quoted_name(column)
        statement = self._lock_by.format(type="uuid", columns=f"id, {name} AS key", column=name, rest="")
        rows = await session.fetch(statement, session.tenant, sorted(set(values)))
        return {row["id"]: self.values(row) for row in rows}

    async def walk(self, session: Session, after: uuid.UUID, limit: int) -> list[Values]:
        """The next of all rows by id, archived ones too, held as `lock` holds them."""
        rows = await session.fetch(self._walk, session.tenant, after, limit)
        return [self.values(row) for row in rows]

    async def find(
        self, session: Session, column: str, values: Sequence[object]
    ) -> dict[object, list[uuid.UUID]]:
        """The live ones by the value of a column, the oldest first. An index leads to it, or this is slow."""
        name, type_ = quoted_name(column), self.resource.types[column]
        statement = self._by.format(
            type=type_, columns=f"id, {name}", column=name, rest="AND archived_at IS NULL ORDER BY id"
        )
        found: dict[object, list[uuid.UUID]] = {}
        for row in await session.fetch(statement, session.tenant, list(dict.fromkeys(values))):
            found.setdefault(row[column], []).append(row["id"])
        return found

    def values(self, row: Row) -> Values:
        """The row as values: JSON, which the driver gives as text, is what it says."""
        found = {name: row[name] for name in self._names}
        for name in self._json:
            if isinstance(found[name], str):
                found[name] = msgspec.json.decode(found[name])
        return found

    async def insert(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        await session.execute(self._insert, session.tenant, *self._arrays(rows))

    async def update(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        await session.execute(self._update, session.tenant, *self._arrays(rows))

    def _arrays(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any] | None]:
        """By column. One that is NULL in all rows is not sent: `unnest` fills it up."""
        found: list[list[Any] | None] = []
        for name in self._names:
            column = [row.get(name) for row in rows]
            if column.count(None) == len(column):
                found.append(None)
            else:
                found.append([_json(value) for value in column] if name in self._json else column)
        return found


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
