"""People who become one are one customer, with all their orders; undone, they are two again."""

from __future__ import annotations

import asyncio

from tests.hub.commerce.conftest import Json, Shop


async def merged(shop: Shop, into: str, *people: str) -> str:
    answer = await shop.done("POST", f"/people/{into}/merge", {"ids": list(people)})
    return str(answer["merge"]["id"])


async def sold(shop: Shop, person: str, *prices: int, currency: str = "EUR") -> list[Json]:
    return [
        await shop.order(
            person, status="paid", currency=currency, items=[{"name": "x", "unit_price_minor": price}]
        )
        for price in prices
    ]


def spent(statistics: Json) -> dict[str, int]:
    return {each["currency"]: each["spent_minor"] for each in statistics["currencies"]}


async def test_two_customers_become_one_and_two_again(shop: Shop) -> None:
    ada, lovelace = await shop.person(), await shop.person()
    (first, *_), (second, *_) = await sold(shop, ada, 100, 200), await sold(shop, lovelace, 1000)
    await sold(shop, lovelace, 7, currency="USD")
    await shop.refund(second, amount_minor=10)
    before = [await shop.statistics(each["customer_id"]) for each in (first, second)]
    merge = await merged(shop, ada, lovelace)

    (customer,) = (await shop.done("GET", "/customers"))["items"]
    assert (customer["id"], customer["person_id"]) == (first["customer_id"], ada)
    found = await shop.statistics(customer["id"])
    assert (found["orders"], spent(found)) == (4, {"EUR": 1300, "USD": 7})
    assert found["currencies"][0]["refunded_minor"] == 10
    orders = (await shop.done("GET", f"/orders?filter[person_id]={lovelace}"))["items"]
    assert {(each["customer_id"], each["person_id"]) for each in orders} == {(customer["id"], ada)}
    assert len(orders) == 4
    assert (await shop.order(lovelace, status="draft"))["customer_id"] == customer["id"]

    await shop.done("POST", f"/merges/{merge}/undo")
    assert [await shop.statistics(each["customer_id"]) for each in (first, second)] == before
    back = await shop.done("GET", f"/orders/{second['id']}")
    assert (back["customer_id"], back["person_id"]) == (second["customer_id"], lovelace)
    assert await shop.differences() == []


async def test_what_is_ordered_between_a_merge_and_its_undoing_stays_with_the_survivor(shop: Shop) -> None:
    ada, lovelace = await shop.person(), await shop.person()
    (first,), (second,) = await sold(shop, ada, 100), await sold(shop, lovelace, 1000)
    merge = await merged(shop, ada, lovelace)
    await sold(shop, lovelace, 5)
    await shop.refund(second, amount_minor=400)
    await shop.done("POST", f"/merges/{merge}/undo")
    assert spent(await shop.statistics(first["customer_id"])) == {"EUR": 105}
    (euro,) = (await shop.statistics(second["customer_id"]))["currencies"]
    assert (euro["spent_minor"], euro["refunded_minor"]) == (1000, 400)
    assert await shop.differences() == []


async def test_a_customer_goes_with_a_person_who_is_merged_into_one_who_is_none(shop: Shop) -> None:
    ada, lovelace = await shop.person(), await shop.person()
    (order,) = await sold(shop, lovelace, 1000)
    merge = await merged(shop, ada, lovelace)
    (customer,) = (await shop.done("GET", "/customers"))["items"]
    assert (customer["id"], customer["person_id"]) == (order["customer_id"], ada)
    assert (await shop.done("GET", f"/orders/{order['id']}"))["person_id"] == ada
    await shop.done("POST", f"/merges/{merge}/undo")
    assert (await shop.done("GET", f"/orders/{order['id']}"))["person_id"] == lovelace
    assert await shop.differences() == []


async def test_orders_that_are_taken_while_people_are_merged_all_count(shop: Shop) -> None:
    people = [await shop.person() for _ in range(4)]
    known = [order for person in people for order in await sold(shop, person, 100)]

    async def buy(person: str) -> None:
        for _ in range(8):
            answer = await shop.client.post(
                "/orders",
                json={
                    "person_id": person,
                    "currency": "EUR",
                    "status": "paid",
                    "items": [{"name": "x", "unit_price_minor": 1}],
                },
            )
            assert answer.status_code == 201, answer.text

    async def refund(order: Json) -> None:
        for _ in range(8):
            assert (await shop.refund(order, amount_minor=2)).status_code == 201

    async def merge() -> str:
        return await merged(shop, people[0], *people[1:])

    *_, made = await asyncio.gather(*map(buy, people), *map(refund, known), merge())
    (customer,) = (await shop.done("GET", "/customers"))["items"]
    (euro,) = (await shop.statistics(customer["id"]))["currencies"]
    assert (euro["orders"], euro["spent_minor"], euro["refunded_minor"]) == (36, 432, 64)
    assert await shop.differences() == []
    await asyncio.gather(
        *map(buy, people), shop.done("POST", f"/merges/{made}/undo"), return_exceptions=False
    )
    assert await shop.differences() == []
