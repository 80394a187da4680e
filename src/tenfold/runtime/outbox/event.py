"""What is published, and what a consumer is given."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import datetime
from typing import Any

import msgspec

from tenfold.errors import UsageError
from tenfold.runtime.outbox.schema import LONGEST_NAME
from tenfold.runtime.tenant import TenantId


class NewEvent(msgspec.Struct, frozen=True):
    """Events of one tenant, topic and key reach their consumer in the order of publishing."""

    topic: str
    key: str
    #: Anything that msgspec writes as JSON.
    payload: Any = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it is delivered, perhaps not for the first time."""

    #: The same at every delivery.
    id: uuid.UUID
    tenant: TenantId
    topic: str
    key: str
    payload: Any
    created_at: datetime
    #: 1 at the first delivery that is known of, and one more after each that failed.
    attempt: int
    #: Grows with each dispatcher that takes the key over: a resource that remembers the highest number
    #: refuses what one that was paused, and has lost the key since, does late.
    fence: int


def encoded(event: NewEvent) -> tuple[uuid.UUID, str, str, str]:
    """Id, topic, key and payload. Raises UsageError for what cannot be stored."""
    for name, value in (("topic", event.topic), ("key", event.key)):
        if not isinstance(value, str) or not value or "\0" in value:
            raise UsageError(f"the {name} of an event is text, and not empty")
        if len(value) > LONGEST_NAME // 4 and len(value.encode()) > LONGEST_NAME:
            raise UsageError(f"the {name} of an event has {LONGEST_NAME} bytes at most")
    try:
        payload = msgspec.json.encode(event.payload).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the payload of an event is JSON: {type(error).__name__} on encoding it") from None
    if "\\u0000" in payload:
        raise UsageError("the payload of an event holds a character that PostgreSQL does not store, U+0000")
    return new_id(), event.topic, event.key, payload


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): by the millisecond, then random. Indexes like what grows."""
    milliseconds = time.time_ns() // 1_000_000
    return uuid.UUID(
        int=(milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
