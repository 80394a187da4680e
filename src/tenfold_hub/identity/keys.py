"""API keys: `hub_<organization>_<secret>`. The hub keeps a hash, and shows the key once.

The key names its organization, so that it is looked up under that organization's policies, like everything
else: no statement asks across organizations to find out who is asking.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid

import msgspec

from tenfold.runtime import Database, Session
from tenfold_hub.kit import ids
from tenfold_hub.kit.principal import Principal

PREFIX = "hub"

_INSERT = """
INSERT INTO identity.api_keys (organization_id, id, name, secret_hash, scopes) VALUES ($1, $2, $3, $4, $5)
"""
_FIND = """
SELECT id, scopes FROM identity.api_keys
 WHERE organization_id = $1 AND secret_hash = $2 AND archived_at IS NULL AND revoked_at IS NULL
   AND (expires_at IS NULL OR expires_at > now())
"""


async def create(session: Session, name: str, scopes: list[str]) -> str:
    """A new key of the session's organization, in the only form in which it works."""
    assert isinstance(session.tenant, uuid.UUID)
    key = f"{ids.shown(PREFIX, session.tenant)}_{secrets.token_urlsafe(32)}"
    await session.execute(
        _INSERT, session.tenant, ids.new_id(), name, _hash(key), msgspec.json.encode(scopes).decode()
    )
    return key


async def principal_of(db: Database, key: str) -> Principal | None:
    """Who the key stands for; None for one that is unknown, expired or revoked."""
    organization = organization_of(key)
    if organization is None:
        return None
    async with db.tenant(organization, read_only=True) as session:
        row = await session.fetch_row(_FIND, organization, _hash(key))
    if row is None:
        return None
    return Principal(
        organization=organization,
        id=row["id"],
        kind="api_key",
        scopes=frozenset(msgspec.json.decode(row["scopes"], type=list[str])),
    )


def organization_of(key: str) -> uuid.UUID | None:
    """The organization that a key claims to be of."""
    head, _, secret = key[len(PREFIX) + 1 :].partition("_")
    try:
        return ids.read(PREFIX, f"{PREFIX}_{head}") if secret and key.startswith(f"{PREFIX}_") else None
    except ids.IdError:
        return None


def _hash(key: str) -> bytes:
    # The secret is 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(key.encode()).digest()
