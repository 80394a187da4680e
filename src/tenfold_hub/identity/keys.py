"""API keys: `hub_<organization>_<secret>`, shown once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.identity.roles import Scope
from tenfold_hub.identity.tokens import hash_of, new_token
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.problems import invalid
from tenfold_hub.kit.resource import Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

PREFIX = "hub"


class ApiKey(Thing, kw_only=True):
    name: str
    scopes: list[str]
    expires_at: datetime | None


class NewApiKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=100)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


#: A key stays what it is: archiving revokes it.
API_KEYS = Resource(
    name="api-keys",
    singular="api key",
    prefix="key",
    schema="identity",
    table="api_keys",
    columns={"name": "text", "scopes": "jsonb", "expires_at": "timestamptz"},
    shown=ApiKey,
    new=NewApiKey,
    patch=Nothing,
    sorts={"created_at": Sort()},
    writes=frozenset({"archive"}),
    read_scope="api-keys:admin",
    write_scope="api-keys:admin",
)

#: organization, id, name, hash, scopes as JSON, when it expires, and now.
INSERT = """
INSERT INTO identity.api_keys
       (organization_id, id, name, secret_hash, scopes, expires_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""


async def create(
    session: Session, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> str:
    """A new key of the session's organization, in the only form in which it works."""
    key, _ = await make(session, name, scopes, expires_at)
    return key


async def make(
    session: Session, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[str, Values]:
    """The same, with the values of its row. Raises Problem for a moment that cannot be."""
    assert isinstance(session.tenant, uuid.UUID)
    if expires_at is not None and not 1970 <= expires_at.year < 9999:
        raise invalid("/expires_at", "out_of_range", "a year from 1970 to 9998")
    key, id, now = new_token(PREFIX, session.tenant), new_id(), datetime.now(UTC)
    kept = msgspec.json.encode(list(scopes)).decode()
    await session.execute(INSERT, session.tenant, id, name, hash_of(key), kept, expires_at, now)
    return key, {
        "id": id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
        "name": name,
        "scopes": list(scopes),
        "expires_at": expires_at,
    }
