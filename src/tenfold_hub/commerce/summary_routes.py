# The framework reads the annotations of handlers: so these are no text.
"""The list of customers with what the CRM knows of them."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery

from tenfold.runtime.paging import Cursors, Order, Query, asc, desc, page
from tenfold_hub.commerce.customers import CUSTOMERS
from tenfold_hub.commerce.summary import COLUMNS
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, Limit, answered, reading
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import USUAL
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import raw_json


class SpentInCurrency(msgspec.Struct, kw_only=True):
    currency: str
    orders: int
    spent_minor: int
    refunded_minor: int


class Summary(msgspec.Struct, kw_only=True):
    customer_id: str
    person_id: str
    given_name: str | None
    family_name: str | None
    email: str | None
    lifecycle_stage: str
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[SpentInCurrency]
    contact_id: str | None
    contact_score: int | None
    last_contacted_at: datetime | None


class SummaryPage(msgspec.Struct, kw_only=True):
    """`as_of`: what was committed before is in it; null, before the first refresh."""

    as_of: datetime | None
    items: list[Summary]
    next_cursor: str | None
    previous_cursor: str | None


ALL = f"""
SELECT customer_id, {", ".join(COLUMNS)} FROM commerce.customer_crm_summary WHERE organization_id = $1
"""
_OF_PERSON = f"{ALL} AND person_id = $2"
_AS_OF = "SELECT refreshed_at FROM commerce.summary_refreshes WHERE organization_id = $1"
#: By what it is sorted, and whether that may be missing.
SORTS = {"last_order_at": True, "orders": False, "contact_score": True, "customer_id": False}
_IDS = {"customer_id": "cus", "person_id": "per", "contact_id": "con"}


def summary_routes(cursors: Cursors) -> list[BaseRouteHandler]:
    async def summary(
        request: Asked,
        sort: FromQuery[str] = "-last_order_at",
        person_id: FromQuery[str | None] = None,
        limit: Limit = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        order = order_of(sort)
        async with reading(request, CUSTOMERS.to_read) as (session, principal):
            asked = Query(ALL, principal.organization)
            if person_id is not None:
                asked = Query(_OF_PERSON, principal.organization, _person(person_id))
            as_of = await session.fetch_value(_AS_OF, principal.organization)
            found = await page(session, asked, order, limit, cursor, cursors=cursors)
        return answered(
            {
                "as_of": as_of,
                "items": [_shown(row) for row in found.items],
                "next_cursor": found.next,
                "previous_cursor": found.previous,
            }
        )

    title = "List customers with their statistics and what the CRM knows, as of the last refresh"
    return [route(get, "/customers/summary", summary, title, SummaryPage)]


def order_of(sort: str) -> Order:
    name = sort.removeprefix("-")
    if name not in SORTS:
        known = ", ".join(SORTS)
        raise Problem(
            "not_sortable",
            f"the summary is sorted by {known}",
            [Fault("sort", "not_sortable", f"sort by one of {known}")],
        )
    by = desc if sort.startswith("-") else asc
    if name == "customer_id":
        return Order(by(name), key=name)
    return Order(by(name, nullable=SORTS[name]), key="customer_id")


def _person(text: str) -> Any:
    try:
        return ids.read("per", text)
    except ids.IdError as error:
        raise Problem("invalid_request", str(error), [Fault("person_id", "invalid_id", str(error))]) from None


def _shown(row: Any) -> dict[str, Any]:
    item = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is no mapping
    item |= {name: None if row[name] is None else shown(prefix, row[name]) for name, prefix in _IDS.items()}
    return item | {"currencies": raw_json(row["currencies"])}
