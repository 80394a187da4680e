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
from tenfold_hub.kit.keys import hold_keys
from tenfold_hub.kit.principal import Principal

_COLUMNS = """
p.id, p.version, p.created_at, p.updated_at, p.archived_at, p.given_name, p.family_name, p.email, p.phone,
p.lifecycle_stage, p.owning_service, p.custom
"""
_GET = f"""
SELECT k.id AS asked, p.* FROM unnest($2::uuid[]) AS k (id)
 CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM identity.people AS p
                      WHERE p.organization_id = $1 AND p.id = k.id OFFSET 0) AS p
"""
# Of one moment: between two, somebody who is neither here nor there could be on the way back.
_GET_BY_ANY = f"""
{_GET}
UNION ALL
SELECT k.id, p.* FROM unnest($2::uuid[]) AS k (id)
 CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM identity.person_aliases AS a
                       JOIN identity.people AS p
                         ON p.organization_id = a.organization_id AND p.id = a.person_id
                      WHERE a.organization_id = $1 AND a.alias_id = k.id AND p.organization_id = $1
                     OFFSET 0) AS p
"""
# The oldest is the one that the others are likely to be merged into.
_BY_EMAIL = f"""
SELECT {_COLUMNS} FROM identity.people AS p
 WHERE p.organization_id = $1 AND p.email_normal = $2 AND p.archived_at IS NULL ORDER BY p.id LIMIT 1
"""
_BY_EMAILS = """
SELECT k.email AS email_normal, p.id FROM unnest($2::text[]) AS k (email)
 CROSS JOIN LATERAL (SELECT id FROM identity.people
                      WHERE organization_id = $1 AND email_normal = k.email AND archived_at IS NULL
                      ORDER BY id LIMIT 1) AS p
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
        """By the ids that were asked for, in one statement."""
        wanted = list(dict.fromkeys(ids))
        rows = await session.fetch(_GET_BY_ANY, session.tenant, wanted) if wanted else []
        return {row["asked"]: _known(row) for row in rows}

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
        await hold_keys(session, "people", "email", wanted)
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
