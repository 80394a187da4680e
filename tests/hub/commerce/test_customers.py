"""Customers and their statistics: exact, whatever is written, by however many at once."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest

from tenfold.runtime import Database
from tests.hub.commerce.conftest import Shop
from tests.hub.conftest import Organization


async def test_a_customer_is_a_person_once(shop: Shop) -> None:
    person = await shop.person(given_name="Ada")
    made = await shop.done("POST", "/customers", {"person_id": person, "note": "regular"})
    assert (await shop.client.post("/customers", json={"person_id": person})).status_code == 409
    order = await shop.order(person)
    assert order["customer_id"] == made["id"]
    found = await shop.done("GET", f"/customers/{made['id']}?expand=person,statistics")
    assert (found["person"]["given_name"], found["statistics"]["orders"]) == ("Ada", 1)


async def test_statistics_say_what_was_ordered_spent_and_refunded_in_each_currency(shop: Shop) -> None:
    person = await shop.person()
    first = await shop.order(person, status="paid", placed_at="2020-01-01T00:00:00Z")
    await shop.order(person, status="draft")
    dollars = await shop.order(person, currency="USD")
    await shop.refund(first, amount_minor=1)
    found = await shop.statistics(first["customer_id"])
    assert found["orders"] == 2
    assert (found["first_order_at"], found["last_order_at"]) == (first["placed_at"], dollars["placed_at"])
    euro, dollar = found["currencies"]
    assert euro == {
        "currency": "EUR",
        "exponent": 2,
        "orders": 1,
        "spent_minor": 1000,
        "refunded_minor": 1,
        "net_minor": 999,
        "first_order_at": first["placed_at"],
        "last_order_at": first["placed_at"],
    }
    assert (dollar["currency"], dollar["orders"], dollar["spent_minor"]) == ("USD", 1, 0)


async def test_a_cancelled_order_counts_no_more_and_is_neither_first_nor_last(shop: Shop) -> None:
    person = await shop.person()
    times = ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z"]
    orders = [await shop.order(person, placed_at=at) for at in times]
    await shop.step(orders[2], "cancel")
    found = await shop.statistics(orders[0]["customer_id"])
    assert (found["orders"], found["first_order_at"], found["last_order_at"]) == (2, times[0], times[1])
    await shop.step(orders[0], "cancel")
    await shop.step(orders[1], "cancel")
    found = await shop.statistics(orders[0]["customer_id"])
    assert (found["orders"], found["first_order_at"], found["last_order_at"]) == (0, None, None)
    assert await shop.differences() == []


async def test_orders_of_one_customer_at_once_all_count(shop: Shop) -> None:
    person = await shop.person()
    orders = await asyncio.gather(
        *(shop.order(person, status="paid", items=[{"name": "x", "unit_price_minor": n}]) for n in range(40))
    )
    assert len({order["customer_id"] for order in orders}) == 1
    found = await shop.statistics(orders[0]["customer_id"])
    assert (found["orders"], found["currencies"][0]["spent_minor"]) == (40, sum(range(40)))
    assert await shop.differences() == []


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_done_at_once_the_statistics_are_what_the_orders_say(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    people = [await shop.person() for _ in range(3)]

    async def one(moves: list[str]) -> None:
        order = await shop.order(
            moves_person := people[len(moves) % 3],
            currency=["EUR", "JPY"][len(moves) % 2],
            status="draft",
            items=[{"name": "x", "unit_price_minor": len(moves) * 7, "quantity": 3}],
        )
        assert order["person_id"] == moves_person
        for move in moves:
            path = f"/orders/{order['id']}/{move}"
            body = {"amount_minor": 5} if move == "refunds" else None
            answer = await shop.client.post(path, json=body)
            assert answer.status_code in (200, 201, 409, 422), answer.text

    steps = ["place", "pay", "refunds", "fulfil", "cancel", "refunds"]
    work = [["place", *chance.choices(steps, k=chance.randint(1, 5))] for _ in range(30)]
    batches = [
        {"items": [{"item": {"person_id": person, "currency": "EUR", "status": "paid", "items": lines}}
                   for person in chance.choices(people, k=20)]}
        for lines in ([{"name": "x", "unit_price_minor": 11}], [{"name": "y", "unit_price_minor": 13}])
    ]  # fmt: skip
    await asyncio.gather(
        *map(one, work), *(shop.client.post("/orders/batch/create", json=batch) for batch in batches)
    )
    assert await shop.differences() == []
    assert len((await shop.done("GET", "/customers"))["items"]) == 3


async def test_a_difference_would_be_found_and_mended(shop: Shop, db: Database, acme: Organization) -> None:
    from tenfold_hub.commerce import statistics

    await shop.order(status="paid")
    async with db.tenant(acme.id) as session:
        changed = await session.execute(
            "UPDATE commerce.customer_statistics SET orders = orders + 1 WHERE organization_id = $1", acme.id
        )
        assert changed == 1
    ((customer, currency),) = await shop.differences()
    assert currency == "EUR"
    async with db.tenant(acme.id) as session:
        await statistics.recompute(session, [customer])
    assert await shop.differences() == []


async def test_another_organizations_people_are_no_customers(shop: Shop, other: httpx.AsyncClient) -> None:
    person = await shop.person()
    answer = await other.post("/customers", json={"person_id": person})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/person_id")
    assert (await other.get("/customers")).json()["items"] == []
