"""Webhooks: where an organization has events sent, and which."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.exchange.addresses import AddressError, Addresses
from tenfold_hub.exchange.topics import PATTERN
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import Draft, Prepare
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Resource, Sort

#: Of one organization. Each change is compared with the topics of all.
MOST_WEBHOOKS = 50

Url = Annotated[str, Meta(min_length=1, max_length=2_000)]
Topics = Annotated[
    list[Annotated[str, Meta(pattern=PATTERN, max_length=200)]], Meta(min_length=1, max_length=50)
]
Words = Annotated[str, Meta(max_length=500)]


class Webhook(msgspec.Struct, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    url: str
    topics: list[str]
    description: str | None
    active: bool
    disabled_reason: str | None


class NewWebhook(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: Url
    topics: Topics
    description: Words | None = None
    active: bool = True


class WebhookPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: Url | UnsetType = UNSET
    topics: Topics | UnsetType = UNSET
    description: Words | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


WEBHOOKS = Resource(
    name="webhooks",
    singular="webhook",
    prefix="whk",
    schema="exchange",
    table="webhooks",
    columns={
        "url": "text",
        "topics": "jsonb",
        "description": "text",
        "active": "boolean",
        "disabled_reason": "text",
    },
    shown=Webhook,
    new=NewWebhook,
    patch=WebhookPatch,
    filters={"created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    # Creating one shows its secret, so it has a route of its own.
    writes=frozenset({"update", "archive", "restore"}),
)


class Delivery(msgspec.Struct, kw_only=True):
    """`tries` are the last attempts: when, the status that was answered, and what went wrong."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    webhook_id: str
    event_id: str
    topic: str
    object: str
    status: Literal["pending", "delivered", "failed", "discarded"]
    attempts: int
    last_status: int | None
    last_error: str | None
    due_at: datetime
    delivered_at: datetime | None
    tries: list[dict[str, str | int | None]]


DELIVERIES = Resource(
    name="webhook-deliveries",
    singular="webhook-delivery",
    prefix="dlv",
    schema="exchange",
    table="deliveries",
    columns={
        "webhook_id": "uuid",
        "event_id": "uuid",
        "topic": "text",
        "object": "text",
        "status": "text",
        "attempts": "integer",
        "last_status": "integer",
        "last_error": "text",
        "due_at": "timestamptz",
        "delivered_at": "timestamptz",
        "tries": "jsonb",
    },
    shown=Delivery,
    new=Delivery,
    patch=Delivery,
    refs={"webhook_id": "whk", "event_id": "evt"},
    filters={
        "webhook_id": Filter(),
        "status": Filter(operators=EQUAL),
        "created_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort()},
    expands={"webhook": "webhooks"},
    writes=frozenset(),
    read_scope="webhooks:read",
    write_scope="webhooks:write",
)

_COUNT = "SELECT count(*) FROM exchange.webhooks WHERE organization_id = $1 AND archived_at IS NULL"
# Two who create at once would both see room for one.
_ONE = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7302))"


def checked(addresses: Addresses) -> Prepare:
    """Refuses URLs that nothing is sent to; whoever activates a webhook forgives it."""

    async def prepare(session: Session, principal: Principal, drafts: Sequence[Draft]) -> None:
        new = 0
        for draft in drafts:
            values = draft.values
            if "url" in draft.given:
                try:
                    addresses.require(values["url"])
                except AddressError as error:
                    draft.problem = invalid("/url", "invalid_url", str(error))
            if values.get("active") and "active" in draft.given:
                values["disabled_reason"] = None
            new += draft.before is None or (
                draft.before["archived_at"] is not None and values["archived_at"] is None
            )
        if new:
            await session.execute(_ONE, f"webhooks/{principal.organization}")
            if new + await session.fetch_value(_COUNT, principal.organization) > MOST_WEBHOOKS:
                raise Problem("limit_reached", f"an organization has at most {MOST_WEBHOOKS} webhooks")

    return prepare
