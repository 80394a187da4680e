"""Products, with a price in each currency that they are sold in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.commerce.money import BasisPoints, Minor, is_currency
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort

Sku = Annotated[str, Meta(min_length=1, max_length=100)]
Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=10_000)]
#: By currency.
Prices = Annotated[dict[str, Minor], Meta(max_length=200)]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=50, description="What the client wants to keep with it."),
]


class Product(msgspec.Struct, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    sku: str
    name: str
    description: str | None
    prices: dict[str, int]
    tax_bp: int
    metadata: dict[str, str]


class NewProduct(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    sku: Sku
    name: Name
    description: Text | None = None
    prices: Prices = {}
    tax_bp: BasisPoints = 0
    metadata: Metadata = {}


class ProductPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`prices` and `metadata` take the place of all that were there."""

    sku: Sku | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    prices: Prices | UnsetType = UNSET
    tax_bp: BasisPoints | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


PRODUCTS = Resource(
    name="products",
    singular="product",
    prefix="prd",
    schema="commerce",
    table="products",
    columns={
        "sku": "text",
        "name": "text",
        "description": "text",
        "prices": "jsonb",
        "tax_bp": "integer",
        "metadata": "jsonb",
    },
    shown=Product,
    new=NewProduct,
    patch=ProductPatch,
    filters={
        "sku": Filter(),
        "name": Filter(),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort(), "name": Sort()},
    constraints={"products_sku_key": Fault("/sku", "taken", "another product has this sku")},
)


async def check(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """Prices are in currencies that are."""
    for draft in drafts:
        if "prices" in draft.given:
            wrong = next((code for code in draft.values["prices"] if not is_currency(code)), None)
            if wrong is not None:
                draft.problem = invalid(
                    f"/prices/{wrong[:10]}", "unknown_currency", "this is no currency of ISO 4217"
                )
