"""Merges: which people became one, and whether that was undone."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Resource, Sort


class Merge(msgspec.Struct, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    survivor_id: str
    merged_ids: list[str]
    undone_at: datetime | None


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Merges are made by merging, and changed by being undone."""


MERGES = Resource(
    name="merges",
    singular="merge",
    prefix="mrg",
    schema="identity",
    table="merges",
    columns={"survivor_id": "uuid", "merged_ids": "jsonb", "undone_at": "timestamptz"},
    shown=Merge,
    new=Nothing,
    patch=Nothing,
    refs={"survivor_id": "per"},
    filters={"survivor_id": Filter(operators=EQUAL), "created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    writes=frozenset(),
    read_scope="people:read",
    write_scope="people:write",
)
