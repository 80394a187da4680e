# Handlers' annotations are read by the framework, so these are no text.
"""Tags: words with a colour that contacts, companies, deals, leads and people are marked with."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.crm.names import name_normal
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, id_of, written
from tenfold_hub.kit.journal import Change, Journal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, not_found
from tenfold_hub.kit.records import MOST_ITEMS, Draft, Records
from tenfold_hub.kit.resource import Filter, Resource, Sort, Thing, Through
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import shower

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Colour = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]
#: Tags that one thing shows at most.
_SHOWN = 100


class Tag(Thing, kw_only=True):
    name: str
    colour: str | None


class NewTag(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    colour: Colour | None = None


class TagPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    colour: Colour | UnsetType | None = UNSET


class Marked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Ids of things, of any kinds that have tags."""

    ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_ITEMS)]


class Marking(msgspec.Struct, kw_only=True):
    """How many of the things were changed: the others had it already, or had it not."""

    changed: int


TAGS = Resource(
    name="tags",
    singular="tag",
    prefix="tag",
    schema="crm",
    table="tags",
    columns={"name": "text", "name_normal": "text", "colour": "text"},
    shown=Tag,
    new=NewTag,
    patch=TagPatch,
    filters={"name": Filter(operators=("eq", "in"), column="name_normal", normal=name_normal)},
    sorts={"created_at": Sort()},
    keys=("name",),
    constraints={"tags_name_key": Fault("/name", "taken", "a tag, perhaps an archived one, has this name")},
    hidden=frozenset({"name_normal"}),
)
#: What lists of things that have tags are narrowed to, as `filter[tag]`.
SET = Through(schema="crm", table="taggings", column="tag_id", prefix=TAGS.prefix)

_ADD = """
INSERT INTO crm.taggings (organization_id, tag_id, object_id, kind)
SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::text[]) AS n ON CONFLICT DO NOTHING RETURNING object_id
"""
_GIVE = """
INSERT INTO crm.taggings (organization_id, kind, tag_id, object_id)
SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::uuid[]) AS n ON CONFLICT DO NOTHING RETURNING tag_id, object_id
"""
_REMOVE = """
DELETE FROM crm.taggings WHERE organization_id = $1 AND tag_id = $2 AND object_id = ANY($3::uuid[])
RETURNING object_id
"""
_OF = """
SELECT m.object_id, t.id, t.version, t.created_at, t.updated_at, t.archived_at, t.name, t.colour
  FROM crm.taggings AS m JOIN crm.tags AS t ON t.organization_id = m.organization_id AND t.id = m.tag_id
 WHERE m.organization_id = $1 AND t.organization_id = $1 AND m.object_id = ANY($2::uuid[])
   AND t.archived_at IS NULL
 ORDER BY t.name_normal
"""

_IDS = "SELECT object_id, tag_id FROM crm.taggings WHERE organization_id = $1 AND object_id = ANY($2::uuid[])"

#: Told of things of one resource that were given a tag, or lost it, in the same transaction.
TagFollow = Callable[[Session, Principal, Resource, Sequence[uuid.UUID], uuid.UUID], Awaitable[None]]


