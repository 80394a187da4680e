"""Organizations: the tenants of a hub. They are made by who runs it, and not by one of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import psycopg
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Row, Session
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Change, Journal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid, not_found
from tenfold_hub.kit.resource import Resource, Thing

#: Bytes of the settings as JSON.
MOST_SETTINGS = 65_536


class Organization(Thing, kw_only=True):
    slug: str
    name: str
    plan: str
    settings: dict[str, Any]


class OrganizationPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


#: It has no list: whoever asks is of one. What it is declared for is showing and the audit log.
ORGANIZATIONS = Resource(
    name="organization",
    singular="organization",
    prefix="org",
    schema="identity",
    table="organizations",
    columns={"slug": "text", "name": "text", "plan": "text", "settings": "jsonb"},
    shown=Organization,
    new=OrganizationPatch,
    patch=OrganizationPatch,
    write_scope="organization:admin",
)

_INSERT = """
INSERT INTO identity.organizations (id, slug, name) VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING
RETURNING id
"""
_SCOPE = "SELECT set_config('app.organization_id', %s, true)"
_COLUMNS = "id, version, created_at, updated_at, archived_at, slug, name, plan, settings"
_GET = f"SELECT {_COLUMNS} FROM identity.organizations WHERE id = $1"
_CHANGE = """
UPDATE identity.organizations
   SET name = $2, settings = $3::jsonb, version = version + 1, updated_at = $4
 WHERE id = $1
"""


def create_organization(dsn: str, slug: str, name: str) -> uuid.UUID | None:
    """Its id; None where the slug is taken. The DSN is of the role that owns the hub's schemas."""
    id = new_id()
    with psycopg.connect(dsn) as connection:
        connection.execute(_SCOPE, [str(id)])
        row = connection.execute(_INSERT, [id, slug, name]).fetchone()
    return id if row else None


async def own(session: Session) -> Row:
    """The session's organization."""
    row = await session.fetch_row(_GET, session.tenant)
    if row is None:
        raise not_found("organization")
    return row


async def change(
    session: Session,
    principal: Principal,
    journal: Journal,
    given: Mapping[str, Any],
    version: int | None,
) -> Row:
    """Raises Problem: `version_mismatch` where it was changed since."""
    row = await session.fetch_row(f"{_GET} FOR NO KEY UPDATE", session.tenant)
    if row is None:
        raise not_found("organization")
    before = {name: row[name] for name in ORGANIZATIONS.types}
    before["settings"] = msgspec.json.decode(before["settings"])
    if version is not None and version != before["version"]:
        raise Problem("version_mismatch", "read it again, and change what you find")
    after = {**before, **given}
    if after == before:
        return row
    settings = msgspec.json.encode(after["settings"])
    if len(settings) > MOST_SETTINGS:
        raise invalid("/settings", "too_large", f"settings have at most {MOST_SETTINGS:,} bytes")
    now = datetime.now(UTC)
    await session.execute(_CHANGE, session.tenant, after["name"], settings.decode(), now)
    after |= {"version": before["version"] + 1, "updated_at": now}
    journal.wrote(session, principal, ORGANIZATIONS, [Change("updated", after["id"], before, after)])
    return await own(session)
