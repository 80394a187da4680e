"""The rows of custom values that lists are filtered by: written, taken away and searched set by set."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.runtime import Session, quoted_name
from tenfold_hub.objects.definitions import Field
from tenfold_hub.objects.types import KINDS, NUMBER, TEXT, compared

_TABLES = ((TEXT, "text"), (NUMBER, "bigint"))
# Who fills meets what a writer has written already, which is newer.
_INSERT = """
INSERT INTO {table} (organization_id, object_id, field_id, place, archived, "unique", created_at, value)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::boolean[], $6::boolean[],
                         $7::timestamptz[], $8::{type}[])
ON CONFLICT (organization_id, object_id, field_id, place) DO NOTHING
"""
_REMOVE = """
DELETE FROM {table} AS v USING unnest($2::uuid[], $3::uuid[]) AS n (object_id, field_id)
 WHERE v.organization_id = $1 AND v.object_id = n.object_id AND v.field_id = n.field_id
"""
_REMOVE_ALL = "DELETE FROM {table} WHERE organization_id = $1 AND object_id = ANY($2::uuid[])"
_ARCHIVE = """
UPDATE {table} AS v SET archived = n.archived
  FROM unnest($2::uuid[], $3::boolean[]) AS n (object_id, archived)
 WHERE v.organization_id = $1 AND v.object_id = n.object_id
"""
_TAKEN = """
SELECT n.place FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::{type}[])
       AS n (place, object_id, field_id, value)
  JOIN {table} AS v ON v.organization_id = $1 AND v.field_id = n.field_id AND v.value = n.value AND v."unique"
 WHERE v.object_id <> n.object_id
"""
_CLEAR = """
DELETE FROM {table} WHERE organization_id = $1 AND (object_id, field_id, place) IN
       (SELECT object_id, field_id, place FROM {table} WHERE organization_id = $1 AND field_id = $2 LIMIT $3)
"""


def _both(statement: str) -> tuple[tuple[tuple[str, str], str], ...]:
    return tuple((table, statement.format(table=quoted_name(*table), type=type_)) for table, type_ in _TABLES)


_INSERTS, _TAKENS, _ARCHIVES = _both(_INSERT), _both(_TAKEN), _both(_ARCHIVE)
_REMOVES, _REMOVES_ALL, _CLEARS = _both(_REMOVE), _both(_REMOVE_ALL), _both(_CLEAR)


@dataclass(frozen=True, slots=True)
class Valued:
    """The values of one field of one thing, in the form that is kept."""

    object_id: uuid.UUID
    field: Field
    value: Any
    archived: bool
    created_at: datetime.datetime


async def insert(session: Session, values: Sequence[Valued]) -> None:
    """One statement for each kind of value that is there."""
    for table, statement in _INSERTS:
        rows = [
            (each.object_id, each.field.id, place, each.archived, each.field.unique, each.created_at, value)
            for each in values
            if KINDS[each.field.type].table == table
            for place, value in enumerate(compared(each.field, each.value))
        ]
        if rows:
            await session.execute(statement, session.tenant, *_columns(rows, 7))


async def remove(session: Session, values: Sequence[Valued]) -> None:
    for table, statement in _REMOVES:
        rows = [(each.object_id, each.field.id) for each in values if KINDS[each.field.type].table == table]
        if rows:
            await session.execute(statement, session.tenant, *_columns(rows, 2))


async def remove_all(session: Session, objects: Sequence[uuid.UUID]) -> None:
    """Of things that are no more."""
    if objects:
        for _, statement in _REMOVES_ALL:
            await session.execute(statement, session.tenant, list(objects))


async def archive(session: Session, objects: dict[uuid.UUID, bool]) -> None:
    """Whether each of the things is archived now."""
    if objects:
        for _, statement in _ARCHIVES:
            await session.execute(statement, session.tenant, list(objects), list(objects.values()))


async def taken(session: Session, wanted: Sequence[tuple[int, uuid.UUID, Field, int | str]]) -> set[int]:
    """The places of those whose value another thing has: (place, thing, field, what is compared)."""
    found: set[int] = set()
    for table, statement in _TAKENS:
        rows = [
            (place, thing, field.id, value)
            for place, thing, field, value in wanted
            if KINDS[field.type].table == table
        ]
        if rows:
            answer = await session.fetch(statement, session.tenant, *_columns(rows, 4))
            found |= {row["place"] for row in answer}
    return found


async def clear(session: Session, field: Field, limit: int) -> int:
    """Takes away so many rows of a field at most; how many they were."""
    for table, statement in _CLEARS:
        if KINDS[field.type].table == table:
            return await session.execute(statement, session.tenant, field.id, limit)
    return 0


def _columns(rows: Iterable[Sequence[object]], width: int) -> list[list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    assert len(columns) == width
    return columns
