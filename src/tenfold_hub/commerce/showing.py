"""Orders, refunds and customers with their parts, as the API shows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.commerce import refunds, statistics
from tenfold_hub.commerce.ordering import lines_of
from tenfold_hub.commerce.orders import HISTORY, ORDERS, OrderItem
from tenfold_hub.commerce.refunds import REFUNDS
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.showing import shower

_show_order, _show_refund = shower(ORDERS), shower(REFUNDS)
_ITEM = OrderItem.__struct_fields__
_ACTORS = {"api_key": "key", "user": "usr"}


def order(values: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return _show_order(values, ORDERS.fields) | {"items": [_item(item) for item in items]}


def refund(values: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return _show_refund(values, REFUNDS.fields) | {"items": [_refund_item(item) for item in items]}


# --- what `expand` shows: of many, in one statement ---------------------------------------------------


async def items_part(session: Session, rows: Sequence[Any]) -> list[Any]:
    found = await lines_of(session, [row["id"] for row in rows])
    return [[_item(item) for item in found[row["id"]]] for row in rows]


async def history_part(session: Session, rows: Sequence[Any]) -> list[Any]:
    found: dict[uuid.UUID, list[Any]] = {row["id"]: [] for row in rows}
    for entry in await HISTORY.of(session, "order_id", list(found), "order_id, id") if found else ():
        found[entry["order_id"]].append(_entry(entry))
    return [found[row["id"]] for row in rows]


async def refund_items_part(session: Session, rows: Sequence[Any]) -> list[Any]:
    found = await refunds.items_of(session, [row["id"] for row in rows])
    return [[_refund_item(item) for item in found[row["id"]]] for row in rows]


async def statistics_part(session: Session, rows: Sequence[Any]) -> list[Any]:
    found = await statistics.get(session, [row["id"] for row in rows]) if rows else {}
    return [found[row["id"]] for row in rows]


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    product = item["product_id"]
    found = {name: item[name] for name in _ITEM}
    return found | {
        "id": shown("itm", item["id"]),
        "product_id": None if product is None else shown("prd", product),
    }


def _refund_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item_id": shown("itm", item["item_id"]),
        "quantity": item["quantity"],
        "amount_minor": item["amount_minor"],
    }


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    kind = entry["actor_kind"]
    names = ("at", "event", "status_before", "status", "amount_minor", "reason")
    return {
        **{name: entry[name] for name in names},
        "actor": {"kind": kind, "id": shown(_ACTORS.get(kind, kind), entry["actor_id"])},
    }
