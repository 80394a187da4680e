"""What an order can be, what can become of it, and what it counts for. Pure.

    draft -> placed -> paid -> fulfilled
      |        |         \\        |
      +--------+          +-------+--> partly_refunded -> refunded
               |
               +--> cancelled        (what is paid is refunded, and not cancelled)

An order that was refunded in part may still be fulfilled: its `fulfilled_at` says so, its status stays.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from tenfold_hub.kit.problems import Problem

Status: TypeAlias = Literal[
    "draft", "placed", "paid", "fulfilled", "cancelled", "partly_refunded", "refunded"
]
Step: TypeAlias = Literal["place", "pay", "fulfil", "cancel", "refund"]

#: By step: from which statuses it may be taken.
ALLOWED: Mapping[Step, tuple[Status, ...]] = {
    "place": ("draft",),
    "pay": ("placed",),
    "fulfil": ("paid", "partly_refunded"),
    "cancel": ("draft", "placed"),
    "refund": ("paid", "fulfilled", "partly_refunded"),
}
#: By step: what the history, the audit log and events call it.
EVENTS: Mapping[Step, Literal["placed", "paid", "fulfilled", "cancelled", "refunded"]] = {
    "place": "placed",
    "pay": "paid",
    "fulfil": "fulfilled",
    "cancel": "cancelled",
    "refund": "refunded",
}
#: Orders that count: those that were placed and not cancelled.
COUNTED = frozenset({"placed", "paid", "fulfilled", "partly_refunded", "refunded"})


def stepped(order: Mapping[str, Any], step: Step, at: datetime.datetime) -> dict[str, Any]:
    """What changes of the order. Raises Problem for a step that its status does not allow."""
    status = order["status"]
    done = step == "fulfil" and order["fulfilled_at"] is not None
    if status not in ALLOWED[step] or done:
        raise Problem("conflict", _why(step, status, done))
    match step:
        case "place":
            return {"status": "placed", "placed_at": at}
        case "pay":
            return {"status": "paid", "paid_at": at, "paid_minor": order["total_minor"]}
        case "fulfil":
            return {"status": "fulfilled" if status == "paid" else status, "fulfilled_at": at}
        case "cancel":
            return {"status": "cancelled", "cancelled_at": at}
        case "refund":
            return {}


def refunded(order: Mapping[str, Any], amount: int) -> dict[str, Any]:
    """What changes of an order that may be refunded, by this amount. Raises Problem for more than is left."""
    after = order["refunded_minor"] + amount
    if after > order["paid_minor"]:
        raise Problem(
            "conflict", f"{order['paid_minor'] - order['refunded_minor']} minor units are left to refund"
        )
    return {
        "status": "refunded" if after == order["paid_minor"] else "partly_refunded",
        "refunded_minor": after,
    }


def _why(step: Step, status: str, done: bool) -> str:
    if done:
        return "the order was fulfilled already"
    if step == "cancel" and status in ALLOWED["refund"]:
        return f"the order is {status}; refund it instead"
    allowed = " or ".join(ALLOWED[step])
    return f"the order is {status}; this takes one that is {allowed}"


# --- what orders count for ---------------------------------------------------------------------------


class Delta(NamedTuple):
    """What is to be added to the statistics of one customer in one currency."""

    customer_id: uuid.UUID
    currency: str
    orders: int
    spent_minor: int
    refunded_minor: int
    #: Of orders that count from now on; None where there are none.
    first_order_at: datetime.datetime | None
    last_order_at: datetime.datetime | None
    #: An order counts no more: first and last are to be looked for.
    taken: bool


def deltas(pairs: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any]]]) -> list[Delta]:
    """Of orders before and after, one for each customer and currency, in one order for all writers."""
    found: dict[tuple[uuid.UUID, str], Delta] = {}
    for before, after in pairs:
        key = (after["customer_id"], after["currency"])
        had, has = _counted(before), _counted(after)
        new = after["placed_at"] if has and not had else None
        old = found.get(key, Delta(*key, 0, 0, 0, None, None, False))
        found[key] = Delta(
            *key,
            old.orders + has - had,
            old.spent_minor + after["paid_minor"] - (before or _NOTHING)["paid_minor"],
            old.refunded_minor + after["refunded_minor"] - (before or _NOTHING)["refunded_minor"],
            min((at for at in (old.first_order_at, new) if at is not None), default=None),
            max((at for at in (old.last_order_at, new) if at is not None), default=None),
            old.taken or had > has,
        )
    return sorted(delta for delta in found.values() if any(delta[2:]))


_NOTHING: Mapping[str, Any] = {"status": "draft", "paid_minor": 0, "refunded_minor": 0}


def _counted(order: Mapping[str, Any] | None) -> int:
    return int((order or _NOTHING)["status"] in COUNTED)
