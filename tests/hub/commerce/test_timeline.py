"""One person, one timeline: what the CRM and the shop tell of somebody, through merges and back."""

from __future__ import annotations

import datetime

import httpx

from tenfold.runtime.telemetry import Telemetry
from tests.hub.commerce.conftest import Json, Shop, together

pytestmark = together


async def timeline(shop: Shop, path: str, limit: int = 200) -> list[Json]:
    """All of it, by cursors."""
    items: list[Json] = []
    cursor = ""
    while True:
        page = await shop.done("GET", f"{path}/timeline?limit={limit}{cursor}")
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


async def kinds(shop: Shop, path: str) -> list[str]:
    return [each["kind"] for each in await timeline(shop, path)]


async def test_what_became_of_a_person_is_one_list_through_a_merge_and_its_undoing(shop: Shop) -> None:
    await shop.done("POST", "/pipelines", {"name": "Sales"})
    ada = await shop.done("POST", "/contacts", {"person": {"given_name": "Ada", "email": "a@x.example"}})
    augusta = await shop.done("POST", "/contacts", {"person": {"given_name": "Augusta"}})
    await shop.done("POST", "/deals", {"name": "Engine", "contact_ids": [ada["id"], augusta["id"]]})
    call = await shop.done(
        "POST", "/activities", {"kind": "call", "subject": "Hello", "contact_id": augusta["id"]}
    )
    order = await shop.order(ada["person_id"])
    order = await shop.step(order, "pay", "fulfil")
    await shop.refund(order, amount_minor=400)
    theirs = await shop.order(augusta["person_id"])
    await shop.step(theirs, "cancel")

    of_ada = await timeline(shop, f"/contacts/{ada['id']}")
    assert [each["kind"] for each in of_ada] == [
        "order_refunded", "order_fulfilled", "order_paid", "order_placed", "deal_stage", "contact_created"
    ]  # fmt: skip
    assert {each["source"] for each in of_ada[:4]} == {order["id"]}
    assert of_ada[0]["summary"] == {
        "status": "partly_refunded", "total_minor": 1000, "currency": "EUR", "amount_minor": 400
    }  # fmt: skip
    of_augusta = await timeline(shop, f"/people/{augusta['person_id']}")
    assert [each["kind"] for each in of_augusta] == [
        "order_cancelled", "order_placed", "call", "deal_stage", "contact_created"
    ]  # fmt: skip

    await shop.done("POST", f"/people/{ada['person_id']}/merge", {"ids": [augusta["person_id"]]})
    whole = await timeline(shop, f"/contacts/{ada['id']}")
    assert whole == await timeline(shop, f"/people/{augusta['person_id']}", limit=3)
    assert whole[0]["kind"] == "person_merged"
    assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)
    # The deal of both is told of once.
    of_both = [*of_ada, *(each for each in of_augusta if each["kind"] != "deal_stage")]
    assert sorted(each["kind"] for each in whole[1:]) == sorted(each["kind"] for each in of_both)
    # Meanwhile the call is written anew, and another order is taken for an id that stands for the survivor.
    await shop.client.patch(f"/activities/{call['id']}", json={"outcome": "yes"})
    await shop.order(augusta["person_id"])

    merges = (await shop.done("GET", "/merges"))["items"]
    await shop.done("POST", f"/merges/{merges[0]['id']}/undo")
    assert await kinds(shop, f"/contacts/{ada['id']}") == [
        "person_unmerged", "order_placed", "person_merged", *(each["kind"] for each in of_ada)
    ]  # fmt: skip
    again = await timeline(shop, f"/contacts/{augusta['id']}")
    assert [each["kind"] for each in again] == ["person_unmerged", *(each["kind"] for each in of_augusta)]
    assert [each["summary"]["outcome"] for each in again if each["kind"] == "call"] == ["yes"]


async def test_orders_are_told_of_once_they_are_placed_and_imports_as_of_then(shop: Shop) -> None:
    person = await shop.person()
    draft = await shop.order(person, status="draft")
    await shop.step(await shop.order(person, status="draft"), "cancel")
    assert await kinds(shop, f"/people/{person}") == []
    await shop.step(draft, "place")
    await shop.order(person, status="fulfilled", placed_at="2020-01-01T00:00:00Z")
    await shop.done("PATCH", f"/orders/{draft['id']}", {"note": "x"})
    new, old = await timeline(shop, f"/people/{person}")
    assert (new["kind"], new["source"]) == ("order_placed", draft["id"])
    assert (old["at"], old["summary"]["status"]) == ("2020-01-01T00:00:00Z", "fulfilled")
    assert datetime.datetime.fromisoformat(new["at"]) > datetime.datetime.fromisoformat(old["at"])


async def test_another_organization_sees_nothing_of_it_and_many_cost_as_much_as_one(
    shop: Shop, other: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    person = await shop.person()
    await shop.order(person)

    async def statements(count: int) -> int:
        item = {"person_id": person, "currency": "EUR", "items": [{"name": "x", "unit_price_minor": 1}]}
        with telemetry.recording("batch") as record:
            await shop.done("POST", "/orders/batch/create", {"items": [{"item": item}] * count})
        return record.queries

    assert await statements(2) == await statements(100)
    assert len(await kinds(shop, f"/people/{person}")) == 103
    assert (await other.get(f"/people/{person}/timeline")).status_code == 404
