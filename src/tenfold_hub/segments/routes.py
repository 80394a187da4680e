# The framework reads the annotations of handlers: so these are no text.
"""What segments have besides the routes of every resource: their members, and a computation anew."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors, Order, Query, asc, page
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, answered, reading, written
from tenfold_hub.kit.listing import MOST
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import etag, moment, shower
from tenfold_hub.segments import repository
from tenfold_hub.segments.computing import Worker
from tenfold_hub.segments.keeping import Keeper
from tenfold_hub.segments.segments import SEGMENTS, Segment

_MEMBERS = """
SELECT object_id AS id, since FROM crm.segment_members WHERE organization_id = $1 AND segment_id = $2
"""
_ORDER = Order(asc("id"), key="id")


class Things(msgspec.Struct, forbid_unknown_fields=True):
    """Ids of things of the segment's resource."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1_000)]


class Changed(msgspec.Struct):
    """How many things were put in, or taken out, of those that were named."""

    changed: int


class Member(msgspec.Struct):
    id: str
    since: str


class Members(msgspec.Struct):
    """How many there are, exactly."""

    count: int


class PageOfMembers(msgspec.Struct):
    items: list[Member]
    next_cursor: str | None
    previous_cursor: str | None


class SegmentRoutes:
    """Of one hub."""

    def __init__(
        self,
        segments: Records,
        records: Mapping[str, Records],
        keeper: Keeper,
        worker: Worker,
        cursors: Cursors,
    ) -> None:
        self._segments, self._records, self._keeper, self._worker = segments, records, keeper, worker
        self._cursors = cursors

    def handlers(self) -> list[BaseRouteHandler]:
        async def members(
            request: Asked,
            id: FromPath[str],
            limit: FromQuery[int] = 50,
            cursor: FromQuery[str | None] = None,
        ) -> Answer:
            if not 1 <= limit <= MOST:
                fault = Fault("limit", "invalid", f"from 1 to {MOST}")
                raise Problem("invalid_request", fault.detail, [fault])
            async with reading(request, SEGMENTS.to_read) as (session, _):
                segment = await self._segments.get(session, _id(id))
                query = Query(_MEMBERS, session.tenant, segment["id"])
                found = await page(session, query, _ORDER, limit, cursor, cursors=self._cursors)
            prefix = self._records[segment["resource"]].resource.prefix
            items = [
                {"id": ids.shown(prefix, row["id"]), "since": moment(row["since"])} for row in found.items
            ]
            return answered({"items": items, "next_cursor": found.next, "previous_cursor": found.previous})

        async def add(request: Asked, id: FromPath[str], data: JSONBody[Things]) -> Answer:
            return await self._changed(request, id, data, put=True)

        async def remove(request: Asked, id: FromPath[str], data: JSONBody[Things]) -> Answer:
            return await self._changed(request, id, data, put=False)

        async def recompute(request: Asked, id: FromPath[str]) -> Answer:
            async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
                segment = await self._live(session, _id(id))
                await repository.compute_again(session, segment["id"])
                organization = segment["organization"]
                session.after_commit(lambda: _nothing(self._worker.begin(organization)))
                row = await self._segments.get(session, segment["id"])
                return 202, shower(SEGMENTS)(row, SEGMENTS.fields), {"ETag": etag(row["version"])}

            return await written(request, SEGMENTS.to_write, f"POST {request.url.path}", do)

        path = "/segments/{id:str}/members"
        return [
            route(get, path, members, "List members of a segment", PageOfMembers),
            route(post, f"{path}/add", add, "Put things into a static segment", Changed),
            route(post, f"{path}/remove", remove, "Take things out of a static segment", Changed),
            route(
                post, "/segments/{id:str}/recompute", recompute, "Compute a segment once more", Segment, 202
            ),
        ]

    async def _changed(self, request: Asked, id: str, data: Things, *, put: bool) -> Answer:
        """Nine statements and those of `keep`, however many things there are."""

        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            segment = await self._live(session, _id(id))
            if segment["kind"] != "static":
                raise Problem("conflict", "the rule of a dynamic segment says who is in it")
            records = self._records[segment["resource"]]
            held = await records.rows.lock(session, await _things(session, records, data.ids))
            segments = await self._keeper.catalog.held(session)
            if segment["id"] not in segments.by_id:
                raise Problem("conflict", "the segment was archived at this moment")
            if put:
                changed = await repository.pick(session, segment["id"], list(held), segment["resource"])
            else:
                changed = await repository.drop(session, segment["id"], list(held))
            roots = dict.fromkeys(held, frozenset([segment["id"]]))
            await self._keeper.keep(session, segments, segment["resource"], roots, held=held)
            return 200, {"changed": changed}, {}

        return await written(request, SEGMENTS.to_write, f"POST {request.url.path}", do)

    async def _live(self, session: Session, id: uuid.UUID) -> dict[str, Any]:
        row = await self._segments.get(session, id)
        if row["archived_at"] is not None:
            raise Problem("conflict", "restore the segment first")
        return {
            "id": row["id"],
            "kind": row["kind"],
            "resource": row["resource"],
            "organization": session.tenant,
        }


async def _things(session: Session, records: Records, texts: Sequence[str]) -> list[uuid.UUID]:
    """What the ids stand for. Raises Problem `not_found` with each that stands for nothing."""
    prefix = records.resource.prefix
    read: list[uuid.UUID | None] = []
    for text in texts:
        try:
            read.append(ids.read(prefix, text))
        except ids.IdError:
            read.append(None)
    found = await records.get_many(session, list({id for id in read if id is not None}))
    missing = [
        Fault(f"/ids/{place}", "not_found", f"there is no such {records.resource.singular}")
        for place, id in enumerate(read)
        if id is None or id not in found
    ]
    if missing:
        raise Problem("not_found", missing[0].detail, missing)
    return [row["id"] for row in found.values()]


def _id(text: str) -> uuid.UUID:
    try:
        return ids.read(SEGMENTS.prefix, text)
    except ids.IdError:
        raise not_found(SEGMENTS.singular) from None


def _nothing(_: object) -> None:
    """So that nobody waits for a task that was begun."""


async def sizes_part(session: Session, rows: Sequence[Any]) -> list[dict[str, int]]:
    """How many members each segment has."""
    sizes = await repository.sizes(session, [row["id"] for row in rows])
    return [{"count": sizes.get(row["id"], 0)} for row in rows]
