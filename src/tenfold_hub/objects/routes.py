# Handlers' annotations are read by the framework, so these are no text.
"""Routes of objects' own: what a thing is associated with, seen from its side; filling a field to its end."""

import uuid
from datetime import datetime
from typing import Any

import msgspec
from litestar import get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors, Order, Query, desc, page
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, Limit, answered, id_of, principal_of, reading
from tenfold_hub.kit.listing import USUAL
from tenfold_hub.kit.problems import not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import shower
from tenfold_hub.objects.associations import ASSOCIATIONS, AssociationRoutes, Ends
from tenfold_hub.objects.fields import FIELDS, CustomField
from tenfold_hub.objects.filling import Filler

_SIDE = """
SELECT id, created_at, type, label, '{side}' AS side, {other}_object AS object, {other}_id AS other
  FROM objects.associations
 WHERE organization_id = $1 AND {side}_id = $2 AND archived_at IS NULL{typed}
"""
_LABELS = """
SELECT name, label, inverse_label FROM objects.association_types
 WHERE organization_id = $1 AND name = ANY($2::text[])
"""
_ORDER = Order(desc("created_at", nullable=False), key="id")


class Associated(msgspec.Struct, kw_only=True):
    """One thing that another is associated with. The label is its own, or its type's from here."""

    id: str
    object: str
    association_id: str
    type: str
    side: str
    label: str
    associated_at: datetime


class AssociatedPage(msgspec.Struct, kw_only=True):
    items: list[Associated]
    next_cursor: str | None
    previous_cursor: str | None


def associated_routes(routes: AssociationRoutes, ends: Ends, cursors: Cursors) -> list[BaseRouteHandler]:
    async def associated(
        request: Asked,
        thing: FromPath[str],
        type: FromQuery[str | None] = None,
        limit: Limit = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        try:
            kind, id = routes.read_any(thing)
        except ids.IdError:
            raise not_found("thing") from None
        async with reading(request, ASSOCIATIONS.to_read) as (session, _):
            found = await ends.kinds()[kind].get(session, id)
            query = _query(session, found["id"], type)
            rows = await page(session, query, _ORDER, limit, cursor, cursors=cursors)
            items = await _shown(session, ends, rows.items)
        return answered({"items": items, "next_cursor": rows.next, "previous_cursor": rows.previous})

    path = "/associations/of/{thing:str}"
    return [route(get, path, associated, "List what a thing is associated with", AssociatedPage)]


def filling_routes(fields: Records, filler: Filler) -> list[BaseRouteHandler]:
    show = shower(FIELDS)

    async def fill(request: Asked, id: FromPath[str]) -> Answer:
        organization = principal_of(request, FIELDS.to_write).organization
        field = id_of(FIELDS, id)
        async with reading(request, FIELDS.to_write) as (session, _):
            await fields.get(session, field)
        await filler.wait(organization, [field])
        async with reading(request, FIELDS.to_write) as (session, _):
            row = await fields.get(session, field)
        return answered(show(row, FIELDS.fields))

    words = "Go on indexing a field; it says how far it came"
    return [route(post, "/fields/{id:str}/fill", fill, words, CustomField, keyed=False)]


def _query(session: Session, thing: uuid.UUID, type: str | None) -> Query:
    typed = "" if type is None else " AND type = $3"
    sides = [
        _SIDE.format(side=side, other=other, typed=typed) for side, other in (("from", "to"), ("to", "from"))
    ]
    return Query("UNION ALL".join(sides), session.tenant, thing, *(() if type is None else (type,)))


async def _shown(session: Session, ends: Ends, rows: Any) -> list[dict[str, Any]]:
    names = sorted({row["type"] for row in rows})
    types = {row["name"]: row for row in await session.fetch(_LABELS, session.tenant, names)} if names else {}
    return [
        {
            "id": ids.shown(ends.prefix_of(row["object"]), row["other"]),
            "object": row["object"],
            "association_id": ids.shown(ASSOCIATIONS.prefix, row["id"]),
            "type": row["type"],
            "side": row["side"],
            "label": row["label"]
            or types[row["type"]]["label" if row["side"] == "from" else "inverse_label"],
            "associated_at": row["created_at"],
        }
        for row in rows
    ]
