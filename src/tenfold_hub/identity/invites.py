"""Invitations into an organization: `hubi_<organization>_<secret>`, shown once, good for seven days."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from tenfold.runtime import Row, Session
from tenfold_hub.identity.normal import email_normal
from tenfold_hub.identity.roles import Role
from tenfold_hub.identity.tokens import hash_of, new_token
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.resource import Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

PREFIX = "hubi"
LASTS = timedelta(days=7)


class Invite(Thing, kw_only=True):
    email: str
    role: Role
    expires_at: datetime
    accepted_at: datetime | None


class NewInvite(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    email: Annotated[str, Meta(min_length=3, max_length=320)]
    role: Role = "member"


#: An invitation is accepted, or archived, which revokes it.
INVITES = Resource(
    name="invites",
    singular="invite",
    prefix="inv",
    schema="identity",
    table="invites",
    columns={"email": "text", "role": "text", "expires_at": "timestamptz", "accepted_at": "timestamptz"},
    shown=Invite,
    new=NewInvite,
    patch=Nothing,
    sorts={"created_at": Sort()},
    writes=frozenset({"archive"}),
    read_scope="invites:admin",
    write_scope="invites:admin",
)

_INSERT = """
INSERT INTO identity.invites (organization_id, id, email, email_normal, role, secret_hash, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id, version, created_at, updated_at, archived_at, email, role, expires_at, accepted_at
"""
_FIND = """
SELECT id, version, created_at, updated_at, archived_at, email, email_normal, role, expires_at, accepted_at
  FROM identity.invites
 WHERE organization_id = $1 AND secret_hash = $2 AND archived_at IS NULL AND accepted_at IS NULL
   AND expires_at > now()
"""
_HOLD = f"{_FIND} FOR UPDATE"
_ACCEPT = """
UPDATE identity.invites SET accepted_at = now(), version = version + 1, updated_at = now()
 WHERE organization_id = $1 AND id = $2
"""


async def make(session: Session, email: str, role: Role) -> tuple[str, Values]:
    """The token, and the values of the row. Raises Problem for what is no address."""
    assert isinstance(session.tenant, uuid.UUID)
    normal = email_normal(email)
    if normal is None:
        raise invalid("/email", "invalid_email", "this is no e-mail address")
    token = new_token(PREFIX, session.tenant)
    row = await session.fetch_row(
        _INSERT, session.tenant, new_id(), email, normal, role, hash_of(token), datetime.now(UTC) + LASTS
    )
    assert row is not None
    return token, {name: row[name] for name in INVITES.types}


async def known(session: Session, token: str) -> Row:
    """The invitation. Raises Problem where it is none any more."""
    return await _found(session, _FIND, token)


async def held(session: Session, token: str) -> Row:
    """The same, which nobody else accepts meanwhile."""
    return await _found(session, _HOLD, token)


async def accept(session: Session, invite: uuid.UUID) -> None:
    await session.execute(_ACCEPT, session.tenant, invite)


async def _found(session: Session, statement: str, token: str) -> Row:
    row = await session.fetch_row(statement, session.tenant, hash_of(token))
    if row is None:
        raise Problem("gone", "this invitation is not known, or was accepted, revoked, or has expired")
    return row
