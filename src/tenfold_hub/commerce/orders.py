"""Orders, their lines and their history, as the API shows and takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.commerce.customers import Note
from tenfold_hub.commerce.money import BasisPoints, Currency, Minor
from tenfold_hub.commerce.products import Metadata, Name, Sku
from tenfold_hub.commerce.states import Status
from tenfold_hub.commerce.tables import Parts
from tenfold_hub.commerce.totals import Discount, TaxMode
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Resource, Sort, Thing

#: Lines of one order.
MOST_LINES = 200

ExternalId = Annotated[str, Meta(min_length=1, max_length=200)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]


class OrderItem(msgspec.Struct, kw_only=True):
    """A line. Name and price are what they were when it was ordered, whatever becomes of the product."""

    id: str
    position: int
    product_id: str | None
    sku: str | None
    name: str
    quantity: int
    unit_price_minor: int
    discount: Discount | None
    subtotal_minor: int
    line_discount_minor: int
    order_discount_minor: int
    tax_bp: int
    tax_minor: int
    total_minor: int
    refunded_quantity: int
    refunded_minor: int


class HistoryEntry(msgspec.Struct, kw_only=True):
    at: datetime
    event: str
    status_before: Status | None
    status: Status
    amount_minor: int | None
    reason: str | None
    actor: dict[str, str]


class Order(Thing, kw_only=True):
    external_id: str | None
    customer_id: str
    person_id: str
    status: Status
    currency: str
    tax_mode: TaxMode
    discount: Discount | None
    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int
    refunded_minor: int
    payment_reference: str | None
    note: str | None
    metadata: dict[str, str]
    placed_at: datetime | None
    paid_at: datetime | None
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    items: list[OrderItem] | UnsetType = UNSET
    history: list[HistoryEntry] | UnsetType = UNSET
    customer: dict[str, Any] | UnsetType | None = UNSET
    person: dict[str, Any] | UnsetType | None = UNSET


class NewItem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Of a product, by its id or sku, with its name, tax and price in the order's currency; or of its own."""

    product_id: str | None = None
    sku: Sku | None = None
    name: Name | None = None
    quantity: Quantity = 1
    unit_price_minor: Minor | None = None
    discount: Discount | None = None
    tax_bp: BasisPoints | None = None


Items = Annotated[list[NewItem], Meta(min_length=1, max_length=MOST_LINES)]


class NewOrder(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """`status` and `placed_at` are for orders of another system, which may be paid or fulfilled already."""

    person_id: str
    currency: Currency
    items: Items
    external_id: ExternalId | None = None
    status: Literal["draft", "placed", "paid", "fulfilled"] = "placed"
    tax_mode: TaxMode = "exclusive"
    discount: Discount | None = None
    placed_at: Moment | None = None
    payment_reference: Reference | None = None
    note: Note | None = None
    metadata: Metadata = {}


class OrderPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Once an order was placed, its note and metadata alone. `items` replace all that were there."""

    currency: Currency | UnsetType = UNSET
    items: Items | UnsetType = UNSET
    tax_mode: TaxMode | UnsetType = UNSET
    discount: Discount | UnsetType | None = UNSET
    note: Note | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


ORDERS = Resource(
    name="orders",
    singular="order",
    prefix="ord",
    schema="commerce",
    table="orders",
    columns={
        "external_id": "text",
        "customer_id": "uuid",
        "person_id": "uuid",
        "status": "text",
        "currency": "text",
        "tax_mode": "text",
        "discount": "jsonb",
        "subtotal_minor": "bigint",
        "discount_minor": "bigint",
        "tax_minor": "bigint",
        "total_minor": "bigint",
        "paid_minor": "bigint",
        "refunded_minor": "bigint",
        "payment_reference": "text",
        "note": "text",
        "metadata": "jsonb",
        "placed_at": "timestamptz",
        "paid_at": "timestamptz",
        "fulfilled_at": "timestamptz",
        "cancelled_at": "timestamptz",
    },
    shown=Order,
    new=NewOrder,
    patch=OrderPatch,
    refs={"customer_id": "cus", "person_id": "per"},
    filters={
        "external_id": Filter(operators=("eq", "in")),
        "customer_id": Filter(operators=("eq", "in")),
        "person_id": Filter(operators=("eq", "in")),
        "status": Filter(operators=EQUAL),
        "total_minor": Filter(operators=RANGE),
        "placed_at": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={
        "created_at": Sort(),
        "updated_at": Sort(),
        "placed_at": Sort(nullable=True),
        "total_minor": Sort(),
    },
    expands={"customer": "customers", "person": "people", "items": "order items", "history": "order history"},
    whole=("items",),
    constraints={},
    writes=frozenset(),
)

_TYPES = {**ORDERS.types, "content_hash": "bytea"}
#: Of two orders with one external id the second finds the first.
INSERTED = Parts("orders", _TYPES, end=" ON CONFLICT (organization_id, external_id) DO NOTHING RETURNING id")
ITEMS = Parts(
    "order_items",
    {
        "order_id": "uuid",
        "id": "uuid",
        "position": "integer",
        "product_id": "uuid",
        "sku": "text",
        "name": "text",
        "quantity": "bigint",
        "unit_price_minor": "bigint",
        "discount": "jsonb",
        "subtotal_minor": "bigint",
        "line_discount_minor": "bigint",
        "order_discount_minor": "bigint",
        "tax_bp": "integer",
        "tax_minor": "bigint",
        "total_minor": "bigint",
        "refunded_quantity": "bigint",
        "refunded_minor": "bigint",
    },
)
HISTORY = Parts(
    "order_history",
    {
        "order_id": "uuid",
        "id": "uuid",
        "at": "timestamptz",
        "event": "text",
        "status_before": "text",
        "status": "text",
        "amount_minor": "bigint",
        "reason": "text",
        "actor_kind": "text",
        "actor_id": "uuid",
    },
)
