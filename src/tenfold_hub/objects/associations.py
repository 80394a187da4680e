"""Associations: that this belongs to that. They are made once and seen from either side."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.identity.api import hold
from tenfold_hub.kit import ids
from tenfold_hub.kit.conditions import Condition
from tenfold_hub.kit.exchange import Answer, Asked
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.kit.routes import ResourceRoutes
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.selecting import Listing
from tenfold_hub.objects.catalog import Catalog

#: That one thing has, on either side.
MOST_OF_ONE = 10_000
#: In place of the prefix of ids that may be of any kind; what is shown has the kind's own.
ANY = "any"

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(min_length=1, max_length=60)]


class Association(Thing, kw_only=True):
    type: str
    from_object: str
    from_id: str
    to_object: str
    to_id: str
    label: str | None


class NewAssociation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The type's name, and the two things, of the kinds that it names."""

    type: Name
    from_id: Id
    to_id: Id
    label: Label | None = None


class AssociationPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    label: Label | UnsetType | None = UNSET


ASSOCIATIONS = Resource(
    name="associations",
    singular="association",
    prefix="asc",
    schema="objects",
    table="associations",
    columns={
        "type": "text",
        "from_object": "text",
        "from_id": "uuid",
        "to_object": "text",
        "to_id": "uuid",
        "label": "text",
    },
    shown=Association,
    new=NewAssociation,
    patch=AssociationPatch,
    refs={"from_id": ANY, "to_id": ANY},
    filters={
        "type": Filter(operators=("eq", "in")),
        "from_id": Filter(operators=("eq", "in")),
        "to_id": Filter(operators=("eq", "in")),
        "created_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort()},
    constraints={
        "associations_pair_key": Fault("/to_id", "taken", "these two are associated by this type already"),
    },
)

_TYPES = """
SELECT name, from_object, to_object, most_from, most_to FROM objects.association_types
 WHERE organization_id = $1 AND name = ANY($2::text[]) AND archived_at IS NULL ORDER BY name
"""
# Of a type with limits one transaction at a time adds: it counts, and what it counted stays so.
_LOCK = """
SELECT FROM objects.association_types
 WHERE organization_id = $1 AND name = ANY($2::text[]) ORDER BY name FOR NO KEY UPDATE
"""
_COUNTS = """
SELECT 'from' AS side, type, from_id AS thing, count(*) AS count FROM objects.associations
 WHERE organization_id = $1 AND from_id = ANY($2::uuid[]) AND archived_at IS NULL GROUP BY type, from_id
UNION ALL
SELECT 'to', type, to_id, count(*) FROM objects.associations
 WHERE organization_id = $1 AND to_id = ANY($2::uuid[]) AND archived_at IS NULL GROUP BY type, to_id
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """The kinds of things that may be associated, in one hub."""

    catalog: Catalog
    #: By the name of a kind that every organization has; `records` are those of the organization's own.
    records: Mapping[str, Records]

    def kinds(self) -> dict[str, Records]:
        return {name: each for name, each in self.records.items() if each.resource.custom}

    async def known(self, session: Session, names: set[str]) -> set[str]:
        """Those of the names that are kinds of things."""
        common = self.kinds().keys() - {"records"}
        own = {name for name in names - common if (await self.catalog.of(session, name)).definition}
        return (names & common) | own

    def prefixes(self) -> dict[str, str]:
        """The kind that an id is of, by its prefix."""
        return {each.resource.prefix: name for name, each in self.kinds().items()}

    def prefix_of(self, name: str) -> str:
        kinds = self.kinds()
        return (kinds.get(name) or kinds["records"]).resource.prefix

    async def held(
        self, session: Session, kind: str, wanted: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, uuid.UUID]:
        """The thing that each id stands for, kept as it is until the transaction ends."""
        if kind == "people":
            return await hold(session, wanted)
        kinds = self.kinds()
        if kind in kinds:
            return {id: id for id in await kinds[kind].rows.lock(session, wanted)}
        definition = (await self.catalog.of(session, kind)).definition
        rows = await kinds["records"].rows.lock(session, wanted)
        return {id: id for id, row in rows.items() if row["definition_id"] == definition}


class AssociationRules:
    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        """A few statements, and one for each kind of thing; none where nothing becomes an association."""
        adding = [draft for draft in drafts if _adds(draft) and draft.problem is None]
        if not adding:
            return
        names = sorted({draft.values["type"] for draft in adding})
        types = {row["name"]: row for row in await session.fetch(_TYPES, session.tenant, names)}
        limited = [name for name, row in types.items() if row["most_from"] or row["most_to"]]
        if limited:
            await session.execute(_LOCK, session.tenant, limited)
        new = [draft for draft in adding if draft.before is None]
        for draft in new:
            _set_objects(draft, types.get(draft.values["type"]))
        await self._find(session, [draft for draft in new if draft.problem is None])
        await self._count(session, types, [draft for draft in adding if draft.problem is None])

    async def _find(self, session: Session, drafts: Sequence[Draft]) -> None:
        """The things themselves: of this organization, of the type's kinds, and not merged into others."""
        wanted: dict[str, set[uuid.UUID]] = {}
        for draft in drafts:
            for side in ("from", "to"):
                wanted.setdefault(draft.values[f"{side}_object"], set()).add(draft.values[f"{side}_id"])
        found = {kind: await self._ends.held(session, kind, sorted(wanted[kind])) for kind in sorted(wanted)}
        for draft in drafts:
            for side in ("from", "to"):
                thing = found[draft.values[f"{side}_object"]].get(draft.values[f"{side}_id"])
                if thing is None:
                    draft.problem = invalid(f"/{side}_id", "unknown", "there is no such thing")
                else:
                    draft.values[f"{side}_id"] = thing
            if draft.values["from_id"] == draft.values["to_id"]:
                draft.problem = invalid("/to_id", "same", "nothing is associated with itself")

    async def _count(self, session: Session, types: Mapping[str, Any], drafts: Sequence[Draft]) -> None:
        things = {draft.values[f"{side}_id"] for draft in drafts for side in ("from", "to")}
        if not things:
            return
        counts: dict[tuple[str, str, uuid.UUID], int] = {}
        totals: dict[uuid.UUID, int] = {}
        for row in await session.fetch(_COUNTS, session.tenant, sorted(things)):
            counts[row["side"], row["type"], row["thing"]] = row["count"]
            totals[row["thing"]] = totals.get(row["thing"], 0) + row["count"]
        for draft in drafts:
            ends = {side: draft.values[f"{side}_id"] for side in ("from", "to")}
            type_ = types.get(draft.values["type"])
            for side, thing in ends.items():
                most = type_ and type_[f"most_{side}"]
                if most and counts.get((side, draft.values["type"], thing), 0) >= most:
                    why = f"a type of which a thing has {most} at most"
                    draft.problem = Problem("limit_reached", why, [Fault(f"/{side}_id", "too_many", why)])
                elif totals.get(thing, 0) >= MOST_OF_ONE:
                    why = f"a thing has {MOST_OF_ONE:,} associations at most"
                    draft.problem = Problem("limit_reached", why, [Fault(f"/{side}_id", "too_many", why)])
            if draft.problem is None:
                for side, thing in ends.items():
                    place = (side, draft.values["type"], thing)
                    counts[place] = counts.get(place, 0) + 1
                    totals[thing] = totals.get(thing, 0) + 1


def _adds(draft: Draft) -> bool:
    was_live = draft.before is not None and draft.before["archived_at"] is None
    return not was_live and draft.values.get("archived_at") is None


def _set_objects(draft: Draft, type_: Any) -> None:
    """The kinds are the type's. What the routes read from the ids' prefixes has to agree."""
    if type_ is None:
        draft.problem = invalid("/type", "unknown", "there is no such type of associations")
        return
    for side in ("from", "to"):
        read, named = draft.values.get(f"{side}_object"), type_[f"{side}_object"]
        if read not in (None, named):
            draft.problem = invalid(f"/{side}_id", "unknown", f"the type is about {named}")
        draft.values[f"{side}_object"] = named


class AssociationRoutes(ResourceRoutes):
    """Of every resource, with ids that may be of any kind: their prefix says which."""

    ends: Ends

    def know(self, ends: Ends) -> None:
        self.ends, show = ends, self._show
        self._show = lambda row, fields: self.named(show(row, fields))

    async def listed(self, request: Asked, asked: Listing) -> Answer:
        asked = asked.turned(self._of_any_kind)
        kinds = [f"{side}_object" for side in ("from", "to") if f"{side}_id" in asked.fields]
        fields = tuple(dict.fromkeys((*asked.fields, *kinds)))
        return await super().listed(request, replace(asked, fields=fields))

    def _of_any_kind(self, condition: Condition) -> Condition:
        if condition.field not in ("from_id", "to_id"):
            return condition
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        turned = []
        for value in values:
            try:
                turned.append(ids.shown(ANY, self.read_any(value)[1]))
            except ids.IdError as error:
                fault = Fault(f"filter[{condition.field}]", "invalid", str(error))
                raise Problem("invalid_request", str(error), [fault]) from None
        return replace(condition, value=turned if isinstance(condition.value, list) else turned[0])

    def read_any(self, text: object) -> tuple[str, uuid.UUID]:
        """The kind and the id. `records` stands for all objects that the organization defined."""
        prefix = text.rpartition("_")[0] if isinstance(text, str) else ""
        kind = self.ends.prefixes().get(prefix)
        if kind is None:
            raise ids.IdError("this is no id of a thing that can be associated")
        return kind, ids.read(prefix, text)

    def _values(self, given: Any) -> Values:
        if not isinstance(given, NewAssociation):
            return super()._values(given)
        values: Values = {"type": given.type, "label": given.label}
        for side in ("from", "to"):
            try:
                kind, values[f"{side}_id"] = self.read_any(getattr(given, f"{side}_id"))
            except ids.IdError as error:
                raise invalid(f"/{side}_id", "invalid_id", str(error)) from None
            values[f"{side}_object"] = None if kind == "records" else kind
        return values

    def named(self, item: dict[str, Any]) -> dict[str, Any]:
        for side in ("from", "to"):
            if f"{side}_id" in item:
                text = item[f"{side}_id"].removeprefix(f"{ANY}_")
                item[f"{side}_id"] = f"{self.ends.prefix_of(item[f'{side}_object'])}_{text}"
        return item
