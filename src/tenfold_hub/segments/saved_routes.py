# The framework reads the annotations of handlers: so these are no text.
"""The results of a saved search."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, reading
from tenfold_hub.kit.problems import not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import ResourceRoutes, route
from tenfold_hub.segments.saved_searches import SAVED_SEARCHES, listing_of, seen_by


class PageOfResults(msgspec.Struct):
    """Things of the resource that is searched, of the fields that are saved with it."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    previous_cursor: str | None


def results_route(
    searches: Records, records: Mapping[str, Records], routes: Callable[[Records], ResourceRoutes]
) -> BaseRouteHandler:
    async def results(
        request: Asked, id: FromPath[str], limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
    ) -> Answer:
        try:
            wanted = ids.read(SAVED_SEARCHES.prefix, id)
        except ids.IdError:
            raise not_found(SAVED_SEARCHES.singular) from None
        async with reading(request, SAVED_SEARCHES.to_read) as (session, principal):
            row = await seen_by(searches, principal).get(session, wanted)
        found = records[row["resource"]]
        asked = listing_of(found.resource, searches.rows.values(row), limit, cursor)
        return await routes(found).listed(request, asked)

    return route(
        get,
        "/saved-searches/{id:str}/results",
        results,
        "List what a saved search finds",
        PageOfResults,
    )
