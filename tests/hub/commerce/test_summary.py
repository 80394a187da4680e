"""The summary of customers: whose rows they are, how old, and who may fill it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime.read_models import Refresher
from tenfold_hub.commerce.summary import READS, SUMMARY, maintenance
from tenfold_hub.roles import ROLES
from tests.hub.commerce.conftest import Shop, together


@pytest.fixture
async def refresher(owner: str) -> AsyncIterator[Refresher]:
    """Of the role that maintains the hub, which is no superuser and has no BYPASSRLS."""
    async with (
        maintenance(make_conninfo(owner, user=ROLES.maintenance)) as db,
        Refresher(db, [SUMMARY], scheduled=False) as refresher,
    ):
        yield refresher


@together
async def test_a_customer_is_one_row_with_what_commerce_and_the_crm_know(
    shop: Shop, refresher: Refresher
) -> None:
    person = await shop.person(given_name="Ada", email="ada@engines.example")
    contact = await shop.done("POST", "/contacts", {"person_id": person, "score": 7})
    order = await shop.order(person, status="paid")
    await shop.order(person, currency="USD")
    await shop.refund(order, amount_minor=1)
    empty = await shop.done("GET", "/customers/summary")
    assert (empty["as_of"], empty["items"]) == (None, [])
    assert (await refresher.refresh(SUMMARY.name)).outcome == "refreshed"
    found = await shop.done("GET", "/customers/summary")
    (row,) = found["items"]
    assert found["as_of"] >= order["placed_at"]
    assert (row["customer_id"], row["person_id"]) == (order["customer_id"], person)
    assert (row["given_name"], row["email"], row["orders"]) == ("Ada", "ada@engines.example", 2)
    assert (row["contact_id"], row["contact_score"]) == (contact["id"], 7)
    assert row["currencies"] == [
        {"currency": "EUR", "orders": 1, "spent_minor": 1000, "refunded_minor": 1},
        {"currency": "USD", "orders": 1, "spent_minor": 0, "refunded_minor": 0},
    ]
    assert (await shop.done("GET", f"/customers/summary?person_id={person}"))["items"] == [row]


@together
async def test_it_is_paged_in_each_order(shop: Shop, refresher: Refresher) -> None:
    for count in range(5):
        person = await shop.person()
        await shop.done("POST", "/contacts", {"person_id": person, "score": count % 2})
        for _ in range(count):
            await shop.order(person)
        if not count:
            await shop.done("POST", "/customers", {"person_id": person})
    await refresher.refresh(SUMMARY.name)
    for sort in ("-last_order_at", "orders", "-contact_score", "customer_id"):
        whole = (await shop.done("GET", f"/customers/summary?sort={sort}"))["items"]
        assert len(whole) == 5
        paged, cursor = [], ""
        while True:
            page = await shop.done("GET", f"/customers/summary?sort={sort}&limit=2{cursor}")
            paged += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert paged == whole, sort
    ordered = await shop.done("GET", "/customers/summary?sort=-orders&limit=1")
    assert ordered["items"][0]["orders"] == 4
    refused = await shop.client.get("/customers/summary?sort=email")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_sortable")


@together
async def test_an_organization_sees_its_own_rows_alone(
    shop: Shop, other: httpx.AsyncClient, refresher: Refresher
) -> None:
    order = await shop.order()
    await refresher.refresh(SUMMARY.name)
    assert len((await shop.done("GET", "/customers/summary"))["items"]) == 1
    assert (await other.get("/customers/summary")).json()["items"] == []
    theirs = await other.get(f"/customers/summary?person_id={order['person_id']}")
    assert theirs.json()["items"] == []


async def test_whoever_fills_it_reads_what_it_is_made_of_and_no_more(
    owner: str, refresher: Refresher
) -> None:
    with psycopg.connect(make_conninfo(owner, user=ROLES.maintenance), autocommit=True) as connection:
        for (schema, table), columns in READS.items():
            connection.execute(f"SELECT {', '.join(columns)} FROM {schema}.{table}".encode())
        for hidden in (
            "phone FROM identity.people",
            "id FROM commerce.orders",
            "note FROM commerce.customers",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {hidden}".encode())
    with (
        psycopg.connect(make_conninfo(owner, user=ROLES.application), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT FROM {SUMMARY.names.stored}".encode())


@together
async def test_whoever_owns_the_hub_inherits_nothing_of_it(shop: Shop, owner: str) -> None:
    await shop.order()
    with psycopg.connect(make_conninfo(owner, user=ROLES.owner)) as connection:
        assert connection.execute("SELECT count(*) FROM commerce.customers").fetchone() == (0,)
