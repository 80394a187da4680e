"""Deliveries of webhooks in the database: one row for each event and webhook that wants it."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tenfold.runtime import Row, Session
from tenfold_hub.kit.ids import new_id

#: Tries that a delivery remembers.
_REMEMBERED = 10

_ACTIVE = """
SELECT id, topics FROM exchange.webhooks WHERE organization_id = $1 AND active AND archived_at IS NULL
"""
# An object whose deliveries wait takes new ones along, so that they are not looked at in vain.
_ADD = """
INSERT INTO exchange.deliveries
       (organization_id, id, webhook_id, event_id, topic, object, payload, created_at, due_at)
SELECT $1, n.id, n.webhook, n.event, n.topic, n.object, n.payload, n.at,
       coalesce((SELECT max(d.due_at) FROM exchange.deliveries d
                  WHERE d.organization_id = $1 AND d.webhook_id = n.webhook AND d.object = n.object
                    AND d.status = 'pending'), now())
  FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[])
       WITH ORDINALITY AS n (id, webhook, event, topic, object, payload, at, place)
 ORDER BY n.place
ON CONFLICT (organization_id, webhook_id, event_id) DO NOTHING
"""
_WEBHOOK = """
SELECT url, active, archived_at FROM exchange.webhooks WHERE organization_id = $1 AND id = $2
"""
# Those of one object go out one after the other: none before an earlier one that is still to be tried again.
_DUE = """
SELECT d.id, d.event_id, d.topic, d.object, d.payload, d.created_at, d.attempts, d.since
  FROM exchange.deliveries d
 WHERE d.organization_id = $1 AND d.webhook_id = $2 AND d.status = 'pending' AND d.due_at <= now()
   AND NOT EXISTS (SELECT FROM exchange.deliveries e
                    WHERE e.organization_id = $1 AND e.webhook_id = $2 AND e.object = d.object
                      AND e.status = 'pending' AND e.place < d.place AND e.due_at > now())
 ORDER BY d.due_at, d.place LIMIT $3
"""
_TOLD = f"""
UPDATE exchange.deliveries d
   SET status = n.status, attempts = d.attempts + 1, last_status = n.answered, last_error = n.error,
       delivered_at = CASE WHEN n.status = 'delivered' THEN n.at END, updated_at = now(),
       due_at = n.at + make_interval(secs => n.pause), version = d.version + 1,
       tries = (SELECT coalesce(jsonb_agg(t.t ORDER BY t.place), '[]')
                  FROM jsonb_array_elements(d.tries) WITH ORDINALITY AS t (t, place)
                 WHERE t.place > jsonb_array_length(d.tries) - {_REMEMBERED - 1})
            || jsonb_build_object('at', n.at, 'status', n.answered, 'error', n.error, 'ms', n.ms)
  FROM unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::timestamptz[], $7::float8[], $8::int[])
       AS n (id, status, answered, error, at, pause, ms)
 WHERE d.organization_id = $1 AND d.id = n.id AND d.status = 'pending'
"""
_HOLD_BACK = """
UPDATE exchange.deliveries d
   SET due_at = greatest(d.due_at, h.due_at)
  FROM exchange.deliveries h
 WHERE h.organization_id = $1 AND h.id = ANY($2::uuid[]) AND h.status = 'pending'
   AND d.organization_id = $1 AND d.webhook_id = h.webhook_id AND d.object = h.object
   AND d.status = 'pending' AND d.place > h.place AND d.due_at < h.due_at
"""
_WAITING = """
SELECT min(due_at) <= now() FROM exchange.deliveries
 WHERE organization_id = $1 AND webhook_id = $2 AND status = 'pending'
"""
_DISCARD = """
UPDATE exchange.deliveries SET status = 'discarded', updated_at = now(), version = version + 1
 WHERE organization_id = $1 AND webhook_id = $2 AND status = 'pending'
"""
_AGAIN = """
UPDATE exchange.deliveries
   SET status = 'pending', due_at = now(), since = now(), attempts = 0, updated_at = now(),
       version = version + 1
 WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_RANGE = """
SELECT id FROM exchange.deliveries
 WHERE organization_id = $1 AND webhook_id = $2 AND archived_at IS NULL
   AND created_at >= $3 AND created_at < $4 AND status <> 'pending' AND ($5::text IS NULL OR status = $5)
 ORDER BY created_at, id LIMIT $6
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one attempt. `pause` are the seconds until the next one."""

    id: uuid.UUID
    status: str
    answered: int | None
    error: str | None
    at: datetime.datetime
    pause: float
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An event that a webhook wants."""

    webhook: uuid.UUID
    event: uuid.UUID
    topic: str
    object: str
    payload: Any
    at: datetime.datetime


async def active(session: Session) -> dict[uuid.UUID, list[str]]:
    """The webhooks that are sent to, and the patterns of their topics."""
    rows = await session.fetch(_ACTIVE, session.tenant)
    return {row["id"]: msgspec.json.decode(row["topics"], type=list[str]) for row in rows}


async def add(session: Session, wanted: Sequence[Wanted]) -> list[uuid.UUID]:
    """One statement; of an event that comes again nothing is added."""
    ids = [new_id() for _ in wanted]
    await session.execute(
        _ADD,
        session.tenant,
        ids,
        [each.webhook for each in wanted],
        [each.event for each in wanted],
        [each.topic for each in wanted],
        [each.object for each in wanted],
        [msgspec.json.encode(each.payload).decode() for each in wanted],
        [each.at for each in wanted],
    )
    return ids


async def webhook(session: Session, id: uuid.UUID) -> Row | None:
    return await session.fetch_row(_WEBHOOK, session.tenant, id)


async def due(session: Session, webhook: uuid.UUID, limit: int) -> Sequence[Row]:
    """In their order."""
    return await session.fetch(_DUE, session.tenant, webhook, limit)


async def tell(session: Session, told: Sequence[Told]) -> None:
    """Two statements, however many attempts there were."""
    await session.execute(
        _TOLD,
        session.tenant,
        [each.id for each in told],
        [each.status for each in told],
        [each.answered for each in told],
        [each.error for each in told],
        [each.at for each in told],
        [each.pause for each in told],
        [each.ms for each in told],
    )
    if waiting := [each.id for each in told if each.status == "pending"]:
        await session.execute(_HOLD_BACK, session.tenant, waiting)


async def waiting(session: Session, webhook: uuid.UUID) -> bool | None:
    """True where one is due now, False where one will be, None where there is none."""
    found: bool | None = await session.fetch_value(_WAITING, session.tenant, webhook)
    return found


async def discard(session: Session, webhook: uuid.UUID) -> None:
    await session.execute(_DISCARD, session.tenant, webhook)


async def again(session: Session, ids: Sequence[uuid.UUID]) -> int:
    """Has them sent once more, whatever became of them; the number of them."""
    return await session.execute(_AGAIN, session.tenant, list(ids))


async def between(
    session: Session,
    webhook: uuid.UUID,
    since: datetime.datetime,
    until: datetime.datetime,
    status: str | None,
    limit: int,
) -> list[uuid.UUID]:
    rows = await session.fetch(_RANGE, session.tenant, webhook, since, until, status, limit)
    return [row["id"] for row in rows]
