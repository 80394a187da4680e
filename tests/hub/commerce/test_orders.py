"""Orders: how they are taken, what they cost, and what may become of them."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest

from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.commerce.states import ALLOWED
from tests.hub.commerce.conftest import Shop, together

NOBODY = "per_01m7yqxee4fv0rg5jbccy14d19"


# --- taking orders -----------------------------------------------------------------------------------


async def test_an_order_has_its_lines_and_what_they_cost(shop: Shop) -> None:
    lamp = await shop.product(sku="L-1", name="Lamp", prices={"EUR": 1999}, tax_bp=1900)
    order = await shop.order(
        items=[
            {"product_id": lamp["id"], "quantity": 3, "discount": {"percent_bp": 1000}},
            {"sku": "L-1", "unit_price_minor": 1000, "tax_bp": 700},
            {"name": "Delivery", "unit_price_minor": 490},
        ],
        discount={"amount_minor": 100},
    )
    first, second, third = order["items"]
    assert (first["name"], first["unit_price_minor"], first["tax_bp"]) == ("Lamp", 1999, 1900)
    assert (second["product_id"], second["unit_price_minor"], second["tax_bp"]) == (lamp["id"], 1000, 700)
    assert (third["product_id"], third["sku"], third["name"]) == (None, None, "Delivery")
    assert [item["line_discount_minor"] for item in order["items"]] == [600, 0, 0]
    assert [item["order_discount_minor"] for item in order["items"]] == [78, 15, 7]
    assert [item["tax_minor"] for item in order["items"]] == [1011, 69, 0]
    assert order["subtotal_minor"] == 3 * 1999 + 1000 + 490
    assert order["total_minor"] == sum(item["total_minor"] for item in order["items"]) == 7867
    assert await shop.done("GET", f"/orders/{order['id']}") == order


async def test_a_line_keeps_the_name_and_price_that_it_was_ordered_at(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", prices={"EUR": 1000})
    order = await shop.order(items=[{"product_id": lamp["id"]}])
    await shop.done("PATCH", f"/products/{lamp['id']}", {"name": "Light", "prices": {"EUR": 9}})
    item = (await shop.done("GET", f"/orders/{order['id']}"))["items"][0]
    assert (item["name"], item["unit_price_minor"]) == ("Lamp", 1000)


async def test_the_first_order_makes_the_customer(shop: Shop) -> None:
    person = await shop.person()
    first, second = await shop.order(person), await shop.order(person)
    assert first["customer_id"] == second["customer_id"]
    (customer,) = (await shop.done("GET", f"/customers?filter[person_id]={person}"))["items"]
    assert (customer["id"], customer["person_id"]) == (first["customer_id"], person)
    log = (await shop.done("GET", f"/audit?object={customer['id']}"))["items"]
    assert [entry["action"] for entry in log] == ["created"]


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"person_id": NOBODY}, "/person_id"),
        ({"person_id": "x"}, "/person_id"),
        ({"currency": "XAU"}, "/currency"),
        ({"items": [{"unit_price_minor": 1}]}, "/items/0/name"),
        ({"items": [{"name": "x"}]}, "/items/0/unit_price_minor"),
        ({"items": [{"name": "x", "unit_price_minor": 1}, {"sku": "no"}]}, "/items/1/sku"),
        ({"items": [{"product_id": "prd_x"}]}, "/items/0/product_id"),
        ({"discount": {"amount_minor": 10_000}}, "/discount"),
        ({"placed_at": "2126-01-01T00:00:00Z"}, "/placed_at"),
    ],
)
async def test_an_order_that_cannot_be_is_refused_by_its_place(
    shop: Shop, values: dict[str, object], pointer: str
) -> None:
    order = {"currency": "EUR", "items": [{"name": "x", "unit_price_minor": 1}]}
    person = {"person_id": await shop.person()}
    answer = await shop.client.post("/orders", json=order | person | values)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await shop.done("GET", "/orders"))["items"] == []
    assert (await shop.done("GET", "/customers"))["items"] == []


async def test_an_order_that_is_sent_twice_is_taken_once(shop: Shop) -> None:
    order = {
        "person_id": await shop.person(),
        "currency": "EUR",
        "external_id": "web-1",
        "items": [{"name": "x", "unit_price_minor": 1}],
    }
    first = await shop.client.post("/orders", json=order, headers={"Idempotency-Key": "k"})
    by_key = await shop.client.post("/orders", json=order, headers={"Idempotency-Key": "k"})
    assert (by_key.status_code, by_key.content) == (201, first.content)
    by_external_id = await shop.client.post("/orders", json=order)
    assert (by_external_id.status_code, by_external_id.json()) == (200, first.json())
    assert by_external_id.headers["idempotent-replayed"] == "true"
    another = await shop.client.post("/orders", json=order | {"note": "other"})
    assert (another.status_code, another.json()["errors"][0]["pointer"]) == (409, "/external_id")
    assert len((await shop.done("GET", "/orders?filter[external_id]=web-1"))["items"]) == 1
    assert (await shop.statistics(first.json()["customer_id"]))["orders"] == 1


async def test_of_many_who_send_the_same_order_at_once_one_is_first(shop: Shop) -> None:
    order = {
        "person_id": await shop.person(),
        "currency": "EUR",
        "external_id": "web-1",
        "items": [{"name": "x", "unit_price_minor": 1}],
    }
    answers = await asyncio.gather(*(shop.client.post("/orders", json=order) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await shop.statistics(answers[0].json()["customer_id"]))["orders"] == 1


async def test_orders_of_another_system_may_be_paid_or_fulfilled_already(shop: Shop) -> None:
    at = "2020-02-03T04:05:06Z"
    order = await shop.order(status="fulfilled", placed_at=at)
    assert (order["status"], order["placed_at"], order["paid_at"]) == ("fulfilled", at, at)
    assert order["paid_minor"] == order["total_minor"]
    found = await shop.statistics(order["customer_id"])
    assert (found["first_order_at"], found["currencies"][0]["spent_minor"]) == (at, order["total_minor"])


# --- many at once ------------------------------------------------------------------------------------


async def test_a_batch_takes_what_it_can_and_says_why_not_the_rest(shop: Shop) -> None:
    person, item = await shop.person(), {"name": "x", "unit_price_minor": 100}
    good = {"person_id": person, "currency": "EUR", "items": [item], "status": "paid"}
    known = await shop.order(person, external_id="a")
    items = [
        {"ref": "good", "item": good},
        {"ref": "nobody", "item": good | {"person_id": NOBODY}},
        {"ref": "twice", "item": good | {"external_id": "b"}},
        {"ref": "again", "item": good | {"external_id": "b"}},
        {"ref": "taken", "item": good | {"external_id": "a"}},
        {"ref": "price", "item": good | {"items": [{"name": "x"}]}},
    ]
    answer = await shop.client.post("/orders/batch/create", json={"items": items})
    assert answer.status_code == 207
    assert [(each["ref"], each["status"]) for each in answer.json()["items"]] == [
        ("good", 200), ("nobody", 422), ("twice", 200), ("again", 422), ("taken", 409), ("price", 422),
    ]  # fmt: skip
    found = await shop.statistics(known["customer_id"])
    assert (found["orders"], found["currencies"][0]["spent_minor"]) == (3, 200)
    whole = await shop.client.post("/orders/batch/create?atomic=true", json={"items": items})
    assert whole.status_code == 422
    assert len((await shop.done("GET", "/orders"))["items"]) == 3


async def test_the_statements_of_a_batch_do_not_grow_with_it(shop: Shop, telemetry: Telemetry) -> None:
    lamp = await shop.product(prices={"EUR": 1000})
    people = [await shop.person() for _ in range(20)]

    async def statements(count: int, path: str, items: list[object]) -> int:
        with telemetry.recording("batch") as record:
            answer = await shop.client.post(path, json={"items": items[:count]})
        assert answer.status_code == 200, answer.text
        return record.queries

    def orders() -> list[object]:
        lines = [{"product_id": lamp["id"]}, {"name": "x", "unit_price_minor": 1}]
        return [
            {
                "item": {
                    "person_id": person,
                    "currency": "EUR",
                    "items": lines,
                    "external_id": uuid.uuid4().hex,
                }
            }
            for person in people * 20
        ]

    await statements(20, "/orders/batch/create", orders())
    few = await statements(1, "/orders/batch/create", orders())
    assert await statements(400, "/orders/batch/create", orders()) == few
    page = (await shop.done("GET", "/orders?limit=200&fields=status"))["items"]
    ids: list[object] = [{"id": order["id"]} for order in page]
    assert await statements(1, "/orders/batch/pay", ids[:1]) == await statements(
        150, "/orders/batch/pay", ids[1:]
    )
    assert await shop.differences() == []


@together
async def test_a_single_order_costs_a_pinned_number_of_statements(shop: Shop, telemetry: Telemetry) -> None:
    person = await shop.person()
    order = await shop.order(person)
    with telemetry.recording("create") as record:
        await shop.order(person)
    # Who asks; people, customers, order, lines, history, timeline, audit, event, statistics.
    assert record.queries <= 10, record
    with telemetry.recording("pay") as record:
        await shop.step(order, "pay")
    # Who asks; hold, order, history, audit, event, statistics, lines to show.
    assert record.queries <= 8, record
    with telemetry.recording("list") as record:
        await shop.done("GET", "/orders?expand=items,history,customer,person")
    assert record.queries == 6, record


async def test_each_of_a_batch_takes_its_step_or_says_why_not(shop: Shop) -> None:
    placed, draft = await shop.order(), await shop.order(status="draft")
    items = [{"id": placed["id"]}, {"id": draft["id"]}, {"id": "ord_x"}, {"id": placed["id"]}]
    answer = await shop.client.post("/orders/batch/pay", json={"items": items})
    assert [each["status"] for each in answer.json()["items"]] == [200, 409, 404, 409]
    assert (await shop.done("GET", f"/orders/{placed['id']}"))["status"] == "paid"


# --- what becomes of them ----------------------------------------------------------------------------


PATHS = {
    "draft": [],
    "placed": ["place"],
    "paid": ["place", "pay"],
    "fulfilled": ["place", "pay", "fulfil"],
    "cancelled": ["place", "cancel"],
}


@pytest.mark.parametrize("status", PATHS)
async def test_an_order_takes_the_steps_of_its_status_and_no_others(shop: Shop, status: str) -> None:
    for step, allowed in ALLOWED.items():
        order = await shop.step(await shop.order(status="draft"), *PATHS[status])
        assert order["status"] == status
        path = "refunds" if step == "refund" else step
        answer = await shop.client.post(f"/orders/{order['id']}/{path}")
        assert answer.status_code == ((201 if step == "refund" else 200) if status in allowed else 409), step
    assert await shop.differences() == []


async def test_the_history_says_what_became_of_an_order(shop: Shop) -> None:
    order = await shop.step(await shop.order(status="draft"), "place")
    await shop.done("POST", f"/orders/{order['id']}/pay", {"payment_reference": "pi_1", "reason": "card"})
    await shop.refund(order, amount_minor=100, reason="late")
    found = await shop.done("GET", f"/orders/{order['id']}?expand=history")
    assert [
        (each["event"], each["status_before"], each["status"], each["amount_minor"], each["reason"])
        for each in found["history"]
    ] == [
        ("created", None, "draft", None, None),
        ("placed", "draft", "placed", None, None),
        ("paid", "placed", "paid", None, "card"),
        ("refunded", "paid", "partly_refunded", 100, "late"),
    ]
    assert found["payment_reference"] == "pi_1"
    log = (await shop.done("GET", f"/audit?object={order['id']}"))["items"]
    assert [entry["action"] for entry in log] == ["refunded", "paid", "placed", "created"]
    assert (log[1]["before"]["status"], log[1]["after"]["status"]) == ("placed", "paid")


async def test_of_two_steps_that_exclude_each_other_at_once_one_is_taken(shop: Shop) -> None:
    orders = [await shop.order() for _ in range(3)]
    answers = await asyncio.gather(
        *(shop.client.post(f"/orders/{each['id']}/{step}") for each in orders for step in ("pay", "cancel"))
    )
    for order, taken in zip(orders, zip(answers[::2], answers[1::2], strict=True), strict=True):
        assert sorted(answer.status_code for answer in taken) == [200, 409]
        found = await shop.done("GET", f"/orders/{order['id']}?expand=history")
        assert found["status"] == ("paid" if taken[0].status_code == 200 else "cancelled")
        assert len(found["history"]) == 2
    assert await shop.differences() == []


async def test_two_who_pay_an_order_at_once_pay_it_once(shop: Shop) -> None:
    order = await shop.order()
    path = f"/orders/{order['id']}/pay"
    answers = await asyncio.gather(*(shop.client.post(path) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    found = await shop.statistics(order["customer_id"])
    assert found["currencies"][0]["spent_minor"] == order["total_minor"]


async def test_a_draft_is_changed_and_costs_what_it_then_has(shop: Shop) -> None:
    lamp = await shop.product(prices={"EUR": 1000, "USD": 1100}, tax_bp=1000)
    order = await shop.order(status="draft", items=[{"product_id": lamp["id"], "quantity": 2}])
    path = f"/orders/{order['id']}"
    assert order["total_minor"] == 2200
    less = await shop.done("PATCH", path, {"discount": {"percent_bp": 5000}})
    assert (less["total_minor"], less["items"][0]["id"]) == (1100, order["items"][0]["id"])
    other = await shop.done("PATCH", path, {"currency": "USD", "items": [{"product_id": lamp["id"]}]})
    assert (other["total_minor"], other["subtotal_minor"]) == (605, 1100)
    assert (await shop.done("PATCH", path, {"discount": None}))["total_minor"] == 1210
    answer = await shop.client.patch(path, json={"currency": "EUR"})
    assert answer.json()["errors"][0]["pointer"] == "/items"
    late = await shop.client.patch(path, json={"note": "x"}, headers={"If-Match": '"1"'})
    assert late.status_code == 412
    assert (await shop.done("GET", path))["version"] == 4


async def test_a_placed_order_changes_its_note_and_nothing_that_it_costs(shop: Shop) -> None:
    order = await shop.order()
    path = f"/orders/{order['id']}"
    noted = await shop.done("PATCH", path, {"note": "ring twice", "metadata": {"till": "4"}})
    assert (noted["note"], noted["metadata"], noted["version"]) == ("ring twice", {"till": "4"}, 2)
    assert await shop.done("PATCH", path, {"note": "ring twice"}) == noted
    for change in (
        {"items": [{"name": "x", "unit_price_minor": 1}]},
        {"discount": None},
        {"currency": "USD"},
    ):
        answer = await shop.client.patch(path, json=change)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "fixed")
    assert await shop.done("GET", path) == noted


# --- lists and others --------------------------------------------------------------------------------


async def test_orders_are_listed_by_what_people_look_for(shop: Shop) -> None:
    mine = await shop.order(items=[{"name": "x", "unit_price_minor": 5000}])
    await shop.step(await shop.order(), "pay")
    for query in (
        f"filter[customer_id]={mine['customer_id']}",
        f"filter[person_id]={mine['person_id']}",
        "filter[status]=placed",
        "filter[total_minor][gte]=5000",
        f"filter[id][in]={mine['id']}",
        "sort=-total_minor&limit=1",
        "sort=placed_at&limit=1",
    ):
        found = (await shop.done("GET", f"/orders?{query}"))["items"]
        assert [order["id"] for order in found] == [mine["id"]], query
    shown = (await shop.done("GET", f"/orders?{query}&expand=items,customer,person"))["items"][0]
    assert shown["items"] == mine["items"]
    assert shown["customer"]["id"] == mine["customer_id"]
    assert shown["person"]["id"] == mine["person_id"]


async def test_another_organization_neither_sees_nor_changes_an_order(
    shop: Shop, other: httpx.AsyncClient
) -> None:
    lamp = await shop.product()
    order = await shop.step(await shop.order(items=[{"product_id": lamp["id"]}]), "pay")
    before = await shop.done("GET", f"/orders/{order['id']}?expand=items,history")
    path, customer = f"/orders/{order['id']}", f"/customers/{order['customer_id']}"
    theirs = (await other.post("/people", json={})).json()["id"]
    line = {"name": "x", "unit_price_minor": 1}
    answers = [
        await other.get(path),
        await other.patch(path, json={"note": "mine"}),
        *[await other.post(f"{path}/{step}") for step in ("place", "pay", "fulfil", "cancel", "refunds")],
        await other.get(customer),
        await other.get(f"{customer}/statistics"),
        await other.patch(customer, json={"note": "mine"}),
        await other.delete(customer),
        await other.get(f"/products/{lamp['id']}"),
        await other.patch(f"/products/{lamp['id']}", json={"name": "mine"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    for body in (
        {"person_id": order["person_id"], "currency": "EUR", "items": [line]},
        {"person_id": theirs, "currency": "EUR", "items": [{"product_id": lamp["id"]}]},
    ):
        assert (await other.post("/orders", json=body)).status_code == 422
    assert (await other.post("/customers", json={"person_id": order["person_id"]})).status_code == 422
    for step in ("pay", "cancel"):
        batch = await other.post(f"/orders/batch/{step}", json={"items": [{"id": order["id"]}]})
        assert batch.json()["items"][0]["status"] == 404
    for name in ("orders", "customers", "refunds", "products"):
        assert (await other.get(f"/{name}")).json()["items"] == []
    assert await shop.done("GET", f"/orders/{order['id']}?expand=items,history") == before
