"""Sessions of users in one organization each: `hubs_<organization>_<secret>`, shown once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from tenfold.runtime import Session
from tenfold_hub.identity.tokens import hash_of, new_token
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.resource import EQUAL, Filter, Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

PREFIX = "hubs"
LASTS = timedelta(days=14)


class UserSession(Thing, kw_only=True):
    user_id: str
    expires_at: datetime


#: A session begins by logging in, and ends by being archived.
SESSIONS = Resource(
    name="sessions",
    singular="session",
    prefix="ses",
    schema="identity",
    table="sessions",
    columns={"user_id": "uuid", "expires_at": "timestamptz"},
    shown=UserSession,
    new=Nothing,
    patch=Nothing,
    refs={"user_id": "usr"},
    filters={"user_id": Filter(operators=EQUAL)},
    sorts={"created_at": Sort()},
    writes=frozenset({"archive"}),
    read_scope="sessions:admin",
    write_scope="sessions:admin",
)

# The clock of the server, as it is compared with the moment of a changed password.
_INSERT = """
INSERT INTO identity.sessions (organization_id, id, user_id, secret_hash, expires_at)
VALUES ($1, $2, $3, $4, $5)
RETURNING id, version, created_at, updated_at, archived_at, user_id, expires_at
"""
_FIND = """
SELECT id FROM identity.sessions WHERE organization_id = $1 AND secret_hash = $2 AND archived_at IS NULL
"""


async def make(session: Session, user: uuid.UUID) -> tuple[str, Values]:
    """Of a user of the session's organization: the token, and the values of the row."""
    assert isinstance(session.tenant, uuid.UUID)
    token = new_token(PREFIX, session.tenant)
    row = await session.fetch_row(
        _INSERT, session.tenant, new_id(), user, hash_of(token), datetime.now(UTC) + LASTS
    )
    assert row is not None
    return token, {name: row[name] for name in SESSIONS.types}


async def of_token(session: Session, token: str) -> uuid.UUID | None:
    found: uuid.UUID | None = await session.fetch_value(_FIND, session.tenant, hash_of(token))
    return found
