"""Records: the things of the objects that an organization defined, under `/objects/{name}/records`."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tenfold.runtime import Row, Session
from tenfold_hub.kit.conditions import Condition
from tenfold_hub.kit.exchange import Asked
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.kit.routes import ResourceRoutes
from tenfold_hub.kit.rows import Rows, Values
from tenfold_hub.kit.selecting import Listing
from tenfold_hub.objects.catalog import Catalog
from tenfold_hub.objects.objects import OBJECTS
from tenfold_hub.objects.values import CustomValues

PATH = "/objects/{object:str}/records"


class ObjectRecord(Thing, kw_only=True):
    definition_id: str
    custom: dict[str, Any]


class NewObjectRecord(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    custom: dict[str, Any] = {}


class ObjectRecordPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    custom: dict[str, Any] | UnsetType = UNSET


RECORDS = Resource(
    name="records",
    singular="record",
    prefix="rec",
    schema="objects",
    table="records",
    columns={"definition_id": "uuid", "custom": "jsonb"},
    shown=ObjectRecord,
    new=NewObjectRecord,
    patch=ObjectRecordPatch,
    refs={"definition_id": "obj"},
    filters={
        "definition_id": Filter(),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort()},
    custom=True,
)


class RecordRoutes(ResourceRoutes):
    """The routes of every resource, of the object that the path names."""

    catalog: Catalog

    async def within(self, session: Session, request: Asked) -> Records:
        return await of_object(session, self.catalog, self.records, request.path_params["object"])


async def of_object(session: Session, catalog: Catalog, records: Records, name: str) -> Records:
    """The records of one object. Raises Problem `not_found` where there is no such object."""
    definition = (await catalog.of(session, name)).definition if len(name) <= 60 else None
    if definition is None:
        raise Problem("not_found", "there is no object of this name")
    return _OfObject.of(records, CustomValues(catalog, name), definition)


class _OfObject(Records):
    """Records, of one object alone: others are as if they were not there."""

    definition: uuid.UUID

    @classmethod
    def of(cls, records: Records, values: CustomValues, definition: uuid.UUID) -> _OfObject:
        made = cls.__new__(cls)
        made.__dict__ = copy.copy(records.__dict__)
        made.definition = definition
        made.rows = _RowsOf(records.rows, definition)
        made.custom = values
        made.prepare = [made._belong, *records.prepare, values.prepare]
        made.follow = [values.follow, *records.follow]
        return made

    async def _belong(self, _: Session, __: Principal, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            draft.values["definition_id"] = self.definition

    async def _asked(self, session: Session, listing: Listing) -> Listing:
        listing = await super()._asked(session, listing)
        own = Condition("definition_id", "eq", shown(OBJECTS.prefix, self.definition))
        return replace(listing, conditions=(*listing.conditions, own))


class _RowsOf(Rows):
    def __init__(self, rows: Rows, definition: uuid.UUID) -> None:
        self.__dict__ |= rows.__dict__
        self._definition = definition

    async def get(self, session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        return self._own(await super().get(session, ids))

    async def lock(self, session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Values]:
        return self._own(await super().lock(session, ids))

    def _own(self, rows: Mapping[uuid.UUID, Any]) -> dict[uuid.UUID, Any]:
        return {id: row for id, row in rows.items() if row["definition_id"] == self._definition}
