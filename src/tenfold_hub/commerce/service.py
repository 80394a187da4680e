"""Commerce in the process of whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence

import msgspec

from tenfold.runtime import Session
from tenfold_hub.commerce import showing, statistics
from tenfold_hub.commerce.customers import Statistics
from tenfold_hub.commerce.ordering import Ordering
from tenfold_hub.commerce.orders import NewOrder, Order
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.showing import json_of

_OF_PEOPLE = """
SELECT id, person_id FROM commerce.customers WHERE organization_id = $1 AND person_id = ANY($2::uuid[])
"""


class LocalCommerce:
    """See `api.Commerce`."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering

    async def create_orders(
        self, session: Session, principal: Principal, orders: Sequence[NewOrder]
    ) -> Sequence[Order]:
        taken = await self._ordering.create(session, principal, orders)
        shown = [showing.order(each.values or {}, each.items) for each in taken]
        return msgspec.json.decode(json_of(shown), type=list[Order])

    async def get_customer_stats(
        self, session: Session, people: Collection[uuid.UUID]
    ) -> Mapping[uuid.UUID, Statistics]:
        rows = await session.fetch(_OF_PEOPLE, session.tenant, list(people))
        found = await statistics.get(session, [row["id"] for row in rows])
        return {
            row["person_id"]: msgspec.convert(statistics.shown(found[row["id"]]), Statistics) for row in rows
        }
