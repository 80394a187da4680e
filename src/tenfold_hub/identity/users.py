"""Users: who logs in, one for all organizations. Nothing of them is shown but what their memberships say."""

from __future__ import annotations

import uuid
from typing import Annotated

from msgspec import Meta

from tenfold.runtime import Database, Row, Session
from tenfold_hub.identity.normal import email_normal
from tenfold_hub.identity.passwords import Passwords
from tenfold_hub.kit import ids
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import Problem

Password = Annotated[str, Meta(min_length=10, max_length=200)]

#: Of nobody: the session that looks users up has no organization yet, and sees no row of one.
NOBODY = uuid.UUID(int=0)

_FIND = """
SELECT (SELECT id FROM identity.slugs WHERE slug = $2) AS organization,
       (SELECT id FROM identity.users WHERE email_normal = $1) AS id,
       (SELECT password_hash FROM identity.users WHERE email_normal = $1) AS password_hash
"""
_INSERT = """
INSERT INTO identity.users (id, email_normal, password_hash) VALUES ($1, $2, $3)
ON CONFLICT (email_normal) DO NOTHING
"""
_GET = "SELECT id, password_hash FROM identity.users WHERE email_normal = $1"
_HASH = "SELECT password_hash FROM identity.users WHERE id = $1"
_CHANGE = "UPDATE identity.users SET password_hash = $2, password_changed_at = now() WHERE id = $1"


class Users:
    def __init__(self, db: Database) -> None:
        self._db, self._passwords = db, Passwords()

    async def log_in(self, organization: str, email: str, password: str) -> tuple[uuid.UUID, uuid.UUID]:
        """The organization and the user. Raises Problem, the same and as late, whatever is wrong."""
        async with self._db.tenant(NOBODY) as session:
            found = await session.fetch_row(_FIND, email_normal(email) or "", organization)
        assert found is not None
        matches = await self._passwords.verify(found["password_hash"], password)
        known = found["organization"] or _id(organization)
        if not matches or known is None:
            raise wrong()
        return known, found["id"]

    async def join(self, session: Session, email: str, password: str) -> uuid.UUID:
        """The user of this address, who is new or proves to be who they are. Raises Problem."""
        kept = await session.fetch_row(_GET, email)
        if kept is None:
            hashed = await self._passwords.hash(password)
            await session.execute(_INSERT, new_id(), email, hashed)
            kept = await session.fetch_row(_GET, email)
        return await self._proved(kept, password)

    async def change_password(self, session: Session, user: uuid.UUID, current: str, new: str) -> None:
        """Ends all sessions that began before. Raises Problem for a wrong password."""
        if not await self._passwords.verify(await session.fetch_value(_HASH, user), current):
            raise wrong()
        await session.execute(_CHANGE, user, await self._passwords.hash(new))

    async def _proved(self, kept: Row | None, password: str) -> uuid.UUID:
        if kept is None or not await self._passwords.verify(kept["password_hash"], password):
            raise wrong()
        id: uuid.UUID = kept["id"]
        return id


def wrong() -> Problem:
    return Problem("unauthenticated", "organization, e-mail or password is wrong")


def _id(text: str) -> uuid.UUID | None:
    try:
        return ids.read("org", text)
    except ids.IdError:
        return None
