"""Refunds of what was paid: of lines, of an amount, or of all that is left; never more than was paid.

An amount is spread over the lines by what is left of each, so that the lines' refunds always add up to the
order's. A refund of a quantity is that share of the line, rounded half up once for all of its refunds:
refunding it piece by piece comes to the line's total.
"""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.commerce.money import MOST_MINOR, half_up, spread
from tenfold_hub.commerce.ordering import Ordering, lines_of
from tenfold_hub.commerce.orders import MOST_LINES, ExternalId
from tenfold_hub.commerce.states import refunded, stepped
from tenfold_hub.commerce.tables import Parts, begun, taken
from tenfold_hub.kit import ids
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.resource import RANGE, Filter, Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

Amount = Annotated[int, Meta(ge=1, le=MOST_MINOR)]
Pieces = Annotated[int, Meta(ge=1, le=1_000_000)]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000)]

_BY_EXTERNAL_ID = """
SELECT id, content_hash FROM commerce.refunds WHERE organization_id = $1 AND external_id = $2
"""
_ADD = """
UPDATE commerce.order_items i
   SET refunded_minor = i.refunded_minor + r.amount, refunded_quantity = i.refunded_quantity + r.quantity
  FROM unnest($3::uuid[], $4::bigint[], $5::bigint[]) AS r (id, amount, quantity)
 WHERE i.organization_id = $1 AND i.order_id = $2 AND i.id = r.id
"""


class RefundItem(msgspec.Struct, kw_only=True):
    item_id: str
    quantity: int
    amount_minor: int


class Refund(Thing, kw_only=True):
    external_id: str | None
    order_id: str
    currency: str
    amount_minor: int
    reason: str | None
    items: list[RefundItem] | UnsetType = UNSET


class NewRefundItem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """So many pieces of a line, an amount of it, or all that is left of it."""

    item_id: str
    quantity: Pieces | None = None
    amount_minor: Amount | None = None


