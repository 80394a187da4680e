"""The secrets of webhooks: sealed at rest, shown once, two of them live while one replaces the other."""

from __future__ import annotations

import uuid
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.exchange.sealing import Seal
from tenfold_hub.exchange.signing import new_secret
from tenfold_hub.kit.ids import new_id

_ADD = """
INSERT INTO exchange.webhook_secrets (organization_id, webhook_id, id, sealed) VALUES ($1, $2, $3, $4)
"""
_AGE = """
UPDATE exchange.webhook_secrets
   SET expires_at = least(expires_at, now() + make_interval(hours => $3))
 WHERE organization_id = $1 AND webhook_id = $2
"""
# Of the former ones only the newest may live on.
_DROP = """
DELETE FROM exchange.webhook_secrets
 WHERE organization_id = $1 AND webhook_id = $2
   AND (expires_at <= now() OR id <> (SELECT max(s.id::text)::uuid FROM exchange.webhook_secrets s
                                       WHERE s.organization_id = $1 AND s.webhook_id = $2))
"""
_LIVE = """
SELECT id, sealed FROM exchange.webhook_secrets
 WHERE organization_id = $1 AND webhook_id = $2 AND (expires_at IS NULL OR expires_at > now())
 ORDER BY id DESC LIMIT 2
"""


class Vault:
    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    async def add(self, session: Session, webhook: uuid.UUID) -> str:
        """A new secret, in the clear this once."""
        secret, id = new_secret(), new_id()
        sealed = self._seal.close(secret.encode(), _owner(session, webhook, id))
        await session.execute(_ADD, session.tenant, webhook, id, sealed)
        return secret

    async def rotate(self, session: Session, webhook: uuid.UUID, overlap_hours: int) -> str:
        """A new secret; the one before it signs, too, for so many hours, and earlier ones no more."""
        await session.execute(_DROP, session.tenant, webhook)
        await session.execute(_AGE, session.tenant, webhook, overlap_hours)
        return await self.add(session, webhook)

    async def live(self, session: Session, webhook: uuid.UUID) -> list[str]:
        """The newest first."""
        rows: Any = await session.fetch(_LIVE, session.tenant, webhook)
        return [self._seal.open(row["sealed"], _owner(session, webhook, row["id"])).decode() for row in rows]


def _owner(session: Session, webhook: uuid.UUID, id: uuid.UUID) -> bytes:
    assert isinstance(session.tenant, uuid.UUID)
    return session.tenant.bytes + webhook.bytes + id.bytes
