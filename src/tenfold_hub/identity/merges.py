"""Merges: which people became one, and whether that was undone."""

from __future__ import annotations

from datetime import datetime

from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Nothing, Resource, Sort, Thing


class Merge(Thing, kw_only=True):
    survivor_id: str
    merged_ids: list[str]
    undo_until: datetime
    undone_at: datetime | None


#: Merges are made by merging, and changed by being undone.
MERGES = Resource(
    name="merges",
    singular="merge",
    prefix="mrg",
    schema="identity",
    table="merges",
    columns={
        "survivor_id": "uuid",
        "merged_ids": "jsonb",
        "undo_until": "timestamptz",
        "undone_at": "timestamptz",
    },
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