class NewRefund(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Of lines, of an amount, or, where neither is given, of all that is left."""

    items: Annotated[list[NewRefundItem], Meta(min_length=1, max_length=MOST_LINES)] | None = None
    amount_minor: Amount | None = None
    external_id: ExternalId | None = None
    reason: Reason | None = None


REFUNDS = Resource(
    name="refunds",
    singular="refund",
    prefix="rfd",
    schema="commerce",
    table="refunds",
    columns={
        "external_id": "text",
        "order_id": "uuid",
        "currency": "text",
        "amount_minor": "bigint",
        "reason": "text",
    },
    shown=Refund,
    new=Nothing,
    patch=Nothing,
    refs={"order_id": "ord"},
    filters={
        "external_id": Filter(operators=("eq", "in")),
        "order_id": Filter(operators=("eq", "in")),
        "created_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort()},
    expands={"order": "orders", "items": "refund items"},
    whole=("items",),
    writes=frozenset(),
    read_scope="orders:read",
    write_scope="refunds:write",
)
INSERTED = Parts("refunds", {**REFUNDS.types, "content_hash": "bytea"})
ITEMS = Parts(
    "refund_items",
    {
        "refund_id": "uuid",
        "order_id": "uuid",
        "item_id": "uuid",
        "quantity": "bigint",
        "amount_minor": "bigint",
    },
)


class Refunding:
    def __init__(self, records: Records, ordering: Ordering) -> None:
        self.records, self._ordering = records, ordering

    async def refund(
        self, session: Session, principal: Principal, order: uuid.UUID, new: NewRefund
    ) -> tuple[Values, list[Values], bool]:
        """The refund, its items, and whether it was made before under the same external id. Raises Problem.

        The order is held first: refunds of one order come one after another.
        """
        before = await self._ordering.held(session, order)
        digest = hashlib.sha256(msgspec.json.encode((str(order), new), order="deterministic")).digest()
        if new.external_id is not None and (id := await self._found(session, new.external_id, digest)):
            row = (await self.records.rows.get(session, [id]))[id]
            return self.records.rows.values(row), (await items_of(session, [id]))[id], True
        now = datetime.datetime.now(datetime.UTC)
        stepped(before, "refund", now)
        lines = (await lines_of(session, [order]))[order]
        items = refund_items(lines, new)
        amount = sum(item["amount_minor"] for item in items)
        after = before | refunded(before, amount) | {"version": before["version"] + 1, "updated_at": now}
        values = _values(before, new, amount, now)
        rows = [{**item, "refund_id": values["id"], "order_id": order} for item in items]
        await self._insert(session, values, rows, digest)
        await session.execute(
            _ADD,
            session.tenant,
            order,
            *([item[name] for item in items] for name in ("item_id", "amount_minor", "quantity")),
        )
        await self.records.tell(session, principal, [Change("created", values["id"], None, values)])
        drafts = [Draft(after, before)]
        await self._ordering.moved(session, principal, "refunded", drafts, now, new.reason, amount)
        return values, rows, False

    async def _found(self, session: Session, external_id: str, digest: bytes) -> uuid.UUID | None:
        row = await session.fetch_row(_BY_EXTERNAL_ID, session.tenant, external_id)
        if row is None:
            return None
        if row["content_hash"] != digest:
            raise taken("refund")
        id: uuid.UUID = row["id"]
        return id

    async def _insert(self, session: Session, values: Values, items: Sequence[Values], digest: bytes) -> None:
        try:
            await INSERTED.insert(session, [{**values, "content_hash": digest}])
        except Exception as error:
            # The same external id at the same moment, for another order: for this one it waited.
            if getattr(error, "constraint_name", None) != "refunds_external_id_key":
                raise
            raise taken("refund") from None
        await ITEMS.insert(session, items)


def refund_items(lines: Sequence[Mapping[str, Any]], new: NewRefund) -> list[Values]:
    """What of each line is refunded: `item_id`, `quantity`, `amount_minor`. Pure. Raises Problem."""
    if new.items is not None and new.amount_minor is not None:
        raise invalid("/amount_minor", "invalid", "give items or amount_minor")
    if new.items is not None:
        items = _of_lines(lines, new.items)
    else:
        left = [line["total_minor"] - line["refunded_minor"] for line in lines]
        amount = sum(left) if new.amount_minor is None else new.amount_minor
        if amount > sum(left):
            raise _too_much("/amount_minor", sum(left))
        all_ = amount == sum(left)
        items = [
            _item(line, share, line["quantity"] - line["refunded_quantity"] if all_ else 0)
            for line, share in zip(lines, spread(amount, left), strict=True)
        ]
    items = [item for item in items if item["amount_minor"]]
    if not items:
        raise Problem("conflict", "there is nothing left to refund")
    return items


def _of_lines(lines: Sequence[Mapping[str, Any]], asked: Sequence[NewRefundItem]) -> list[Values]:
    known = {line["id"]: line for line in lines}
    items: list[Values] = []
    for place, each in enumerate(asked):
        pointer = f"/items/{place}"
        try:
            line = known.pop(ids.read("itm", each.item_id))
        except (ids.IdError, KeyError):
            raise invalid(
                f"{pointer}/item_id", "unknown", "this is no line of the order, or was named before"
            ) from None
        items.append(_of_line(line, each, pointer))
    return items


def _of_line(line: Mapping[str, Any], asked: NewRefundItem, pointer: str) -> Values:
    left = line["total_minor"] - line["refunded_minor"]
    pieces = line["quantity"] - line["refunded_quantity"]
    if asked.amount_minor is not None:
        if asked.amount_minor > left:
            raise _too_much(f"{pointer}/amount_minor", left)
        if (asked.quantity or 0) > pieces:
            raise invalid(f"{pointer}/quantity", "too_large", f"{pieces} pieces are left")
        return _item(line, asked.amount_minor, asked.quantity or 0)
    if asked.quantity is None:
        return _item(line, left, pieces)
    if asked.quantity > pieces:
        raise invalid(f"{pointer}/quantity", "too_large", f"{pieces} pieces are left")
    done, total, quantity = line["refunded_quantity"], line["total_minor"], line["quantity"]
    share = half_up(total * (done + asked.quantity), quantity) - half_up(total * done, quantity)
    return _item(line, min(share, left), asked.quantity)


def _item(line: Mapping[str, Any], amount: int, quantity: int) -> Values:
    return {"item_id": line["id"], "quantity": quantity, "amount_minor": amount}


def _values(order: Mapping[str, Any], new: NewRefund, amount: int, now: datetime.datetime) -> Values:
    return begun(REFUNDS, now) | {
        "external_id": new.external_id,
        "order_id": order["id"],
        "currency": order["currency"],
        "amount_minor": amount,
        "reason": new.reason,
    }


async def items_of(session: Session, refunds: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Values]]:
    found: dict[uuid.UUID, list[Values]] = {id: [] for id in refunds}
    if found:
        for item in await ITEMS.of(session, "refund_id", list(found), "refund_id, item_id"):
            found[item["refund_id"]].append(item)
    return found


def _too_much(pointer: str, left: int) -> Problem:
    return invalid(pointer, "too_large", f"{left} minor units are left to refund")
