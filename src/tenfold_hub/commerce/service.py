"""Commerce in the process of whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence

from tenfold.runtime import Session
from tenfold_hub.commerce import statistics
from tenfold_hub.commerce.ordering import Ordering, Taken
from tenfold_hub.commerce.orders import NewOrder
from tenfold_hub.commerce.statistics import Statistics
from tenfold_hub.kit.principal import Principal


class LocalCommerce:
    """See `api.Commerce`."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering

    async def create_orders(
        self, session: Session, principal: Principal, orders: Sequence[NewOrder], *, atomic: bool = True
    ) -> Sequence[Taken]:
        return await self._ordering.create(session, principal, orders, atomic=atomic)

    async def get_customer_stats(
        self, session: Session, people: Collection[uuid.UUID]
    ) -> Mapping[uuid.UUID, Statistics]:
        return await statistics.get_of_people(session, people)
