"""Orders with their steps and refunds, and what customers bought."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from tenfold_hub.client.lists import Pages, Result
from tenfold_hub.client.schema import (
    Customer,
    CustomerPatch,
    CustomerStatistics,
    NewCustomer,
    NewOrder,
    NewRefund,
    Order,
    OrderPatch,
    Refund,
    StepTaken,
    Summary,
)
from tenfold_hub.client.things import Changes, Creates, KnownThings, Named, named

#: Of many orders at once.
Step: TypeAlias = Literal["place", "pay", "fulfil", "cancel"]


class Orders(Creates[Order, NewOrder], Changes[Order, OrderPatch]):
    async def place(self, id: str, step: StepTaken | None = None, *, version: int | None = None) -> Order:
        """Raises ProblemError `conflict` where the order is beyond it; so do the other steps."""
        return await self._step("place", id, step, version)

    async def pay(self, id: str, step: StepTaken | None = None, *, version: int | None = None) -> Order:
        return await self._step("pay", id, step, version)

    async def fulfil(self, id: str, step: StepTaken | None = None, *, version: int | None = None) -> Order:
        return await self._step("fulfil", id, step, version)

    async def cancel(self, id: str, step: StepTaken | None = None, *, version: int | None = None) -> Order:
        return await self._step("cancel", id, step, version)

    async def take_many(
        self, step: Step, orders: Iterable[str | Named], *, atomic: bool = False
    ) -> Sequence[Result[Order]]:
        return await self._many(step, map(named, orders), atomic)

    async def refund(self, id: str, new: NewRefund | None = None, *, key: str | None = None) -> Refund:
        """Of lines, of an amount, or of all that is left."""
        return await self._post(Refund, "/{id}/refunds", id, json=new or NewRefund(), key=key)

    async def _step(self, step: Step, id: str, said: StepTaken | None, version: int | None) -> Order:
        return await self._post(Order, f"/{{id}}/{step}", id, json=said or StepTaken(), version=version)


class Customers(KnownThings[Customer, NewCustomer, CustomerPatch]):
    async def statistics(self, id: str) -> CustomerStatistics:
        return await self._get(CustomerStatistics, "/{id}/statistics", id)

    def summary(
        self,
        *,
        sort: str = "-last_order_at",
        person_id: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Pages[Summary]:
        """Customers beside what the CRM knows of them, as of `as_of` of each page."""
        return self._pages(Summary, "/summary", limit=limit, cursor=cursor, sort=sort, person_id=person_id)
