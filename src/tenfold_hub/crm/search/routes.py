# Handlers' annotations are read by the framework, so these are no text.
"""`GET /search`: people, contacts, companies, leads and deals by what somebody remembers of them."""

from collections.abc import Mapping

import msgspec
from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery

from tenfold_hub.crm.search.asked import LONGEST
from tenfold_hub.crm.search.finding import MOST, find
from tenfold_hub.kit.exchange import Answer, Asked, answered, principal_of, reading
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route


class Found(msgspec.Struct, kw_only=True):
    """`kind` is the thing's resource; `score` says how well it fits, from 0 to 1."""

    kind: str
    id: str
    title: str
    detail: str | None
    score: float


class FoundPage(msgspec.Struct, kw_only=True):
    items: list[Found]


def handlers(sources: Mapping[str, Records]) -> list[BaseRouteHandler]:
    async def search(
        request: Asked,
        q: FromQuery[str],
        kinds: FromQuery[str] = "contacts,companies",
        limit: FromQuery[int] = MOST,
    ) -> Answer:
        if not q.strip() or len(q) > LONGEST or "\0" in q:
            raise _wrong("q", f"from 1 to {LONGEST} characters")
        if not 1 <= limit <= MOST:
            raise _wrong("limit", f"from 1 to {MOST}")
        wanted = list(dict.fromkeys(kinds.split(",")))
        for kind in wanted:
            if kind not in sources:
                raise _wrong("kinds", f"some of {', '.join(sources)}")
            principal_of(request, sources[kind].resource.to_read)
        async with reading(request, sources[wanted[0]].resource.to_read) as (session, _):
            hits = await find(session, q, wanted, limit)
        return answered(
            {
                "items": [
                    {
                        "kind": hit.kind,
                        "id": shown(sources[hit.kind].resource.prefix, hit.id),
                        "title": hit.title,
                        "detail": hit.detail,
                        "score": hit.score,
                    }
                    for hit in hits
                ]
            }
        )

    return [route(get, "/search", search, "Find things by name, e-mail or phone", FoundPage)]


def _wrong(parameter: str, detail: str) -> Problem:
    return Problem("invalid_request", f"`{parameter}`: {detail}", [Fault(parameter, "invalid", detail)])
