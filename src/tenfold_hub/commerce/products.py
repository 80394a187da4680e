"""Products, with a price in each currency that they are sold in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.commerce.money import BasisPoints, Minor, require_currency
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing

Sku = Annotated[str, Meta(min_length=1, max_length=100)]
Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=10_000)]
#: By currency.
Prices = Annotated[dict[str, Minor], Meta(max_length=200)]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=50, description="What the client wants to keep with it."),
]


class Product(Thing, kw_only=True):
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
    keys=("sku",),
    constraints={"products_sku_key": Fault("/sku", "taken", "another product has this sku")},
)


async def checked(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """Prices are in currencies that are."""
    for draft in drafts:
        try:
            for code in draft.values["prices"] if "prices" in draft.given else ():
                require_currency(code, f"/prices/{code[:10]}")
        except Problem as problem:
            draft.problem = problem
