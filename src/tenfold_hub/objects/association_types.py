"""Types of associations: what may belong to what, its name from either side, and how many there may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.objects.catalog import Catalog

#: Of one organization, archived ones with them.
MOST_TYPES = 500

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Most = Annotated[int, Meta(ge=1, le=10_000)]


class AssociationType(Thing, kw_only=True):
    name: str
    label: str
    inverse_label: str
    from_object: str
    to_object: str
    most_from: int | None
    most_to: int | None


class NewAssociationType(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`works_at`, from contacts to companies: "works at", and from there "employs". With `most_from` 1 a
    contact works at one company at most; `most_to` says how many may work at one.
    """

    name: Name
    label: Label
    inverse_label: Label
    from_object: Name
    to_object: Name
    most_from: Most | None = None
    most_to: Most | None = None


class AssociationTypePatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    label: Label | UnsetType = UNSET
    inverse_label: Label | UnsetType = UNSET
    most_from: Most | UnsetType | None = UNSET
    most_to: Most | UnsetType | None = UNSET


TYPES = Resource(
    name="association-types",
    singular="association type",
    prefix="aty",
    schema="objects",
    table="association_types",
    columns={
        "name": "text",
        "label": "text",
        "inverse_label": "text",
        "from_object": "text",
        "to_object": "text",
        "most_from": "integer",
        "most_to": "integer",
    },
    shown=AssociationType,
    new=NewAssociationType,
    patch=AssociationTypePatch,
    filters={"name": Filter(), "created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    keys=("name",),
    constraints={"association_types_name_key": Fault("/name", "taken", "there is a type of this name")},
    read_scope="associations:read",
    write_scope="associations:write",
)

_COUNT = "SELECT count(*) FROM objects.association_types WHERE organization_id = $1"
_ALL = "association types"


class TypeRules:
    """`known` says which of these are kinds of things that there are."""

    def __init__(self, catalog: Catalog, known: Callable[[Session, set[str]], Awaitable[set[str]]]) -> None:
        self._catalog, self._known = catalog, known

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        new = [draft for draft in drafts if draft.before is None]
        if not new:
            return
        await self._catalog.hold_alone(session, {_ALL})
        count = await session.fetch_value(_COUNT, session.tenant)
        ends = ("from_object", "to_object")
        known = await self._known(session, {draft.values[end] for draft in new for end in ends})
        for number, draft in enumerate(new, 1):
            for end in ends:
                if draft.values[end] not in known:
                    draft.problem = invalid(f"/{end}", "unknown", "there are no such things")
            if count + number > MOST_TYPES:
                draft.problem = Problem("limit_reached", f"there are {MOST_TYPES} types at most")
