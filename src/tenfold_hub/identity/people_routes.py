# The framework reads the annotations of handlers: so these are no text.
"""Routes of people beyond those of every resource: merging and undoing it, and people of other systems."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.identity.duplicates import WAYS, By, Duplicates
from tenfold_hub.identity.merges import MERGES, Merge
from tenfold_hub.identity.merging import MOST, Merging
from tenfold_hub.identity.people import PEOPLE, Person, PersonPatch
from tenfold_hub.identity.undoing import Undoing
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, answered, reading, written
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import etag, shower
from tenfold_hub.kit.upserting import upsert

Chosen: TypeAlias = Literal[
    "given_name", "family_name", "email", "phone", "lifecycle_stage", "owning_service", "custom"
]


_ALL_WAYS = ",".join(WAYS)
#: Of duplicates, on one page.
MOST_GROUPS = 50


class MergeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Who is merged into the person of the path; by field `newest`, `survivor`, or whose value stays."""

    ids: Annotated[list[str], Meta(min_length=1, max_length=MOST)]
    fields: dict[Chosen, str] = {}


class Merged(msgspec.Struct):
    person: Person
    merge: Merge | None


_show_person, _show_merge = shower(PEOPLE), shower(MERGES)


def merging_routes(
    people: Records, merges: Records, merging: Merging, undoing: Undoing
) -> list[BaseRouteHandler]:
    async def merge(request: Asked, id: FromPath[str], data: JSONBody[MergeRequest]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            into, others = _person(id), [_person(each) for each in data.ids]
            survivor, made = await merging.merge(session, principal, into, others, _choices(data.fields))
            row = await people.get(session, survivor)
            found = None if made is None else await merges.get(session, made)
            answer = {
                "person": _show_person(row, PEOPLE.fields),
                "merge": None if found is None else _show_merge(found, MERGES.fields),
            }
            return 200, answer, {"ETag": etag(row["version"])}

        return await written(request, PEOPLE.to_write, f"POST /people/{id}/merge", do)

    async def undo(request: Asked, id: FromPath[str]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            values = await undoing.undo(session, principal, _id("mrg", id, "merge"))
            return 200, _show_merge(values, MERGES.fields), {"ETag": etag(values["version"])}

        return await written(request, MERGES.to_write, f"POST /merges/{id}/undo", do)

    return [
        route(post, "/people/{id:str}/merge", merge, "Merge people into this one", Merged),
        route(post, "/merges/{id:str}/undo", undo, "Undo a merge", Merge, refusals=(410,)),
    ]


class Suggested(msgspec.Struct):
    person: Person
    by: list[By]
    sure: float


class SuggestedList(msgspec.Struct):
    items: list[Suggested]


class SuggestedGroup(msgspec.Struct):
    by: By
    people: list[Person]
    count: int


class SuggestedGroups(msgspec.Struct):
    items: list[SuggestedGroup]
    next_cursor: str | None


def duplicate_routes(duplicates: Duplicates) -> list[BaseRouteHandler]:
    async def of_one(request: Asked, id: FromPath[str]) -> Answer:
        async with reading(request, PEOPLE.to_read) as (session, _):
            found = await duplicates.of(session, _person(id))
        items = [
            {"person": _show_person(each.person, PEOPLE.fields), "by": each.by, "sure": each.sure}
            for each in found
        ]
        return answered({"items": items})

    async def groups(
        request: Asked,
        by: FromQuery[str] = _ALL_WAYS,
        limit: FromQuery[int] = 50,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        ways = [way for way in WAYS if way in by.split(",")]
        if not ways or len(ways) < len(by.split(",")):
            raise Problem("invalid_request", f"`by` is one or more of {', '.join(WAYS)}")
        if not 1 <= limit <= MOST_GROUPS:
            raise Problem("invalid_request", f"limit is from 1 to {MOST_GROUPS}")
        async with reading(request, PEOPLE.to_read) as (session, _):
            found, following = await duplicates.page(session, ways, limit, cursor)
        items = [
            {
                "by": each.by,
                "people": [_show_person(person, PEOPLE.fields) for person in each.people],
                "count": each.count,
            }
            for each in found
        ]
        return answered({"items": items, "next_cursor": following})

    return [
        route(get, "/people/duplicates", groups, "List people who may be one", SuggestedGroups),
        route(get, "/people/{id:str}/duplicates", of_one, "Who may be this person", SuggestedList),
    ]


def external_route(people: Records) -> BaseRouteHandler:
    async def put_one(
        request: Asked, source: FromPath[str], external_id: FromPath[str], data: JSONBody[PersonPatch]
    ) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            by, said = f"external:{source}", [(external_id, data)]
            (outcome,) = await upsert(people, session, principal, by, said, atomic=True)
            values = outcome.values or {}
            return (
                201 if outcome.created else 200,
                _shown(values),
                {"ETag": etag(values["version"])},
            )

        return await written(request, PEOPLE.to_write, f"PUT /people/external/{source}/{external_id}", do)

    path = "/people/external/{source:str}/{external_id:str}"
    return route(put, path, put_one, "Create or change a person of another system", Person, also=(201,))


def _choices(fields: dict[Chosen, str]) -> dict[str, str | UUID]:
    found: dict[str, str | UUID] = {}
    for name, choice in fields.items():
        if choice in ("newest", "survivor"):
            found[name] = choice
            continue
        try:
            found[name] = ids.read(PEOPLE.prefix, choice)
        except ids.IdError:
            raise invalid(
                f"/fields/{name}", "invalid", "newest, survivor, or the id of one of the people"
            ) from None
    return found


def _shown(values: Values) -> dict[str, Any]:
    return _show_person({name: values.get(name) for name in PEOPLE.types}, PEOPLE.fields)


def _person(text: str) -> UUID:
    return _id(PEOPLE.prefix, text, PEOPLE.singular)


def _id(prefix: str, text: str, what: str) -> UUID:
    try:
        return ids.read(prefix, text)
    except ids.IdError:
        raise not_found(what) from None
