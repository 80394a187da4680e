"""Notes on contacts, companies, deals, leads, and any other thing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.crm.activities import subjects
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing

Body = Annotated[str, Meta(min_length=1, max_length=100_000)]
Id = Annotated[str, Meta(max_length=60)]
#: What a timeline shows of a note.
_BEGINNING = 500


class Note(Thing, kw_only=True):
    body: str
    pinned: bool
    contact_id: str | None
    company_id: str | None
    deal_id: str | None
    lead_id: str | None
    about: str | None


class NewNote(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`about` is the id of a thing of any kind."""

    body: Body
    pinned: bool = False
    contact_id: str | None = None
    company_id: str | None = None
    deal_id: str | None = None
    lead_id: str | None = None
    about: Id | UnsetType = UNSET


class NotePatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    body: Body | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: Id | UnsetType | None = UNSET


NOTES = Resource(
    name="notes",
    singular="note",
    prefix="not",
    schema="crm",
    table="notes",
    columns={"body": "text", "pinned": "boolean", **subjects.COLUMNS},
    shown=Note,
    new=NewNote,
    patch=NotePatch,
    refs=subjects.REFS,
    filters={"created_at": Filter(operators=RANGE), **subjects.FILTERS},
    sorts={"created_at": Sort()},
    expands=subjects.EXPANDS,
    constraints=subjects.constraints("notes"),
)


def event(values: Mapping[str, Any]) -> tuple[str, datetime, Mapping[str, Any]]:
    """As timelines show it."""
    return "note", values["created_at"], {"body": values["body"][:_BEGINNING]}
