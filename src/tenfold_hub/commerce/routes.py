# The framework reads the annotations of handlers: so these are no text.
"""Routes of commerce beyond those of every resource: taking orders, their steps, refunds, statistics."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.commerce import showing
from tenfold_hub.commerce.api import Commerce
from tenfold_hub.commerce.customers import CUSTOMERS
from tenfold_hub.commerce.money import exponents
from tenfold_hub.commerce.ordering import Ordering, Taken
from tenfold_hub.commerce.orders import ORDERS, NewOrder, Order, OrderPatch, Reference
from tenfold_hub.commerce.refunds import REFUNDS, NewRefund, Reason, Refund, Refunding
from tenfold_hub.commerce.states import ALLOWED, Step
from tenfold_hub.commerce.statistics import Statistics
from tenfold_hub.kit import ids
from tenfold_hub.kit.documented import MATCH, results_of
from tenfold_hub.kit.exchange import Answer, Asked, answered, id_of, principal_of, reading, written
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import as_mapping, not_found
from tenfold_hub.kit.records import MOST_ITEMS, Patch, Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import etag, version_of

_REPLAYED = {"Idempotent-Replayed": "true"}
Ref = str | None


class StepTaken(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the history says of a step; `payment_reference` is for payments."""

    reason: Reason | None = None
    payment_reference: Reference | None = None


class OrderToCreate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    item: NewOrder
    ref: Ref = None


class OrdersToCreate(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[OrderToCreate], Meta(min_length=1, max_length=MOST_ITEMS)]


