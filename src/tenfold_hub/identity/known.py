"""People as other domains are given them: plain values that nobody can change, kept for a while."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from tenfold.runtime import Database, Row, Session
from tenfold.runtime.cache import Cache, Namespace
from tenfold_hub.identity.aliases import resolve
from tenfold_hub.identity.normal import email_normal
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal

_COLUMNS = """
p.id, p.version, p.created_at, p.updated_at, p.archived_at, p.given_name, p.family_name, p.email, p.phone,
p.lifecycle_stage, p.owning_service, p.custom
"""
_GET = f"""
SELECT {_COLUMNS} FROM identity.people AS p
 WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[])
"""
_BY_ALIAS = f"""
SELECT a.alias_id, {_COLUMNS}
  FROM identity.person_aliases AS a
  JOIN identity.people AS p ON p.organization_id = a.organization_id AND p.id = a.person_id
 WHERE a.organization_id = $1 AND a.alias_id = ANY($2::uuid[]) AND p.organization_id = $1
"""
# The oldest is the one that the others are likely to be merged into.
_BY_EMAIL = f"""
SELECT {_COLUMNS} FROM identity.people AS p
 WHERE p.organization_id = $1 AND p.email_normal = $2 AND p.archived_at IS NULL ORDER BY p.id LIMIT 1
"""

# In the order of the hashes, so that two that hold the same addresses wait for each other in turn.
_LOCK_EMAILS = """
SELECT pg_advisory_xact_lock(h.hash)
  FROM (SELECT DISTINCT hashtextextended(concat_ws(chr(31), $1::uuid, email), 7303) AS hash
          FROM unnest($2::text[]) AS email ORDER BY 1) AS h
"""
_BY_EMAILS = """
SELECT p.email_normal, min(p.id::text)::uuid AS id FROM identity.people AS p
 WHERE p.organization_id = $1 AND p.email_normal = ANY($2::text[]) AND p.archived_at IS NULL
 GROUP BY p.email_normal
"""


class KnownPerson(msgspec.Struct, frozen=True, kw_only=True):
    """`custom` is JSON."""

    id: uuid.UUID
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    given_name: str | None
    family_name: str | None
    email: str | None
    phone: str | None
    lifecycle_stage: str
    owning_service: str
    custom: str


PERSON = Namespace(name="person", type=KnownPerson, ttl=300)


class KnownPeople:
    """Reads people by any id that stands for them, and forgets what was written after the commit."""

    def __init__(self, db: Database, cache: Cache | None) -> None:
        self._db, self._cache = db, cache

    async def get(self, organization: uuid.UUID, id: uuid.UUID) -> KnownPerson | None:
        """An alias costs a statement; people are kept by their own id, so that one word forgets them."""
        person = await self._get(organization, id)
        while person is None:
            async with self._db.tenant(organization) as session:
                other = (await resolve(session, [id])).get(id)
            if other is None:
                return None
            # None again: the survivor was merged meanwhile, and the alias stands for another one.
            person = await self._get(organization, other)
        return person

    async def _get(self, organization: uuid.UUID, id: uuid.UUID) -> KnownPerson | None:
        if self._cache is None:
            return await self._load(organization, id)
        load = partial(self._load, organization, id)
        return await self._cache.get(PERSON, organization, id, load)

    async def get_many(self, session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, KnownPerson]:
        """By the ids that were asked for; in one statement, or two where some are aliases."""
        wanted = list(dict.fromkeys(ids))
        rows = await session.fetch(_GET, session.tenant, wanted)
        found = {row["id"]: _known(row) for row in rows}
        if missing := [id for id in wanted if id not in found]:
            rows = await session.fetch(_BY_ALIAS, session.tenant, missing)
            found |= {row["alias_id"]: _known(row) for row in rows}
        return found

    async def find_by_email(self, organization: uuid.UUID, email: str) -> KnownPerson | None:
        """Of several with this address, the one that has been there longest."""
        normal = email_normal(email)
        if normal is None:
            return None
        async with self._db.tenant(organization, read_only=True) as session:
            row = await session.fetch_row(_BY_EMAIL, organization, normal)
        return None if row is None else _known(row)

    async def hold_by_email(self, session: Session, emails: Iterable[str]) -> dict[str, uuid.UUID]:
        """See `api.Identity`. Two statements."""
        wanted = sorted(set(emails))
        if not wanted:
            return {}
        await session.execute(_LOCK_EMAILS, session.tenant, wanted)
        rows = await session.fetch(_BY_EMAILS, session.tenant, wanted)
        return {row["email_normal"]: row["id"] for row in rows}

    async def _load(self, organization: uuid.UUID, id: uuid.UUID) -> KnownPerson | None:
        # Of the primary: a replica may not have what was committed before this was forgotten.
        async with self._db.tenant(organization) as session:
            row = await session.fetch_row(_GET, organization, [id])
        return None if row is None else _known(row)

    async def follow(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """For `Records.follow`."""
        self.touched(session, [change.id for change in changes])

    def touched(self, session: Session, ids: Iterable[uuid.UUID]) -> None:
        """What is kept of these people is forgotten when the session commits."""
        if self._cache is not None and isinstance(session.tenant, uuid.UUID):
            self._cache.invalidation().keys(PERSON, session.tenant, *ids).on_commit(session)


def _known(row: Row) -> KnownPerson:
    return KnownPerson(**{name: row[name] for name in KnownPerson.__struct_fields__})
