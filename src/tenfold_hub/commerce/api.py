"""What commerce offers to other domains and services. Nothing else of it is theirs to import.

    commerce = api.of(platform)
    statistics = await commerce.get_customer_stats(session, [person])

Whoever keeps step with orders joins `platform.records["orders"].follow`, in the transaction, or consumes the
topics `commerce.orders.*` after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from tenfold.runtime import Session
from tenfold_hub.commerce.ordering import Taken
from tenfold_hub.commerce.orders import NewItem, NewOrder
from tenfold_hub.commerce.statistics import Statistics
from tenfold_hub.commerce.totals import Discount
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal

__all__ = ["Commerce", "Discount", "NewItem", "NewOrder", "Statistics", "Taken", "of"]


def of(platform: Platform) -> Commerce:
    """What commerce offers in this hub."""
    found: Commerce = platform.services["commerce"]
    return found


class Commerce(Protocol):
    """Orders and customers, as a service; the routes ask no other."""

    async def create_orders(
        self, session: Session, principal: Principal, orders: Sequence[NewOrder], *, atomic: bool = True
    ) -> Sequence[Taken]:
        """In the session's transaction; an `external_id` that is known is the order it has. All or none where
        it is `atomic`: raises Problem then, where else each says its own.
        """
        ...

    async def get_customer_stats(
        self, session: Session, people: Collection[uuid.UUID]
    ) -> Mapping[uuid.UUID, Statistics]:
        """By person, of those who are customers: one statement."""
        ...
