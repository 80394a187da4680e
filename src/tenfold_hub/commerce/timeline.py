"""What became of orders, on their people's timelines: placed, paid, fulfilled, cancelled, refunded.

Where commerce and the CRM are one process, it is written in the transaction of the order. A process that
serves commerce alone cannot: its events tell the hub, which then writes all that the order's history says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.runtime import Database, Session
from tenfold.runtime.outbox import Event as Told
from tenfold_hub.commerce.orders import HISTORY, ORDERS
from tenfold_hub.commerce.states import COUNTED
from tenfold_hub.crm.api import Event, Timeline
from tenfold_hub.kit import ids
from tenfold_hub.kit.records import Records


class OnTimeline:
    """For `Ordering.follow`: orders with the entries that were added to their histories."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def __call__(
        self, session: Session, written: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> None:
        await self._timeline.add(session, [event for each in written if (event := event_of(*each))])


class ToldFromApart:
    """A consumer of `commerce.orders.*`; told twice, or late, it says the same."""

    def __init__(self, db: Database, orders: Records, timeline: Timeline) -> None:
        self._db, self._orders, self._timeline = db, orders, timeline

    async def __call__(self, told: Told) -> None:
        id = ids.read(ORDERS.prefix, told.key)
        async with self._db.tenant(told.tenant) as session:
            # Held, so that a merge of its person comes before or after.
            order = (await self._orders.rows.lock(session, [id])).get(id)
            if order is None:
                return
            entries = await HISTORY.of(session, "order_id", [id], "order_id, id")
            events = [event for entry in entries if (event := event_of(order, entry))]
            await self._timeline.replace(session, [entry["id"] for entry in entries], events)


def event_of(order: Mapping[str, Any], entry: Mapping[str, Any]) -> Event | None:
    """Nothing of a draft: nobody ordered anything yet, and nobody had when it was cancelled."""
    kind, at = entry["event"], entry["at"]
    if kind == "created" and entry["status"] in COUNTED:
        # One event, though another system may have sent an order that is paid or fulfilled already.
        kind, at = "placed", order["placed_at"]
    elif kind == "created" or order["placed_at"] is None:
        return None
    amount = entry["amount_minor"]
    return Event(
        at=at,
        kind=f"order_{kind}",
        source=ids.shown(ORDERS.prefix, order["id"]),
        source_id=entry["id"],
        about=(order["person_id"],),
        summary={
            "status": entry["status"],
            "total_minor": order["total_minor"],
            "currency": order["currency"],
            **({} if amount is None else {"amount_minor": amount}),
        },
    )
