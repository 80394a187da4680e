"""Orders before they are written: as clients asked for them, on their way to be priced. Pure."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from tenfold_hub.commerce.money import require_currency
from tenfold_hub.commerce.orders import ORDERS, NewOrder
from tenfold_hub.commerce.tables import begun
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import MOST_ITEMS, Draft
from tenfold_hub.kit.rows import Values

#: Lines of all orders of one batch.
MOST_BATCH_LINES = 10_000


@dataclass(slots=True, kw_only=True)
class OrderDraft(Draft):
    """One order on its way. `found` is the order that was taken for the same external id before."""

    new: NewOrder
    content_hash: bytes
    items: list[Values] = field(default_factory=list)
    found: uuid.UUID | None = None


def drafted(orders: Sequence[NewOrder], now: datetime.datetime) -> list[OrderDraft]:
    """Raises Problem for more than a batch may have; what is wrong with one order is its draft's problem."""
    if len(orders) > MOST_ITEMS or sum(len(order.items) for order in orders) > MOST_BATCH_LINES:
        raise Problem(
            "too_large",
            f"a batch has at most {MOST_ITEMS:,} orders with {MOST_BATCH_LINES:,} lines in all",
        )
    drafts = [_draft(order, now) for order in orders]
    seen: set[str] = set()
    for draft in drafts:
        name = draft.new.external_id
        if name is not None and name in seen:
            draft.problem = invalid("/external_id", "twice", "a batch names each external_id once")
        elif name is not None:
            seen.add(name)
    return drafts


def unsettled(drafts: Iterable[OrderDraft]) -> list[OrderDraft]:
    """Those that are neither refused nor were taken before."""
    return [draft for draft in drafts if draft.problem is None and draft.found is None]


def _draft(order: NewOrder, now: datetime.datetime) -> OrderDraft:
    at = order.placed_at or now
    values = begun(ORDERS, now) | {
        "external_id": order.external_id,
        "status": order.status,
        "currency": order.currency,
        "tax_mode": order.tax_mode,
        "discount": None if order.discount is None else msgspec.to_builtins(order.discount),
        "paid_minor": 0,
        "refunded_minor": 0,
        "payment_reference": order.payment_reference,
        "note": order.note,
        "metadata": order.metadata,
        "placed_at": None if order.status == "draft" else at,
        "paid_at": at if order.status in ("paid", "fulfilled") else None,
        "fulfilled_at": at if order.status == "fulfilled" else None,
    }
    digest = hashlib.sha256(msgspec.json.encode(order, order="deterministic")).digest()
    draft = OrderDraft(values, new=order, content_hash=digest)
    try:
        require_currency(order.currency, "/currency")
        if order.placed_at is not None and (order.status == "draft" or order.placed_at > now):
            raise invalid(
                "/placed_at", "invalid", "a draft is not placed, and nothing is placed in the future"
            )
    except Problem as problem:
        draft.problem = problem
    return draft
