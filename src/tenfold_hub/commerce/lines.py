"""From what a client orders to lines with a name, a price and a tax: their own, or a product's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.commerce.orders import NewItem
from tenfold_hub.commerce.totals import Discount, Line, TaxMode, Totals, totals
from tenfold_hub.kit import ids
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import invalid

# Two index scans, of the key and of the sku.
_PRODUCTS = """
SELECT id, sku, name, prices, tax_bp, archived_at FROM commerce.products
 WHERE organization_id = $1 AND (id = ANY($2::uuid[]) OR sku = ANY($3::text[]))
"""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    sku: str
    name: str
    prices: Mapping[str, int]
    tax_bp: int
    archived: bool


class Catalogue:
    """The products that some items name."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._ids: dict[uuid.UUID, Product] = {}
        self._skus: dict[str, Product] = {}
        for product in products:
            self._ids[product.id] = self._skus[product.sku] = product

    @classmethod
    async def of(cls, session: Session, items: Iterable[NewItem]) -> Catalogue:
        """One statement; none where no item is of a product."""
        named = [item for item in items if item.product_id is not None or item.sku is not None]
        by_id = {id for item in named if (id := _id(item)) is not None}
        by_sku = {item.sku for item in named if item.product_id is None}
        if not by_id and not by_sku:
            return cls(())
        rows = await session.fetch(_PRODUCTS, session.tenant, list(by_id), list(by_sku))
        return cls(
            Product(
                id=row["id"],
                sku=row["sku"],
                name=row["name"],
                prices=msgspec.json.decode(row["prices"], type=dict[str, int]),
                tax_bp=row["tax_bp"],
                archived=row["archived_at"] is not None,
            )
            for row in rows
        )

    def lines(self, items: Sequence[NewItem], currency: str) -> list[dict[str, Any]]:
        """The lines' columns but for their amounts. Raises Problem."""
        return [self._line(item, currency, f"/items/{place}") for place, item in enumerate(items)]

    def _line(self, item: NewItem, currency: str, pointer: str) -> dict[str, Any]:
        product = self._product(item, pointer)
        price = item.unit_price_minor
        if price is None and product is not None:
            price = product.prices.get(currency)
        if price is None:
            why = f"the product has no price in {currency}" if product else "what is no product needs a price"
            raise invalid(f"{pointer}/unit_price_minor", "no_price", why)
        name = item.name or (product.name if product else None)
        if name is None:
            raise invalid(f"{pointer}/name", "required", "what is no product needs a name")
        tax = item.tax_bp
        if tax is None:
            tax = product.tax_bp if product else 0
        return {
            "id": new_id(),
            "product_id": product.id if product else None,
            "sku": product.sku if product else None,
            "name": name,
            "quantity": item.quantity,
            "unit_price_minor": price,
            "discount": None if item.discount is None else msgspec.to_builtins(item.discount),
            "tax_bp": tax,
            "refunded_quantity": 0,
            "refunded_minor": 0,
        }

    def _product(self, item: NewItem, pointer: str) -> Product | None:
        if item.product_id is None and item.sku is None:
            return None
        if item.product_id is not None:
            if item.sku is not None:
                raise invalid(f"{pointer}/sku", "invalid", "give product_id or sku")
            id, pointer = _id(item), f"{pointer}/product_id"
            found = None if id is None else self._ids.get(id)
        else:
            assert item.sku is not None
            found, pointer = self._skus.get(item.sku), f"{pointer}/sku"
        if found is None:
            raise invalid(pointer, "unknown", "there is no such product")
        if found.archived:
            raise invalid(pointer, "archived", "the product is archived")
        return found


def priced(
    order: uuid.UUID, lines: Sequence[Mapping[str, Any]], discount: Discount | None, mode: TaxMode
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The order's amounts, and its lines with theirs. Raises Problem."""
    found: Totals = totals([_line(line) for line in lines], discount, mode)
    rows = [
        {**line, "order_id": order, "position": place, **msgspec.structs.asdict(amounts)}
        for place, (line, amounts) in enumerate(zip(lines, found.lines, strict=True), 1)
    ]
    whole = ("subtotal_minor", "discount_minor", "tax_minor", "total_minor")
    return {name: getattr(found, name) for name in whole}, rows


def _line(line: Mapping[str, Any]) -> Line:
    discount = line["discount"]
    return Line(
        quantity=line["quantity"],
        unit_price_minor=line["unit_price_minor"],
        discount=None if discount is None else msgspec.convert(discount, Discount),
        tax_bp=line["tax_bp"],
    )


def _id(item: NewItem) -> uuid.UUID | None:
    try:
        return ids.read("prd", item.product_id) if item.product_id is not None else None
    except ids.IdError:
        return None