class OrderToStep(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    version: int | None = None
    ref: Ref = None


class OrdersToStep(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[OrderToStep], Meta(min_length=1, max_length=MOST_ITEMS)]


class CurrencyShown(msgspec.Struct):
    code: str
    exponent: int


class Currencies(msgspec.Struct):
    items: list[CurrencyShown]


class CustomerStatistics(Statistics, kw_only=True):
    customer_id: str


Result = tuple[int, Any, dict[str, str]]


def order_routes(commerce: Commerce, ordering: Ordering) -> list[BaseRouteHandler]:
    async def create(request: Asked, data: JSONBody[NewOrder]) -> Answer:
        async def do(session: Session, principal: Principal) -> Result:
            (taken,) = await commerce.create_orders(session, principal, [data])
            status, headers = (200, _REPLAYED) if taken.replayed else (201, {})
            found = _shown(taken)
            return status, found, {"Location": f"/v1/orders/{found['id']}", **headers, **_tag(taken)}

        return await written(request, ORDERS.to_write, "POST /orders", do)

    async def create_many(
        request: Asked, data: JSONBody[OrdersToCreate], atomic: FromQuery[bool] = False
    ) -> Answer:
        async def do(session: Session, principal: Principal) -> Result:
            orders = [each.item for each in data.items]
            taken = await commerce.create_orders(session, principal, orders, atomic=atomic)
            return _many(taken, [each.ref for each in data.items])

        return await written(request, ORDERS.to_write, f"POST /orders/batch/create?atomic={atomic}", do)

    async def change(request: Asked, id: FromPath[str], data: JSONBody[OrderPatch]) -> Answer:
        async def do(session: Session, principal: Principal) -> Result:
            taken = await ordering.change(session, principal, id_of(ORDERS, id), data, _version(request))
            return 200, _shown(taken), _tag(taken)

        return await written(request, ORDERS.to_write, f"PATCH /orders/{id}", do)

    made = [
        route(post, "/orders", create, "Create an order", Order, 201, also=(200,)),
        route(
            post, "/orders/batch/create", create_many, "Create many orders", results_of(Order), also=(207,)
        ),
        route(patch, "/orders/{id:str}", change, "Change an order", Order, parameters=[MATCH]),
    ]
    for step in ALLOWED:
        if step != "refund":
            made += _step_routes(ordering, step)
    return made


def _step_routes(ordering: Ordering, step: Step) -> list[BaseRouteHandler]:
    async def take(request: Asked, id: FromPath[str], data: JSONBody[StepTaken | None] = None) -> Answer:
        asked = data or StepTaken()

        async def do(session: Session, principal: Principal) -> Result:
            along = {}
            if step == "pay" and asked.payment_reference is not None:
                along["payment_reference"] = asked.payment_reference
            patches = [Patch(id_of(ORDERS, id), along, _version(request))]
            (taken,) = await ordering.take(session, principal, step, patches, reason=asked.reason)
            return 200, _shown(taken), _tag(taken)

        return await written(request, ORDERS.to_write, f"POST /orders/{id}/{step}", do)

    async def take_many(
        request: Asked, data: JSONBody[OrdersToStep], atomic: FromQuery[bool] = False
    ) -> Answer:
        async def do(session: Session, principal: Principal) -> Result:
            patches = [Patch(_order_or_none(each.id), {}, each.version) for each in data.items]
            taken = await ordering.take(session, principal, step, patches, atomic=atomic)
            return _many(taken, [each.ref for each in data.items])

        name = f"POST /orders/batch/{step}?atomic={atomic}"
        return await written(request, ORDERS.to_write, name, do)

    verb, results = step.capitalize(), results_of(Order)
    return [
        route(post, f"/orders/{{id:str}}/{step}", take, f"{verb} an order", Order, parameters=[MATCH]),
        route(post, f"/orders/batch/{step}", take_many, f"{verb} many orders", results, also=(207,)),
    ]


def refund_routes(refunding: Refunding) -> list[BaseRouteHandler]:
    async def refund(request: Asked, id: FromPath[str], data: JSONBody[NewRefund | None] = None) -> Answer:
        async def do(session: Session, principal: Principal) -> Result:
            values, items, replayed = await refunding.refund(
                session, principal, id_of(ORDERS, id), data or NewRefund()
            )
            found = showing.refund(values, items)
            headers = {"Location": f"/v1/refunds/{found['id']}", "ETag": etag(values["version"])}
            return (200, found, headers | _REPLAYED) if replayed else (201, found, headers)

        return await written(request, REFUNDS.to_write, f"POST /orders/{id}/refunds", do)

    return [route(post, "/orders/{id:str}/refunds", refund, "Refund an order", Refund, 201, also=(200,))]


def customer_routes(commerce: Commerce, customers: Records) -> list[BaseRouteHandler]:
    async def of_customer(request: Asked, id: FromPath[str]) -> Answer:
        async with reading(request, CUSTOMERS.to_read) as (session, _):
            row = await customers.get(session, id_of(CUSTOMERS, id))
            found = (await commerce.get_customer_stats(session, [row["person_id"]])).get(row["person_id"])
        if found is None:
            # The person was merged a moment ago.
            raise not_found(CUSTOMERS.singular)
        customer = shown(CUSTOMERS.prefix, row["id"])
        return answered(CustomerStatistics(customer_id=customer, **msgspec.structs.asdict(found)))

    async def currencies(request: Asked) -> Answer:
        principal_of(request, "products:read")
        return answered(
            {"items": [{"code": code, "exponent": digits} for code, digits in sorted(exponents().items())]}
        )

    return [
        route(
            get,
            "/customers/{id:str}/statistics",
            of_customer,
            "Get a customer's statistics",
            CustomerStatistics,
        ),
        route(
            get, "/currencies", currencies, "List currencies, with the digits of their minor unit", Currencies
        ),
    ]


def _many(taken: Sequence[Taken], refs: Sequence[Ref]) -> Result:
    items = []
    for each, ref in zip(taken, refs, strict=True):
        item: dict[str, Any] = {} if ref is None else {"ref": ref}
        if each.problem is not None:
            item |= {"status": each.problem.status, "problem": as_mapping(each.problem)}
        else:
            item |= {"status": 200, "item": _shown(each)}
        items.append(item)
    return (200 if all("item" in each for each in items) else 207), {"items": items}, {}


def _shown(taken: Taken) -> dict[str, Any]:
    assert taken.values is not None
    return showing.order(taken.values, taken.items)


def _tag(taken: Taken) -> dict[str, str]:
    assert taken.values is not None
    return {"ETag": etag(taken.values["version"])}


def _version(request: Asked) -> int | None:
    return version_of(request.headers.get("if-match"))


def _order_or_none(text: str) -> uuid.UUID:
    """The nil id, which nothing has, for what is no id: each item of a batch is refused for itself."""
    try:
        return ids.read(ORDERS.prefix, text)
    except ids.IdError:
        return uuid.UUID(int=0)
