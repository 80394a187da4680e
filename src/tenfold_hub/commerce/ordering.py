"""Taking orders, and what becomes of them: any number in one transaction, each whole or not at all."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from tenfold.runtime import Session
from tenfold_hub.commerce import statistics
from tenfold_hub.commerce.customers import Customers
from tenfold_hub.commerce.drafting import OrderDraft, drafted, unsettled
from tenfold_hub.commerce.lines import Catalogue, priced
from tenfold_hub.commerce.money import require_currency
from tenfold_hub.commerce.orders import HISTORY, INSERTED, ITEMS, ORDERS, NewItem, NewOrder, OrderPatch
from tenfold_hub.commerce.states import EVENTS, Step, stepped
from tenfold_hub.commerce.tables import taken
from tenfold_hub.commerce.totals import Discount
from tenfold_hub.kit.exchange import id_at
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Action, Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid, not_found
from tenfold_hub.kit.records import Draft, Patch, Records, raise_first
from tenfold_hub.kit.rows import Values

_BY_EXTERNAL_ID = """
SELECT id, external_id, content_hash FROM commerce.orders
 WHERE organization_id = $1 AND external_id = ANY($2::text[])
"""
_FORGET_ITEMS = "DELETE FROM commerce.order_items WHERE organization_id = $1 AND order_id = ANY($2::uuid[])"
#: What a placed order does not change any more.
_PRICED = ("currency", "items", "tax_mode", "discount")


@dataclass(frozen=True, slots=True)
class Taken:
    """An order as it is now; `replayed` where it was there already."""

    values: Values | None = None
    items: Sequence[Values] = ()
    replayed: bool = False
    problem: Problem | None = None


Follow: TypeAlias = Callable[[Session, Sequence[tuple[Values, Values]]], Awaitable[None]]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Ordering:
    def __init__(
        self, records: Records, customers: Customers, clock: Callable[[], datetime.datetime] = _now
    ) -> None:
        self.records, self._customers, self._clock = records, customers, clock
        #: Told of orders with the entries that their histories were given, in the same transaction.
        self.follow: list[Follow] = []

    # --- creating ------------------------------------------------------------------------------------

    async def create(
        self, session: Session, principal: Principal, orders: Sequence[NewOrder], *, atomic: bool = True
    ) -> list[Taken]:
        """Raises Problem where it is atomic and one is refused: nothing is written then.

        An order with the external id of one that is there is that order, if it was asked for alike, and is
        refused if not.
        """
        now = self._clock()
        drafts = drafted(orders, now)
        await self._find(session, unsettled(drafts))
        await self._price(session, unsettled(drafts))
        raise_first(drafts, atomic)
        await self._address(session, principal, unsettled(drafts), now)
        raise_first(drafts, atomic)
        await self._insert(session, principal, unsettled(drafts), now)
        raise_first(drafts, atomic)
        return await self._taken(session, drafts)

    async def _find(self, session: Session, drafts: Sequence[OrderDraft]) -> None:
        """Those that were taken before."""
        named = {draft.values["external_id"]: draft for draft in drafts}
        named.pop(None, None)
        if not named:
            return
        for row in await session.fetch(_BY_EXTERNAL_ID, session.tenant, list(named)):
            draft = named[row["external_id"]]
            if row["content_hash"] == draft.content_hash:
                draft.found = row["id"]
            else:
                draft.problem = taken("order")

    async def _price(self, session: Session, drafts: Sequence[OrderDraft]) -> None:
        catalogue = await Catalogue.of(session, [item for draft in drafts for item in draft.new.items])
        for draft in drafts:
            try:
                self._priced(draft, catalogue)
            except Problem as problem:
                draft.problem = problem

    def _priced(self, draft: OrderDraft, catalogue: Catalogue) -> None:
        new = draft.new
        lines = catalogue.lines(new.items, new.currency)
        amounts, draft.items = priced(draft.values["id"], lines, new.discount, new.tax_mode)
        draft.values |= amounts
        if draft.values["paid_at"] is not None:
            draft.values["paid_minor"] = amounts["total_minor"]

    async def _address(
        self, session: Session, principal: Principal, drafts: Sequence[OrderDraft], now: datetime.datetime
    ) -> None:
        """Each order to the customer that its person is, or becomes."""
        people: dict[uuid.UUID, list[OrderDraft]] = {}
        for draft in drafts:
            try:
                people.setdefault(id_at("/person_id", "per", draft.new.person_id), []).append(draft)
            except Problem as problem:
                draft.problem = problem
        if not people:
            return
        customers = await self._customers.of(session, principal, people.keys(), now)
        for person, theirs in people.items():
            customer = customers.get(person)
            for draft in theirs:
                if customer is None:
                    draft.problem = invalid("/person_id", "unknown", "there is no such person")
                else:
                    draft.values |= {"customer_id": customer["id"], "person_id": customer["person_id"]}

    async def _insert(
        self, session: Session, principal: Principal, drafts: Sequence[OrderDraft], now: datetime.datetime
    ) -> None:
        rows = [{**draft.values, "content_hash": draft.content_hash} for draft in drafts]
        made = {row["id"] for row in await INSERTED.insert(session, rows)}
        # Who was first with an external id is committed by now.
        await self._find(session, [draft for draft in drafts if draft.values["id"] not in made])
        new = [draft for draft in drafts if draft.values["id"] in made]
        await ITEMS.insert(session, [item for draft in new for item in draft.items])
        await self._enter(
            session, [(draft.values, _entry(principal, "created", None, draft.values, now)) for draft in new]
        )
        changes = [Change("created", draft.values["id"], None, draft.values) for draft in new]
        await self.records.tell(session, principal, changes)
        await statistics.follow(session, [(None, draft.values) for draft in new])

    async def _taken(self, session: Session, drafts: Sequence[OrderDraft]) -> list[Taken]:
        before = [draft.found for draft in drafts if draft.found is not None]
        found = await self.records.rows.get(session, before) if before else {}
        items = await lines_of(session, before)
        return [
            Taken(problem=draft.problem)
            if draft.problem is not None
            else Taken(draft.values, draft.items)
            if draft.found is None
            else Taken(self.records.rows.values(found[draft.found]), items[draft.found], replayed=True)
            for draft in drafts
        ]

    # --- changing ------------------------------------------------------------------------------------

    async def change(
        self,
        session: Session,
        principal: Principal,
        id: uuid.UUID,
        patch: OrderPatch,
        version: int | None,
    ) -> Taken:
        """Raises Problem: `conflict` for what an order that was placed keeps."""
        before = await self.held(session, id, version)
        given = {
            name: value
            for name in patch.__struct_fields__
            if (value := getattr(patch, name)) is not msgspec.UNSET
        }
        pricing = [name for name in _PRICED if name in given]
        if pricing and before["status"] != "draft":
            detail = f"the order is {before['status']}: {', '.join(pricing)} stay as they are"
            raise Problem("conflict", detail, [Fault(f"/{name}", "fixed", detail) for name in pricing])
        items = (await lines_of(session, [id]))[id]
        after = before | {name: given[name] for name in ("note", "metadata") if name in given}
        if pricing:
            items = await self._repriced(session, after, items, given)
        if after == before:
            return Taken(before, items)
        after |= {"version": before["version"] + 1, "updated_at": self._clock()}
        if pricing:
            await session.execute(_FORGET_ITEMS, session.tenant, [id])
            await ITEMS.insert(session, items)
        await self.records.rows.update(session, [after])
        await self.records.tell(session, principal, [Change("updated", id, before, after)])
        return Taken(after, items)

    async def _repriced(
        self, session: Session, after: Values, items: Sequence[Values], given: Mapping[str, Any]
    ) -> list[Values]:
        """The lines anew, and the order's amounts with them; prices of lines that stay are as they were."""
        if "currency" in given:
            require_currency(given["currency"], "/currency")
            if "items" not in given and given["currency"] != after["currency"]:
                raise invalid("/items", "required", "prices in another currency need the items anew")
        after |= {name: given[name] for name in ("currency", "tax_mode") if name in given}
        if "discount" in given:
            discount: Discount | None = given["discount"]
            after["discount"] = None if discount is None else msgspec.to_builtins(discount)
        if "items" in given:
            new: list[NewItem] = given["items"]
            items = (await Catalogue.of(session, new)).lines(new, after["currency"])
        whole = None if after["discount"] is None else msgspec.convert(after["discount"], Discount)
        amounts, rows = priced(after["id"], items, whole, after["tax_mode"])
        after |= amounts
        return rows

    # --- step by step --------------------------------------------------------------------------------

    async def take(
        self,
        session: Session,
        principal: Principal,
        step: Step,
        patches: Sequence[Patch],
        *,
        reason: str | None = None,
        atomic: bool = True,
    ) -> list[Taken]:
        """One step of each order; `values` of a patch are columns that are set along, such as a reference.

        Raises Problem where it is atomic and one is refused: nothing is written then.
        """
        now = self._clock()
        rows = await self.records.rows.lock(session, [patch.id for patch in patches])
        drafts: list[Draft] = []
        seen: set[uuid.UUID] = set()
        for patch in patches:
            before = rows.get(patch.id)
            draft = Draft(dict(before or {"id": patch.id}), before)
            try:
                if patch.id in seen:
                    raise Problem("conflict", "a batch changes each thing once")
                draft.values |= stepped(_required(before, patch.version), step, now) | patch.values
                draft.values |= {"version": draft.values["version"] + 1, "updated_at": now}
            except Problem as problem:
                draft.problem = problem
            seen.add(patch.id)
            drafts.append(draft)
        raise_first(drafts, atomic)
        done = [draft for draft in drafts if draft.problem is None]
        await self.moved(session, principal, EVENTS[step], done, now, reason)
        items = await lines_of(session, [draft.values["id"] for draft in done])
        return [
            Taken(problem=draft.problem)
            if draft.problem is not None
            else Taken(draft.values, items[draft.values["id"]])
            for draft in drafts
        ]

    async def moved(
        self,
        session: Session,
        principal: Principal,
        event: Action,
        drafts: Sequence[Draft],
        now: datetime.datetime,
        reason: str | None = None,
        amount: int | None = None,
    ) -> None:
        """Writes orders that are held, with all that follows them: statistics last, which others wait for."""
        if not drafts:
            return
        await self.records.rows.update(session, [draft.values for draft in drafts])
        entered = []
        for draft in drafts:
            before = (draft.before or {})["status"]
            entry = _entry(principal, event, before, draft.values, now, reason, amount)
            entered.append((draft.values, entry))
        await self._enter(session, entered)
        changes = [Change(event, draft.values["id"], draft.before, draft.values) for draft in drafts]
        await self.records.tell(session, principal, changes)
        await statistics.follow(session, [(draft.before, draft.values) for draft in drafts])

    async def _enter(self, session: Session, entered: Sequence[tuple[Values, Values]]) -> None:
        await HISTORY.insert(session, [entry for _, entry in entered])
        for follow in self.follow:
            await follow(session, entered)

    async def held(self, session: Session, id: uuid.UUID, version: int | None = None) -> Values:
        """The order, against other writers to the end of the transaction. Raises Problem."""
        return _required((await self.records.rows.lock(session, [id])).get(id), version)


async def lines_of(session: Session, orders: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Values]]:
    found: dict[uuid.UUID, list[Values]] = {id: [] for id in orders}
    if found:
        for item in await ITEMS.of(session, "order_id", list(found), "order_id, position"):
            found[item["order_id"]].append(item)
    return found


def _required(order: Values | None, version: int | None) -> Values:
    if order is None:
        raise not_found(ORDERS.singular)
    if version is not None and version != order["version"]:
        raise Problem("version_mismatch", "read it again, and change what you find")
    return order


def _entry(
    principal: Principal,
    event: str,
    before: str | None,
    order: Mapping[str, Any],
    now: datetime.datetime,
    reason: str | None = None,
    amount: int | None = None,
) -> Values:
    return {
        "order_id": order["id"],
        "id": new_id(),
        "at": now,
        "event": event,
        "status_before": before,
        "status": order["status"],
        "amount_minor": amount,
        "reason": reason,
        "actor_kind": principal.kind,
        "actor_id": principal.id,
    }
