# The framework reads the annotations of handlers: so these are no text.
"""The list of customers with what the CRM knows of them."""

from typing import Any

from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery

from tenfold.runtime.paging import Cursors, Order, Query, asc, desc, page
from tenfold_hub.commerce.customers import CUSTOMERS
from tenfold_hub.commerce.summary import SUMMARY, SummaryPage
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, answered, reading
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import MOST, USUAL
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import moment, raw_json

_ALL = """
SELECT customer_id, person_id, given_name, family_name, email, lifecycle_stage, orders, first_order_at,
       last_order_at, currencies, contact_id, contact_score, last_contacted_at
  FROM commerce.customer_crm_summary WHERE organization_id = $1
"""
_OF_PERSON = f"{_ALL} AND person_id = $2"
#: By what it is sorted, and whether that may be missing.
_SORTS = {"last_order_at": True, "orders": False, "contact_score": True, "customer_id": False}
_IDS = {"customer_id": "cus", "person_id": "per", "contact_id": "con"}
_TIMES = ("first_order_at", "last_order_at", "last_contacted_at")
#: The read model was never filled.
_NOT_FILLED = "55000"


def summary_routes(cursors: Cursors) -> list[BaseRouteHandler]:
    async def summary(
        request: Asked,
        sort: FromQuery[str] = "-last_order_at",
        person_id: FromQuery[str | None] = None,
        limit: FromQuery[int] = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        if not 1 <= limit <= MOST:
            raise Problem("invalid_request", f"limit is from 1 to {MOST}")
        order = _order(sort)
        async with reading(request, CUSTOMERS.to_read) as (session, principal):
            asked = Query(_ALL, principal.organization)
            if person_id is not None:
                asked = Query(_OF_PERSON, principal.organization, _person(person_id))
            as_of = await SUMMARY.freshness(session)
            try:
                found = await page(session, asked, order, limit, cursor, cursors=cursors)
            except Exception as error:
                if getattr(error, "sqlstate", "") != _NOT_FILLED:
                    raise
                raise Problem("unavailable", "the summary was not filled yet") from None
        return answered(
            {
                "as_of": None if as_of is None else moment(as_of),
                "items": [_shown(row) for row in found.items],
                "next_cursor": found.next,
                "previous_cursor": found.previous,
            }
        )

    title = "List customers with their statistics and what the CRM knows, as of the last refresh"
    return [route(get, "/customers/summary", summary, title, SummaryPage)]


def _order(sort: str) -> Order:
    name = sort.removeprefix("-")
    if name not in _SORTS:
        known = ", ".join(_SORTS)
        raise Problem(
            "not_sortable",
            f"the summary is sorted by {known}",
            [Fault("sort", "not_sortable", f"sort by one of {known}")],
        )
    by = desc if sort.startswith("-") else asc
    if name == "customer_id":
        return Order(by(name), key=name)
    return Order(by(name, nullable=_SORTS[name]), key="customer_id")


def _person(text: str) -> Any:
    try:
        return ids.read("per", text)
    except ids.IdError as error:
        raise Problem("invalid_request", str(error), [Fault("person_id", "invalid_id", str(error))]) from None


def _shown(row: Any) -> dict[str, Any]:
    item = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is no mapping
    item |= {name: None if row[name] is None else shown(prefix, row[name]) for name, prefix in _IDS.items()}
    item |= {name: None if row[name] is None else moment(row[name]) for name in _TIMES}
    return item | {"currencies": raw_json(row["currencies"])}
