"""Who asks: what a key or the token of a session stands for, looked up once in a quarter of an hour.

What is kept of it is forgotten in the moment that a key or a session is revoked, a member leaves or gets
another role: in all processes where Redis is given, and in this one where it is the only one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from tenfold.runtime import Database, Session
from tenfold.runtime.cache import Cache, Namespace
from tenfold_hub.identity import keys, sessions
from tenfold_hub.identity.roles import SCOPES
from tenfold_hub.identity.tokens import hash_of, organization_of
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal


class Credential(msgspec.Struct, frozen=True):
    principal: Principal
    expires_at: datetime | None


CREDENTIAL = Namespace(name="credential", type=Credential, ttl=900, local_ttl=900, digest_keys=True)

_KEY = """
SELECT id, scopes, expires_at FROM identity.api_keys
 WHERE organization_id = $1 AND secret_hash = $2 AND archived_at IS NULL
"""
# A password that is changed ends the sessions that began before it, whatever their organization.
_SESSION = """
SELECT s.user_id, s.expires_at, m.role
  FROM identity.sessions AS s
  JOIN identity.memberships AS m ON m.organization_id = s.organization_id AND m.user_id = s.user_id
  JOIN identity.users AS u ON u.id = s.user_id
 WHERE s.organization_id = $1 AND s.secret_hash = $2 AND s.archived_at IS NULL AND m.organization_id = $1
   AND m.archived_at IS NULL AND s.created_at >= u.password_changed_at
"""
_OF_KEYS = """
SELECT secret_hash FROM identity.api_keys WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_OF_SESSIONS = """
SELECT secret_hash FROM identity.sessions WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_OF_USERS = """
SELECT secret_hash FROM identity.sessions
 WHERE organization_id = $1 AND user_id = ANY($2::uuid[]) AND archived_at IS NULL
"""


class Credentials:
    def __init__(self, db: Database, cache: Cache | None) -> None:
        self._db, self._cache = db, cache

    async def principal_of(self, token: str) -> Principal | None:
        """Who the token stands for; None for one that is unknown, expired or revoked."""
        for prefix, load in ((keys.PREFIX, self._of_key), (sessions.PREFIX, self._of_session)):
            organization = organization_of(prefix, token)
            if organization is not None:
                hash_ = hash_of(token)
                again = partial(load, organization, hash_)
                if self._cache is None:
                    found = await again()
                else:
                    found = await self._cache.get(CREDENTIAL, organization, hash_.hex(), again)
                if found is None or (found.expires_at and found.expires_at <= datetime.now(UTC)):
                    return None
                return found.principal
        return None

    async def _of_key(self, organization: uuid.UUID, hash_: bytes) -> Credential | None:
        # Of the primary: a replica may not have a key that was just made, and one that was revoked.
        async with self._db.tenant(organization) as session:
            row = await session.fetch_row(_KEY, organization, hash_)
        if row is None:
            return None
        scopes = frozenset(msgspec.json.decode(row["scopes"], type=list[str]))
        principal = Principal(organization=organization, id=row["id"], kind="api_key", scopes=scopes)
        return Credential(principal, row["expires_at"])

    async def _of_session(self, organization: uuid.UUID, hash_: bytes) -> Credential | None:
        async with self._db.tenant(organization) as session:
            row = await session.fetch_row(_SESSION, organization, hash_)
        if row is None:
            return None
        principal = Principal(
            organization=organization, id=row["user_id"], kind="user", scopes=SCOPES[row["role"]]
        )
        return Credential(principal, row["expires_at"])

    # --- forgetting, after the commit ----------------------------------------------------------------

    async def keys_changed(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        await self._forget(session, _OF_KEYS, [change.id for change in changes])

    async def sessions_changed(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        await self._forget(session, _OF_SESSIONS, [change.id for change in changes])

    async def members_changed(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        users = [(change.after or change.before or {})["user_id"] for change in changes]
        await self.forget_users(session, users)

    async def forget_users(self, session: Session, users: Iterable[uuid.UUID]) -> None:
        await self._forget(session, _OF_USERS, list(users))

    async def _forget(self, session: Session, statement: str, ids: Sequence[uuid.UUID]) -> None:
        if self._cache is None or not ids or not isinstance(session.tenant, uuid.UUID):
            return
        hashes = [
            row["secret_hash"].hex() for row in await session.fetch(statement, session.tenant, list(ids))
        ]
        self._cache.invalidation().keys(CREDENTIAL, session.tenant, *hashes).on_commit(session)
