"""A request that is sent twice is done once, and answered twice alike.

The answer is kept in the transaction of the writes: either both are there or neither, whatever is killed.
A key belongs to the organization, the credential and the route, and lives for 24 hours.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tenfold.runtime import Session
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem

LONGEST_KEY = 255

# Who comes second while the first is under way is told so, and waits for nothing.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7301))"
_FIND = """
SELECT body_hash, status, answer FROM hub.idempotency_keys
 WHERE organization_id = $1 AND credential_id = $2 AND route = $3 AND key = $4
   AND created_at > now() - interval '24 hours'
"""
_KEEP = """
INSERT INTO hub.idempotency_keys
       (organization_id, credential_id, route, key, id, body_hash, status, answer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organization_id, credential_id, route, key)
DO UPDATE SET body_hash = EXCLUDED.body_hash, status = EXCLUDED.status, answer = EXCLUDED.answer,
              created_at = now()
"""


class Kept(NamedTuple):
    status: int
    answer: bytes


class Key(NamedTuple):
    """Of one request."""

    route: str
    key: str
    body_hash: bytes


def key_of(header: str | None, route: str, body: bytes) -> Key | None:
    """Raises Problem for a header that is no key."""
    if header is None:
        return None
    if not 1 <= len(header) <= LONGEST_KEY or not header.isascii() or not header.isprintable():
        raise Problem("invalid_request", f"an Idempotency-Key has 1 to {LONGEST_KEY} printable characters")
    return Key(route, header, hashlib.sha256(body).digest())


async def kept(session: Session, principal: Principal, key: Key) -> Kept | None:
    """The answer that the key had. Raises Problem where it is under way, or was another request's."""
    name = f"{principal.organization}/{principal.id}/{key.route}/{key.key}"
    if not await session.fetch_value(_LOCK, name):
        raise Problem("in_flight", "try again in a moment", headers={"Retry-After": "1"})
    row = await session.fetch_row(_FIND, principal.organization, principal.id, key.route, key.key)
    if row is None:
        return None
    if row["body_hash"] != key.body_hash:
        raise Problem("key_reused", "a new request needs a new Idempotency-Key")
    return Kept(row["status"], row["answer"])


async def keep(session: Session, principal: Principal, key: Key, answer: Kept) -> None:
    await session.execute(
        _KEEP,
        principal.organization,
        principal.id,
        key.route,
        key.key,
        new_id(),
        key.body_hash,
        answer.status,
        answer.answer,
    )