async def normalise(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        if "name" in draft.given:
            draft.values["name_normal"] = name_normal(draft.values["name"])


class Tagging:
    """Gives tags to things of these resources, and takes them."""

    def __init__(self, tags: Records, kinds: Mapping[str, Records], journal: Journal) -> None:
        self._tags, self._journal = tags, journal
        self._kinds = {records.resource.prefix: records for records in kinds.values()}
        self._show = shower(tags.resource)
        self.follow: list[TagFollow] = []

    async def assign(
        self,
        session: Session,
        principal: Principal,
        tag: uuid.UUID,
        texts: Sequence[str],
        *,
        remove: bool = False,
    ) -> int:
        """How many things had it not before, or have it no longer. Raises Problem, and changes nothing then,
        where the tag or a thing is not there.
        """
        held = await self._tags.rows.lock(session, [tag])
        if tag not in held or (held[tag]["archived_at"] is not None and not remove):
            raise not_found("tag")
        things = await self._things(session, principal, texts)
        objects = [id for named in things.values() for id in named]
        kinds = [self._kinds[prefix].resource.name for prefix, named in things.items() for _ in named]
        if remove:
            rows = await session.fetch(_REMOVE, session.tenant, tag, objects)
        else:
            rows = await session.fetch(_ADD, session.tenant, tag, objects, kinds)
        changed = {row["object_id"] for row in rows}
        for prefix, named in things.items():
            await self._tell(session, principal, self._kinds[prefix].resource, tag, changed & named, remove)
        return len(changed)

    async def give(
        self, session: Session, principal: Principal, kind: str, pairs: Sequence[tuple[uuid.UUID, uuid.UUID]]
    ) -> None:
        """Of each pair the tag to the thing. All of both are there, which the transaction holds."""
        tags, objects = ([pair[place] for pair in pairs] for place in (0, 1))
        rows = await session.fetch(_GIVE, session.tenant, kind, tags, objects)
        changed: dict[uuid.UUID, set[uuid.UUID]] = {}
        for row in rows:
            changed.setdefault(row["tag_id"], set()).add(row["object_id"])
        (records,) = (each for each in self._kinds.values() if each.resource.name == kind)
        for tag in sorted(changed):
            await self._tell(session, principal, records.resource, tag, changed[tag], False)

    @property
    def kinds(self) -> frozenset[str]:
        """Resources whose things have tags."""
        return frozenset(records.resource.name for records in self._kinds.values())

    async def of(self, session: Session, objects: Collection[uuid.UUID]) -> dict[uuid.UUID, set[uuid.UUID]]:
        """The tags that things were given, archived ones too; of those that have some."""
        found: dict[uuid.UUID, set[uuid.UUID]] = {}
        for row in await session.fetch(_IDS, session.tenant, list(objects)):
            found.setdefault(row["object_id"], set()).add(row["tag_id"])
        return found

    async def shown(self, session: Session, rows: Sequence[Any]) -> Sequence[list[dict[str, Any]]]:
        """For `expand=tags`."""
        found: dict[uuid.UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
        for row in await session.fetch(_OF, session.tenant, list(found)):
            if len(found[row["object_id"]]) < _SHOWN:
                found[row["object_id"]].append(self._show(row, self._tags.resource.fields))
        return [found[row["id"]] for row in rows]

    async def _things(
        self, session: Session, principal: Principal, texts: Sequence[str]
    ) -> dict[str, set[uuid.UUID]]:
        """By prefix; those that people were merged into, for ids that stand for them."""
        named: dict[str, dict[uuid.UUID, int]] = {}
        faults = []
        for place, text in enumerate(texts):
            prefix = text.partition("_")[0]
            try:
                named.setdefault(prefix, {})[ids.read(prefix, text)] = place
            except ids.IdError:
                faults.append(_unknown(place))
        things: dict[str, set[uuid.UUID]] = {}
        for prefix, asked in named.items():
            records = self._kinds.get(prefix)
            if records is None:
                faults += [_unknown(place) for place in asked.values()]
                continue
            principal.require(records.resource.to_write)
            found = await records.get_many(session, list(asked))
            faults += [_unknown(place) for id, place in asked.items() if id not in found]
            things[prefix] = {row["id"] for row in found.values()}
        if faults:
            raise Problem("invalid", "some things are not there, and nothing was changed", faults)
        return things

    async def _tell(
        self,
        session: Session,
        principal: Principal,
        resource: Resource,
        tag: uuid.UUID,
        objects: set[uuid.UUID],
        removed: bool,
    ) -> None:
        if not objects:
            return
        text = ids.shown(TAGS.prefix, tag)
        before, after = ({"tag": text}, {"tag": None}) if removed else ({"tag": None}, {"tag": text})
        changes = [Change("updated", id, before, after) for id in sorted(objects)]
        for follow in self.follow:
            await follow(session, principal, resource, sorted(objects), tag)
        self._journal.wrote(session, principal, resource, changes)


def handlers(tags: Records, tagging: Tagging) -> list[BaseRouteHandler]:
    def made(verb: str, summary: str) -> BaseRouteHandler:
        async def mark(request: Asked, id: FromPath[str], data: JSONBody[Marked]) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                tag = id_of(tags.resource, id)
                changed = await tagging.assign(session, principal, tag, data.ids, remove=verb == "remove")
                return 200, {"changed": changed}, {}

            return await written(request, tags.resource.to_write, f"POST /tags/{id}/{verb}", do)

        return route(post, f"/tags/{{id:str}}/{verb}", mark, summary, Marking, 200)

    return [made("assign", "Give a tag to things"), made("remove", "Take a tag from things")]


def _unknown(place: int) -> Fault:
    return Fault(f"/ids/{place}", "unknown", "there is no such thing that has tags")
