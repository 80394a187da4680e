"""Refunds: never more than was paid, and the lines' always add up to the order's."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_hub.commerce.refunds import NewRefund, NewRefundItem, refund_items
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.problems import Problem
from tests.hub.commerce.conftest import Json, Shop

TWO = [{"name": "a", "unit_price_minor": 1000, "quantity": 3}, {"name": "b", "unit_price_minor": 500}]


async def paid(shop: Shop, **values: object) -> Json:
    return await shop.step(await shop.order(items=TWO, **values), "pay")


async def test_an_order_is_refunded_in_part_and_then_in_full(shop: Shop) -> None:
    order = await paid(shop)
    first = await shop.refund(order, amount_minor=700, reason="scratched")
    assert (first.status_code, first.json()["amount_minor"]) == (201, 700)
    assert [item["amount_minor"] for item in first.json()["items"]] == [600, 100]
    part = await shop.done("GET", f"/orders/{order['id']}")
    assert (part["status"], part["refunded_minor"]) == ("partly_refunded", 700)
    assert [item["refunded_minor"] for item in part["items"]] == [600, 100]
    assert (await shop.refund(order)).json()["amount_minor"] == 2800
    full = await shop.done("GET", f"/orders/{order['id']}")
    assert (full["status"], full["refunded_minor"]) == ("refunded", 3500)
    assert [item["refunded_minor"] for item in full["items"]] == [3000, 500]
    assert (await shop.refund(order)).status_code == 409
    (currency,) = (await shop.statistics(order["customer_id"]))["currencies"]
    assert (currency["spent_minor"], currency["refunded_minor"], currency["net_minor"]) == (3500, 3500, 0)
    listed = (await shop.done("GET", f"/refunds?filter[order_id]={order['id']}&expand=items"))["items"]
    assert listed[1] == first.json()


async def test_lines_are_refunded_by_pieces_and_amounts(shop: Shop) -> None:
    order = await paid(shop)
    a, b = (item["id"] for item in order["items"])
    made = await shop.refund(order, items=[{"item_id": a, "quantity": 2}, {"item_id": b, "amount_minor": 1}])
    assert [(item["quantity"], item["amount_minor"]) for item in made.json()["items"]] == [(2, 2000), (0, 1)]
    for item, pointer in (
        ({"item_id": a, "quantity": 2}, "/items/0/quantity"),
        ({"item_id": a, "amount_minor": 1001}, "/items/0/amount_minor"),
        ({"item_id": shown("itm", uuid.uuid4())}, "/items/0/item_id"),
    ):
        answer = await shop.refund(order, items=[item])
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    rest = await shop.refund(order, items=[{"item_id": b}, {"item_id": a}])
    assert rest.json()["amount_minor"] == 1499
    assert (await shop.done("GET", f"/orders/{order['id']}"))["status"] == "refunded"


async def test_more_than_was_paid_is_refused(shop: Shop) -> None:
    order = await paid(shop)
    answer = await shop.refund(order, amount_minor=3501)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/amount_minor")
    assert (await shop.refund(await shop.order(items=TWO))).status_code == 409


async def test_of_many_refunds_at_once_only_what_was_paid_is_given_back(shop: Shop) -> None:
    order = await paid(shop)
    answers = await asyncio.gather(*(shop.refund(order, amount_minor=1000) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [422] * 9
    found = await shop.done("GET", f"/orders/{order['id']}")
    assert found["refunded_minor"] == sum(item["refunded_minor"] for item in found["items"]) == 3000
    assert await shop.differences() == []


async def test_a_refund_that_is_sent_twice_is_made_once(shop: Shop) -> None:
    order = await paid(shop)
    path, body = f"/orders/{order['id']}/refunds", {"amount_minor": 100, "external_id": "r-1"}
    first = await shop.client.post(path, json=body, headers={"Idempotency-Key": "k"})
    again = await shop.client.post(path, json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.content) == (201, first.content)
    many = await asyncio.gather(*(shop.client.post(path, json=body) for _ in range(6)))
    assert {answer.status_code for answer in many} == {200}
    assert all(answer.json() == first.json() for answer in many)
    assert (await shop.client.post(path, json=body | {"amount_minor": 101})).status_code == 409
    assert (await shop.refund(await paid(shop), amount_minor=100, external_id="r-1")).status_code == 409
    assert (await shop.done("GET", f"/orders/{order['id']}"))["refunded_minor"] == 100


async def test_what_was_refunded_in_part_may_still_be_fulfilled_once(shop: Shop) -> None:
    order = await paid(shop)
    await shop.refund(order, amount_minor=1)
    done = await shop.step(order, "fulfil")
    assert (done["status"], done["fulfilled_at"] is not None) == ("partly_refunded", True)
    assert (await shop.client.post(f"/orders/{order['id']}/fulfil")).status_code == 409


async def test_another_organization_does_not_see_a_refund(shop: Shop, other: httpx.AsyncClient) -> None:
    refund = (await shop.refund(await paid(shop), amount_minor=1)).json()
    assert (await other.get(f"/refunds/{refund['id']}")).status_code == 404
    assert (await shop.done("GET", f"/refunds/{refund['id']}")) == refund


# --- the arithmetic ----------------------------------------------------------------------------------

LINES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 50)), min_size=1, max_size=8)


@given(LINES, st.data())
def test_refunds_of_any_kind_in_any_order_end_at_what_was_paid(
    made: list[tuple[int, int]], data: st.DataObject
) -> None:
    lines: list[dict[str, Any]] = [
        {
            "id": uuid.uuid4(),
            "total_minor": total,
            "quantity": quantity,
            "refunded_minor": 0,
            "refunded_quantity": 0,
        }
        for total, quantity in made
    ]
    whole = sum(line["total_minor"] for line in lines)
    for new in (*[_drawn(data, lines) for _ in range(6)], NewRefund()):
        try:
            items = refund_items(lines, new)
        except Problem:
            continue
        for item in items:
            line = next(each for each in lines if each["id"] == item["item_id"])
            line["refunded_minor"] += item["amount_minor"]
            line["refunded_quantity"] += item["quantity"]
            assert 0 <= line["refunded_minor"] <= line["total_minor"]
            assert 0 <= line["refunded_quantity"] <= line["quantity"]
    assert sum(line["refunded_minor"] for line in lines) == whole


def _drawn(data: st.DataObject, lines: list[dict[str, Any]]) -> NewRefund:
    if data.draw(st.booleans()):
        return NewRefund(amount_minor=data.draw(st.integers(1, 10**6)))
    line = data.draw(st.sampled_from(lines))
    pieces = data.draw(st.none() | st.integers(1, 50))
    return NewRefund(items=[NewRefundItem(item_id=shown("itm", line["id"]), quantity=pieces)])


@pytest.mark.parametrize(("total", "quantity"), [(100, 3), (1, 3), (2, 3), (101, 7)])
def test_piece_by_piece_comes_to_the_whole_line(total: int, quantity: int) -> None:
    line = {"id": uuid.uuid4(), "total_minor": total, "quantity": quantity}
    given = 0
    for done in range(quantity):
        new = NewRefund(items=[NewRefundItem(item_id=shown("itm", line["id"]), quantity=1)])
        try:
            (item,) = refund_items([line | {"refunded_minor": given, "refunded_quantity": done}], new)
        except Problem:
            continue
        given += item["amount_minor"]
    assert given == total
