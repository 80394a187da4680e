"""Segments: those that hold what they are given, and those that hold what a rule says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort

Kind = Literal["static", "dynamic"]
Of = Literal["people", "contacts", "companies"]
State = Literal["computing", "ready", "failed", "clearing", "cleared"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(max_length=2_000)]


class Segment(msgspec.Struct, kw_only=True):
    """`computed` are the things that the computation under way, or the last one, has looked at."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    name: str
    description: str | None
    kind: Kind
    resource: Of
    rule: dict[str, Any] | None
    state: State
    computed: int


class NewSegment(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    description: Description | None = None
    kind: Kind
    resource: Of
    rule: dict[str, Any] | None = None


class SegmentPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    rule: dict[str, Any] | UnsetType = UNSET


SEGMENTS = Resource(
    name="segments",
    singular="segment",
    prefix="seg",
    schema="crm",
    table="segments",
    columns={
        "name": "text",
        "name_normal": "text",
        "description": "text",
        "kind": "text",
        "resource": "text",
        "rule": "jsonb",
        "types": "jsonb",
        "state": "text",
        "computed": "bigint",
        "computed_to": "uuid",
        "computation": "uuid",
    },
    shown=Segment,
    new=NewSegment,
    patch=SegmentPatch,
    filters={"created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    expands={"members": "members"},
    whole=("members",),
    constraints={
        "segments_name_key": Fault("/name", "taken", "another segment has this name"),
    },
    hidden=frozenset({"name_normal", "types", "computed_to", "computation"}),
)
