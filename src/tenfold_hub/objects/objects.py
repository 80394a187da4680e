"""Objects: kinds of things that an organization defines, with fields of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.objects.catalog import Catalog

#: Of one organization, archived ones with them.
MOST_OBJECTS = 100

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,59}$")]
Key = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(min_length=1, max_length=1_000)]


class ObjectDefinition(Thing, kw_only=True):
    name: str
    singular: str
    plural: str
    description: str | None
    label_field: str | None


class NewObjectDefinition(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The name is a part of paths, and forever: `/v1/objects/{name}/records`."""

    name: Name
    singular: Label
    plural: Label
    description: Description | None = None


class ObjectDefinitionPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`label_field` is the key of the field that a record is called by."""

    singular: Label | UnsetType = UNSET
    plural: Label | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    label_field: Key | UnsetType | None = UNSET


OBJECTS = Resource(
    name="objects",
    singular="object",
    prefix="obj",
    schema="objects",
    table="definitions",
    columns={
        "name": "text",
        "singular": "text",
        "plural": "text",
        "description": "text",
        "label_field": "text",
    },
    shown=ObjectDefinition,
    new=NewObjectDefinition,
    patch=ObjectDefinitionPatch,
    filters={"name": Filter(), "created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    keys=("name",),
    constraints={"definitions_name_key": Fault("/name", "taken", "there is an object of this name")},
)

_COUNT = "SELECT count(*) FROM objects.definitions WHERE organization_id = $1"
#: One lock for all definitions of an organization: they are few, and counted.
_ALL = ""


class ObjectRules:
    def __init__(self, catalog: Catalog, reserved: Callable[[], Iterable[str]]) -> None:
        self._catalog, self._reserved = catalog, reserved

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        names = {draft.values["name"] for draft in drafts if draft.problem is None}
        if not names:
            return
        await self._catalog.hold_alone(session, {*names, _ALL})
        count = await session.fetch_value(_COUNT, session.tenant)
        reserved = set(self._reserved())
        for draft in drafts:
            if draft.before is None:
                count += 1
                if draft.values["name"] in reserved:
                    draft.problem = invalid("/name", "taken", "things of this name are there already")
                elif count > MOST_OBJECTS:
                    draft.problem = Problem("limit_reached", f"there are {MOST_OBJECTS} objects at most")
            elif "label_field" in draft.given and draft.values["label_field"] is not None:
                fields = await self._catalog.held(session, draft.values["name"])
                if draft.values["label_field"] not in fields.keys:
                    draft.problem = invalid("/label_field", "unknown", "there is no such field")

    async def follow(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        names = {change.after["name"] for change in changes if change.after is not None}
        if names:
            await self._catalog.changed(session, names)
