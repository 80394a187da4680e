# Handlers' annotations are read by the framework, so these are no text.
"""`GET /contacts/{id}/timeline`, and the same of companies, deals, leads and people."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from tenfold.runtime.paging import Cursors, Order, Query, desc, page
from tenfold_hub.crm.activities.timeline import OF_OBJECT
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, Limit, answered, id_of, reading
from tenfold_hub.kit.listing import USUAL
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import raw_json

_ORDER = Order(desc("at", nullable=False), key="id")


class TimelineEvent(msgspec.Struct, kw_only=True):
    """`source` is the id of what tells more; `summary` depends on the kind."""

    id: str
    at: datetime
    kind: str
    source: str
    summary: dict[str, Any]


class TimelinePage(msgspec.Struct, kw_only=True):
    items: list[TimelineEvent]
    next_cursor: str | None


def timeline_of(records: Records, cursors: Cursors, column: str) -> BaseRouteHandler:
    """Of the things of one resource; the column has the id that their events are kept by."""
    resource = records.resource

    async def timeline(
        request: Asked,
        id: FromPath[str],
        limit: Limit = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        async with reading(request, resource.to_read) as (session, principal):
            row = await records.get(session, id_of(resource, id))
            asked = Query(OF_OBJECT, principal.organization, row[column])
            found = await page(session, asked, _ORDER, limit, cursor, cursors=cursors)
        return answered({"items": [_shown(each) for each in found.items], "next_cursor": found.next})

    return route(
        get,
        f"/{resource.name}/{{id:str}}/timeline",
        timeline,
        f"List what happened to a {resource.singular}, the latest first",
        TimelinePage,
    )


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": ids.shown("evt", row["id"]),
        "at": row["at"],
        "kind": row["kind"],
        "source": row["source"],
        "summary": raw_json(row["summary"]),
    }
