"""What the tests of commerce order by."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.commerce import remote
from tenfold_hub.roles import ROLES
from tenfold_hub.serving import database as hub_database_of
from tenfold_hub.settings import Settings
from tests.hub.conftest import Applications, Organization

Json = dict[str, Any]


_DIFFERENCES = """
SELECT customer_id, currency
  FROM (SELECT * FROM commerce.customer_statistics WHERE organization_id = $1) AS kept
  FULL JOIN (
    SELECT customer_id, currency, count(*) FILTER (WHERE status <> 'cancelled') AS orders,
           sum(paid_minor) AS spent, sum(refunded_minor) AS refunded,
           min(placed_at) FILTER (WHERE status <> 'cancelled') AS first,
           max(placed_at) FILTER (WHERE status <> 'cancelled') AS last
      FROM commerce.orders WHERE organization_id = $1 AND placed_at IS NOT NULL
     GROUP BY customer_id, currency
  ) AS said USING (customer_id, currency)
 WHERE (kept.orders, spent_minor, refunded_minor, first_order_at, last_order_at)
       IS DISTINCT FROM (said.orders, spent, refunded, first, last)
"""


class Shop:
    """A client, and what it asks for again and again."""

    def __init__(self, client: httpx.AsyncClient, db: Database, id: uuid.UUID) -> None:
        self.client, self._db, self._id = client, db, id

    async def person(self, **values: object) -> str:
        return str((await self.done("POST", "/people", values))["id"])

    async def product(self, **values: object) -> Json:
        known = {
            "sku": uuid.uuid4().hex,
            "name": "Lamp",
            "prices": {"EUR": 1999, "USD": 2199},
            "tax_bp": 1900,
        }
        return await self.done("POST", "/products", known | values)

    async def order(self, person: str | None = None, **values: object) -> Json:
        known: Json = {"currency": "EUR", "items": [{"name": "Lamp", "unit_price_minor": 1000}]}
        known["person_id"] = person or await self.person()
        return await self.done("POST", "/orders", known | values)

    async def step(self, order: Json, *steps: str) -> Json:
        for step in steps:
            order = await self.done("POST", f"/orders/{order['id']}/{step}")
        return order

    async def refund(self, order: Json, **values: object) -> httpx.Response:
        return await self.client.post(f"/orders/{order['id']}/refunds", json=values)

    async def statistics(self, customer: str) -> Json:
        return await self.done("GET", f"/customers/{customer}/statistics")

    async def done(self, method: str, path: str, body: object = None) -> Json:
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code in (200, 201), answer.text
        found: Json = answer.json()
        return found

    async def differences(self) -> list[tuple[Any, ...]]:
        """Customers and currencies where the statistics that were kept are not what the orders say."""
        async with self._db.tenant(self._id) as session:
            return [tuple(row.values()) for row in await session.fetch(_DIFFERENCES, self._id)]


class Apart(httpx.AsyncBaseTransport):
    """Commerce in an application of its own, and all else in another, as a gateway shows them."""

    def __init__(self, commerce: httpx.ASGITransport, hub: httpx.ASGITransport) -> None:
        self._commerce, self._hub = commerce, hub

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        elsewhere = request.url.path.startswith(("/v1/people", "/v1/merges", "/v1/contacts"))
        return await (self._hub if elsewhere else self._commerce).handle_async_request(request)


@pytest.fixture(params=["together", "apart"])
async def app(
    request: pytest.FixtureRequest,
    db: Database,
    owner: str,
    settings: Settings,
    telemetry: Telemetry,
    applications: Applications,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """The domain both ways: in the hub, and alone, as a role that sees no other table, and asks over HTTP."""
    hub = applications.of(db, settings)
    if request.param == "together":
        yield hub
        return
    monkeypatch.setattr(
        remote, "client_of", lambda address: httpx.AsyncClient(transport=hub, base_url=address)
    )
    alone = msgspec.structs.replace(
        settings,
        database=make_conninfo(owner, user=ROLES.commerce),
        only="commerce",
        identity="http://identity",
    )
    async with hub_database_of(alone, [telemetry]) as of_commerce:
        yield Apart(applications.of(of_commerce, alone), hub)


together = pytest.mark.parametrize("app", ["together"], indirect=True)


@pytest.fixture
def shop(client: httpx.AsyncClient, db: Database, acme: Organization) -> Shop:
    return Shop(client, db, acme.id)
