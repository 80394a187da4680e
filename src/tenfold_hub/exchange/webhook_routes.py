# Handlers' annotations are read by the framework, so these are no text.
"""Routes of webhooks besides those of every resource: creating, rotating the secret, a test, replay."""

import datetime
import uuid
from typing import Annotated, Any, Literal

import msgspec
from litestar import post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody

from tenfold.runtime import Session
from tenfold.runtime.outbox import Outbox
from tenfold_hub.exchange import deliveries
from tenfold_hub.exchange.deliveries import Wanted
from tenfold_hub.exchange.delivering import wake
from tenfold_hub.exchange.vault import Vault
from tenfold_hub.exchange.webhooks import DELIVERIES, WEBHOOKS, Delivery, NewWebhook, Webhook
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, written
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import invalid, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import etag, shower

#: Deliveries that one request may have sent again.
MOST_REPLAYED = 10_000
PING = "hub.ping"

_show, _show_delivery = shower(WEBHOOKS), shower(DELIVERIES)
#: What an answer that is kept for an Idempotency-Key does not say again.
_ONCE = ("secret",)


class WebhookWithSecret(Webhook, kw_only=True):
    """The secret is shown this once: null where the same Idempotency-Key asks again. It signs by HMAC-SHA256,
    as Standard Webhooks says.
    """

    secret: str | None


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """For how long the former secret signs beside the new one."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = 24


class NewSecret(msgspec.Struct):
    """Null where the same Idempotency-Key asks again."""

    secret: str | None


class Replay(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which deliveries are sent again: those of events from `since` to before `until`."""

    since: datetime.datetime
    until: datetime.datetime | None = None
    status: Literal["delivered", "failed", "discarded"] | None = None


class Replayed(msgspec.Struct):
    """`more`: there were more than one request takes; go on from `until`."""

    count: int
    more: bool


def handlers(webhooks: Records, sent: Records, vault: Vault, outbox: Outbox) -> list[BaseRouteHandler]:
    async def create(request: Asked, data: JSONBody[NewWebhook]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            given = {name: getattr(data, name) for name in data.__struct_fields__}
            (made,) = await webhooks.create(session, principal, [given])
            values = made.values or {}
            secret = await vault.add(session, values["id"])
            row = {name: values.get(name) for name in WEBHOOKS.types}
            answer = _show(row, WEBHOOKS.fields) | {"secret": secret}
            headers = {"Location": f"/v1/webhooks/{answer['id']}", "ETag": etag(values["version"])}
            return 201, answer, headers

        return await written(request, WEBHOOKS.to_write, "POST /webhooks", do, once=_ONCE)

    async def rotate(request: Asked, id: FromPath[str], data: JSONBody[Rotation]) -> Answer:
        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            webhook = await _held(session, webhooks, id)
            return 200, {"secret": await vault.rotate(session, webhook, data.overlap_hours)}, {}

        name = f"POST /webhooks/{id}/rotate-secret"
        return await written(request, WEBHOOKS.to_write, name, do, once=_ONCE)

    async def test(request: Asked, id: FromPath[str]) -> Answer:
        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            webhook, event = await _held(session, webhooks, id), ids.new_id()
            (made,) = await deliveries.add(
                session,
                [
                    Wanted(
                        webhook=webhook,
                        event=event,
                        topic=PING,
                        object=id,
                        payload={"id": id},
                        at=datetime.datetime.now(datetime.UTC),
                    )
                ],
            )
            await wake(session, outbox, {webhook})
            return 202, _show_delivery(await sent.get(session, made), DELIVERIES.fields), {}

        return await written(request, WEBHOOKS.to_write, f"POST /webhooks/{id}/test", do)

    async def replay(request: Asked, id: FromPath[str], data: JSONBody[Replay]) -> Answer:
        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            webhook = await _held(session, webhooks, id)
            until = data.until or datetime.datetime.now(datetime.UTC)
            for name, moment in (("since", data.since), ("until", until)):
                if moment.tzinfo is None:
                    raise invalid(f"/{name}", "invalid", "a moment has an offset, such as Z")
            found = await deliveries.between(
                session, webhook, data.since, until, data.status, MOST_REPLAYED + 1
            )
            count = await deliveries.again(session, found[:MOST_REPLAYED])
            await wake(session, outbox, {webhook})
            return 202, {"count": count, "more": len(found) > MOST_REPLAYED}, {}

        return await written(request, WEBHOOKS.to_write, f"POST /webhooks/{id}/replay", do)

    async def replay_one(request: Asked, id: FromPath[str]) -> Answer:
        async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
            row = await sent.get(session, _read(DELIVERIES.prefix, id, DELIVERIES.singular))
            await deliveries.again(session, [row["id"]])
            await wake(session, outbox, {row["webhook_id"]})
            return 202, _show_delivery(await sent.get(session, row["id"]), DELIVERIES.fields), {}

        return await written(request, DELIVERIES.to_write, f"POST /webhook-deliveries/{id}/replay", do)

    path = "/webhooks/{id:str}"
    return [
        route(post, "/webhooks", create, "Create a webhook", WebhookWithSecret, 201),
        route(post, f"{path}/rotate-secret", rotate, "Give a webhook a new secret", NewSecret),
        route(post, f"{path}/test", test, "Send a test to a webhook", Delivery, 202),
        route(post, f"{path}/replay", replay, "Send a webhook events again", Replayed, 202),
        route(post, "/webhook-deliveries/{id:str}/replay", replay_one, "Send an event again", Delivery, 202),
    ]


async def _held(session: Session, webhooks: Records, text: str) -> uuid.UUID:
    """The webhook's id, which is live. Raises Problem `not_found`."""
    row = await webhooks.get(session, _read(WEBHOOKS.prefix, text, WEBHOOKS.singular))
    if row["archived_at"] is not None:
        raise not_found(WEBHOOKS.singular)
    id: uuid.UUID = row["id"]
    return id


def _read(prefix: str, text: str, what: str) -> uuid.UUID:
    try:
        return ids.read(prefix, text)
    except ids.IdError:
        raise not_found(what) from None
