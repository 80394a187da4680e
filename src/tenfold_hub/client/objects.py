"""Custom fields and objects, their records, and what belongs to what."""

from __future__ import annotations

from tenfold_hub.client.lists import Pages
from tenfold_hub.client.schema import (
    Associated,
    Association,
    AssociationPatch,
    CustomField,
    CustomFieldPatch,
    NewAssociation,
    NewCustomField,
    NewObjectDefinition,
    NewObjectRecord,
    ObjectDefinition,
    ObjectDefinitionPatch,
    ObjectRecord,
    ObjectRecordPatch,
)
from tenfold_hub.client.things import KnownThings, Things


class Records(KnownThings[ObjectRecord, NewObjectRecord, ObjectRecordPatch]):
    """Of one object."""


class Objects(KnownThings[ObjectDefinition, NewObjectDefinition, ObjectDefinitionPatch]):
    def records(self, name: str) -> Records:
        """The records of the object of this name."""
        return Records(self._sender, "/objects/{object}/records", ObjectRecord, (name,))


class Fields(Things[CustomField, NewCustomField, CustomFieldPatch]):
    async def fill(self, id: str) -> CustomField:
        """Goes on indexing a field that became filterable; its `state` says whether it is `ready`."""
        return await self._post(CustomField, "/{id}/fill", id, keyed=False)


class Associations(Things[Association, NewAssociation, AssociationPatch]):
    def of(
        self, thing: str, *, type: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Pages[Associated]:
        """What a thing is associated with, on either side."""
        return self._pages(Associated, "/of/{thing}", thing, limit=limit, cursor=cursor, type=type)
