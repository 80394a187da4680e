"""Searches that are kept by name, one's own or everybody's, and asked by id."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Row, Session
from tenfold_hub.kit.exchange import Asked
from tenfold_hub.kit.listing import Search, searched
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Draft, Prepare, Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort
from tenfold_hub.kit.routes import ResourceRoutes
from tenfold_hub.kit.rows import Rows, Values
from tenfold_hub.kit.selecting import Listing

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Conditions: TypeAlias = Annotated[list[tuple[str, str, Any]], Meta(max_length=20)]
Names: TypeAlias = Annotated[list[Annotated[str, Meta(max_length=80)]], Meta(max_length=100)]
Visibility = Literal["private", "shared"]


class SavedSearch(msgspec.Struct, kw_only=True):
    """`filters` are as in `POST /{resource}/search`."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    name: str
    resource: str
    filters: list[tuple[str, str, Any]]
    sort: str
    fields: list[str]
    visibility: Visibility


class NewSavedSearch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    resource: Annotated[str, Meta(max_length=60)]
    filters: Conditions = []
    sort: Annotated[str, Meta(max_length=80)] = ""
    fields: Names = []
    visibility: Visibility = "private"


class SavedSearchPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    filters: Conditions | UnsetType = UNSET
    sort: Annotated[str, Meta(max_length=80)] | UnsetType = UNSET
    fields: Names | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


SAVED_SEARCHES = Resource(
    name="saved-searches",
    singular="saved-search",
    prefix="sav",
    schema="crm",
    table="saved_searches",
    columns={
        "name": "text",
        "resource": "text",
        "filters": "jsonb",
        "sort": "text",
        "fields": "jsonb",
        "visibility": "text",
        "made_by": "uuid",
        "audience": "uuid",
    },
    shown=SavedSearch,
    new=NewSavedSearch,
    patch=SavedSearchPatch,
    filters={"created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    hidden=frozenset({"made_by", "audience"}),
)

_EVERYBODY = uuid.UUID(int=0)


def checked(records: Mapping[str, Records]) -> Prepare:
    """A search is kept only if it can be asked; whose it is, is who makes it."""

    async def prepare(session: Session, principal: Principal, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            values = draft.values
            if draft.before is None:
                values["made_by"] = principal.id
            elif "visibility" in draft.given and values["made_by"] != principal.id:
                draft.problem = Problem("forbidden", "whoever made a search says who sees it")
                continue
            values["audience"] = values["made_by"] if values["visibility"] == "private" else _EVERYBODY
            if draft.before is None or draft.given & {"filters", "sort", "fields"}:
                draft.problem = await _refused(session, records, values)

    return prepare


async def _refused(session: Session, records: Mapping[str, Records], values: Values) -> Problem | None:
    found = records.get(values["resource"])
    if found is None or found.resource.name == "records":
        detail = "there is no such resource"
        return Problem("invalid", detail, [Fault("/resource", "unknown", detail)])
    try:
        await found.check(session, listing_of(found.resource, values))
    except Problem as problem:
        faults = [Fault(_pointer(each.pointer), each.code, each.detail) for each in problem.errors]
        faults = faults or [Fault("/filters", problem.code, problem.detail)]
        return Problem("invalid", problem.detail, faults)
    return None


def listing_of(
    resource: Resource, values: Mapping[str, Any], limit: int = 50, cursor: str | None = None
) -> Listing:
    """Raises Problem where it cannot be asked, or cannot any more."""
    search = Search(
        filters=[(str(name), str(operator), value) for name, operator, value in values["filters"]],
        sort=values["sort"],
        fields=list(values["fields"]),
        limit=limit,
        cursor=cursor,
    )
    return searched(resource, search)


def _pointer(name: str) -> str:
    return f"/{name}" if name in ("sort", "fields") else "/filters"


class SavedSearchRoutes(ResourceRoutes):
    """The routes of every resource, of the searches that the asker sees."""

    async def within(self, session: Session, request: Asked) -> Records:
        # What they may was looked at before.
        principal: Principal = request.scope["state"]["principal"]
        return seen_by(self.records, principal)


def seen_by(records: Records, principal: Principal) -> Records:
    """The searches of one who asks, and everybody's: others are as if they were not there."""
    return _Seen.of(records, principal)


class _Seen(Records):
    audiences: list[uuid.UUID]

    @classmethod
    def of(cls, records: Records, principal: Principal) -> _Seen:
        made = cls.__new__(cls)
        made.__dict__ = copy.copy(records.__dict__)
        made.audiences = [principal.id, _EVERYBODY]
        made.rows = _RowsSeen(records.rows, made.audiences)
        return made

    async def _asked(self, session: Session, listing: Listing) -> Listing:
        return replace(await super()._asked(session, listing), held={"audience": self.audiences})


class _RowsSeen(Rows):
    def __init__(self, rows: Rows, audiences: Sequence[uuid.UUID]) -> None:
        self.__dict__ |= rows.__dict__
        self._audiences = frozenset(audiences)

    async def get(self, session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        found = await super().get(session, ids)
        return {id: row for id, row in found.items() if row["audience"] in self._audiences}

    async def lock(self, session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Values]:
        found = await super().lock(session, ids)
        return {id: row for id, row in found.items() if row["audience"] in self._audiences}
