"""Products: their prices, their skus, and whose they are."""

from __future__ import annotations

import httpx
import pytest

from tests.hub.commerce.conftest import Shop


async def test_a_product_has_a_price_in_each_currency(shop: Shop) -> None:
    product = await shop.product(prices={"EUR": 1999, "JPY": 3200})
    assert (await shop.done("GET", f"/products/{product['id']}"))["prices"] == {"EUR": 1999, "JPY": 3200}
    patched = await shop.done("PATCH", f"/products/{product['id']}", {"prices": {"EUR": 1}})
    assert patched["prices"] == {"EUR": 1}


@pytest.mark.parametrize(
    ("currency", "exponent", "tax", "total"), [("JPY", 0, 608, 3_808), ("KWD", 3, 2_346, 14_691)]
)
async def test_amounts_of_currencies_without_and_with_three_digits_are_whole_minor_units(
    shop: Shop, currency: str, exponent: int, tax: int, total: int
) -> None:
    product = await shop.product(prices={"JPY": 3_200, "KWD": 12_345}, tax_bp=1900)
    order = await shop.order(currency=currency, items=[{"product_id": product["id"]}], status="paid")
    assert (order["tax_minor"], order["total_minor"]) == (tax, total)
    assert (await shop.refund(order, amount_minor=total - 1)).status_code == 201
    (found,) = (await shop.statistics(order["customer_id"]))["currencies"]
    assert (found["currency"], found["exponent"], found["net_minor"]) == (currency, exponent, 1)


async def test_a_sku_is_an_organizations_own(shop: Shop, other: httpx.AsyncClient) -> None:
    await shop.product(sku="L-1")
    again = await shop.client.post("/products", json={"sku": "L-1", "name": "Lamp"})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "/sku")
    assert (await other.post("/products", json={"sku": "L-1", "name": "Lamp"})).status_code == 201
    assert len((await shop.done("GET", "/products?filter[sku]=L-1"))["items"]) == 1


@pytest.mark.parametrize(
    ("prices", "status", "pointer"),
    [
        ({"ZZZ": 1}, 422, "/prices/ZZZ"),
        ({"XAU": 1}, 422, "/prices/XAU"),
        ({"EUR": 1.5}, 400, "/prices"),
        ({"EUR": -1}, 400, "/prices"),
    ],
)
async def test_a_price_is_whole_minor_units_of_a_currency(
    shop: Shop, prices: object, status: int, pointer: str
) -> None:
    answer = await shop.client.post("/products", json={"sku": "x", "name": "x", "prices": prices})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_what_is_archived_is_not_sold(shop: Shop) -> None:
    product, person = await shop.product(), await shop.person()
    await shop.done("DELETE", f"/products/{product['id']}")
    order = {"person_id": person, "currency": "EUR", "items": [{"product_id": product["id"]}]}
    answer = await shop.client.post("/orders", json=order)
    assert answer.status_code == 422
    fault = answer.json()["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/items/0/product_id", "archived")
    await shop.done("POST", f"/products/{product['id']}/restore")
    assert (await shop.client.post("/orders", json=order)).status_code == 201
