"""What is asked of many orders is served by indexes, as the application's role, under its policies."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import index_serves
from tenfold_hub.commerce import customers, ordering, statistics
from tenfold_hub.commerce.orders import ORDERS
from tenfold_hub.commerce.states import COUNTED
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import listing
from tests.hub.commerce.conftest import Shop, together
from tests.hub.conftest import Organization

pytestmark = together
_MANY = """
INSERT INTO commerce.orders
       (organization_id, id, external_id, content_hash, customer_id, person_id, status, currency, tax_mode,
        subtotal_minor, discount_minor, tax_minor, total_minor, placed_at, created_at)
SELECT o.organization_id, gen_random_uuid(), 'e' || n, '',
       CASE n % 500 WHEN 0 THEN o.customer_id ELSE s.id END,
       CASE n % 500 WHEN 0 THEN o.person_id ELSE s.person_id END,
       CASE n % 100 WHEN 0 THEN 'draft' ELSE 'placed' END, 'EUR', 'exclusive', n, 0, 0, n,
       now() - n * interval '1 minute', now() - n * interval '1 minute'
  FROM (SELECT * FROM commerce.orders ORDER BY id LIMIT 1) o,
       (SELECT * FROM commerce.customers ORDER BY id DESC LIMIT 1) s, generate_series(1, 20000) n
"""


def _fill(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute(_MANY)
        connection.execute("ANALYZE commerce.orders; ANALYZE commerce.customers")


async def _plan(db: Database, organization: object, text: str, *parameters: object) -> str:
    async with db.tenant(organization) as session:
        rows = await session.fetch(f"EXPLAIN (COSTS OFF) {text}", *parameters)
    return "\n".join(row[0] for row in rows)


async def test_lists_and_statistics_of_twenty_thousand_orders_read_indexes(
    shop: Shop, owner: str, db: Database, acme: Organization
) -> None:
    order = await shop.order()
    await shop.order()
    await asyncio.to_thread(_fill, owner)
    at = "2020-01-01T00:00:00Z"
    for query, index in {
        "sort=-created_at": "orders_created_at",
        "sort=-updated_at": "orders_updated_at",
        "sort=-placed_at": "orders_placed_at",
        "sort=-total_minor": "orders_total_minor",
        f"filter[placed_at][lt]={at}&sort=-placed_at": "orders_placed_at",
        "filter[total_minor][gte]=19990&sort=total_minor": "orders_total_minor",
        f"filter[customer_id]={order['customer_id']}": "orders_customer",
        f"filter[person_id]={order['person_id']}": "orders_person",
        "filter[status]=draft": "orders_status",
        "filter[external_id]=e7": "orders_external_id_key",
        f"filter[id][in]={order['id']}": "orders_pkey",
    }.items():
        asked = listing(ORDERS, [tuple(part.split("=", 1)) for part in query.split("&")])  # type: ignore[misc]
        found = asked.query(acme.id)
        by = asked.order.names[0]
        down = "DESC" if asked.sort.startswith("-") or not asked.sort else "ASC"
        text = f"{found.text} ORDER BY {by} {down}, id {down} LIMIT 50"
        plan = await _plan(db, acme.id, text, *found.parameters)
        assert index in plan, f"{query}\n{plan}"
        assert "Seq Scan" not in plan, f"{query}\n{plan}"

    async with db.tenant(acme.id) as session:
        (row,) = await session.fetch(
            "SELECT customer_id, person_id FROM commerce.orders"
            " WHERE organization_id = $1 AND external_id = 'e500'",
            acme.id,
        )
    assert shown("cus", row["customer_id"]) == order["customer_id"]
    customer, person = [row["customer_id"]], [row["person_id"]]
    for text, parameters, index in (
        (ordering._BY_EXTERNAL_ID, (["e7"],), "orders_external_id_key"),
        (statistics._ENDS, (customer, ["EUR"], list(COUNTED)), "orders_customer"),
        (statistics._COMPUTE, (customer, list(COUNTED)), "orders_customer"),
        (customers._HOLD, (person,), ""),
    ):
        plan = await _plan(db, acme.id, text, acme.id, *parameters)
        assert index in plan, plan
        assert "Seq Scan on orders" not in plan, plan


@pytest.mark.parametrize("sort", ["created_at", "updated_at", "placed_at", "total_minor"])
async def test_a_page_is_as_cheap_in_the_depth_as_at_the_beginning(
    shop: Shop, owner: str, db: Database, acme: Organization, sort: str
) -> None:
    await shop.order()
    await shop.order()
    await asyncio.to_thread(_fill, owner)
    for by in (sort, f"-{sort}"):
        asked = listing(ORDERS, [("sort", by)])
        async with db.tenant(acme.id) as session:
            report = await index_serves(session, asked.query(acme.id), asked.order)
        assert report.serves, str(report)
