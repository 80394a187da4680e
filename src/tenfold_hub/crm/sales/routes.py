# Handlers' annotations are read by the framework, so these are no text.
"""Routes of deals besides those of every resource: the board, their stages over time, and their contacts."""

import uuid
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors, Order, Query, asc, page
from tenfold_hub.crm.sales.deals import MOST_CONTACTS, Deal
from tenfold_hub.crm.sales.history import MOVES, History
from tenfold_hub.crm.sales.pipelines import Stage
from tenfold_hub.kit.exchange import Answer, Asked, Limit, answered, id_at, id_of, reading, written
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import USUAL
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import shower

#: Deals of a stage that are counted and summed up: beyond, the totals say that they are capped.
COUNTED = 10_000
_TOTALS = f"""
SELECT s.id AS stage_id, d.currency, count(*) AS deals, sum(d.amount_minor)::text AS amount_minor
  FROM unnest($2::uuid[]) AS s (id)
 CROSS JOIN LATERAL (
        SELECT d.currency, d.amount_minor FROM crm.deals AS d
         WHERE d.organization_id = $1 AND d.stage_id = s.id AND d.archived_at IS NULL
         ORDER BY d.created_at DESC, d.id DESC LIMIT {COUNTED + 1}
       ) AS d
 GROUP BY s.id, d.currency ORDER BY s.id, d.currency
"""
_CARDS = """
SELECT d.* FROM unnest($2::uuid[]) AS s (id)
 CROSS JOIN LATERAL (
        SELECT * FROM crm.deals AS d
         WHERE d.organization_id = $1 AND d.stage_id = s.id AND d.archived_at IS NULL
         ORDER BY d.created_at DESC, d.id DESC LIMIT $3
       ) AS d
"""
_STAGES = """
SELECT * FROM crm.stages WHERE organization_id = $1 AND pipeline_id = $2 AND archived_at IS NULL
 ORDER BY position, id LIMIT 200
"""
_ORDER = Order(asc("at", nullable=False), key="id")
#: Deals of each stage that a board shows.
Cards = Annotated[int, QueryParameter(ge=1, le=100)]


class Amount(msgspec.Struct, kw_only=True):
    currency: str
    amount_minor: int


class Column(msgspec.Struct, kw_only=True):
    """One stage: how many deals are in it, what they are worth by currency, and the newest of them."""

    stage: Stage
    count: int
    #: There are more deals than were counted.
    capped: bool
    amounts: list[Amount]
    deals: list[Deal]


class Board(msgspec.Struct, kw_only=True):
    stages: list[Column]


class Move(msgspec.Struct, kw_only=True):
    """`seconds` are those in the stage before."""

    at: datetime
    from_stage_id: str | None
    stage_id: str
    seconds: int | None


class MovePage(msgspec.Struct, kw_only=True):
    items: list[Move]
    next_cursor: str | None


class ContactsOfDeal(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    add: Annotated[list[str], Meta(max_length=MOST_CONTACTS)] = []
    remove: Annotated[list[str], Meta(max_length=MOST_CONTACTS)] = []


def handlers(
    pipelines: Records, stages: Records, deals: Records, history: History, cursors: Cursors
) -> list[BaseRouteHandler]:
    show_stage, show_deal = shower(stages.resource), shower(deals.resource)

    async def board(request: Asked, id: FromPath[str], limit: Cards = 20) -> Answer:
        async with reading(request, deals.resource.to_read) as (session, _):
            pipeline = await pipelines.get(session, id_of(pipelines.resource, id))
            rows = await session.fetch(_STAGES, session.tenant, pipeline["id"])
            named = [row["id"] for row in rows]
            totals = await session.fetch(_TOTALS, session.tenant, named)
            cards = await session.fetch(_CARDS, session.tenant, named, limit)
            deals_of: dict[uuid.UUID, list[dict[str, Any]]] = {}
            for card in cards:
                deals_of.setdefault(card["stage_id"], []).append(show_deal(card, deals.resource.fields))
            await deals.reveal(session, [each for some in deals_of.values() for each in some])
        return answered(
            {
                "stages": [
                    {
                        "stage": show_stage(row, stages.resource.fields),
                        **_total([each for each in totals if each["stage_id"] == row["id"]]),
                        "deals": deals_of.get(row["id"], []),
                    }
                    for row in rows
                ]
            }
        )

    async def moves(
        request: Asked,
        id: FromPath[str],
        limit: Limit = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        async with reading(request, deals.resource.to_read) as (session, principal):
            deal = await deals.get(session, id_of(deals.resource, id))
            asked = Query(MOVES, principal.organization, deal["id"])
            found = await page(session, asked, _ORDER, limit, cursor, cursors=cursors)
        items = [
            {
                "at": row["at"],
                "from_stage_id": None if row["from_stage_id"] is None else shown("stg", row["from_stage_id"]),
                "stage_id": shown("stg", row["stage_id"]),
                "seconds": row["seconds"],
            }
            for row in found.items
        ]
        return answered({"items": items, "next_cursor": found.next})

    async def contacts(request: Asked, id: FromPath[str], data: JSONBody[ContactsOfDeal]) -> Answer:
        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            deal = id_of(deals.resource, id)
            held = await deals.rows.lock(session, [deal])
            if deal not in held:
                raise not_found("deal")
            add = [id_at("/add", "con", text) for text in data.add]
            remove = [id_at("/remove", "con", text) for text in data.remove]
            await history.change(session, held[deal], add, remove, MOST_CONTACTS)
            answer = show_deal(held[deal], deals.resource.fields)
            (answer["contacts"],) = await history.shown(session, [held[deal]])
            return 200, answer, {}

        return await written(request, deals.resource.to_write, f"POST /deals/{id}/contacts", do)

    return [
        route(get, "/pipelines/{id:str}/board", board, "Show the deals of a pipeline by stage", Board),
        route(get, "/deals/{id:str}/stages", moves, "List the stages that a deal went through", MovePage),
        route(
            post, "/deals/{id:str}/contacts", contacts, "Add contacts to a deal, or remove them", Deal, 200
        ),
    ]


def _total(rows: list[Any]) -> dict[str, Any]:
    count = sum(row["deals"] for row in rows)
    return {
        "count": min(count, COUNTED),
        "capped": count > COUNTED,
        "amounts": [
            {"currency": row["currency"], "amount_minor": int(row["amount_minor"])}
            for row in rows
            if row["currency"] is not None and row["amount_minor"] is not None
        ],
    }
