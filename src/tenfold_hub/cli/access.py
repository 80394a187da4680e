"""Organizations and their keys, as whoever runs a hub makes them: on its database, and not by the API."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from tenfold.errors import UsageError
from tenfold_hub.identity import keys
from tenfold_hub.identity.roles import Scope
from tenfold_hub.identity.tokens import hash_of, new_token
from tenfold_hub.kit import ids
from tenfold_hub.migrate import require_head, translated

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,62}\Z")
_BOUND = "SELECT row_security_active('identity.organizations')"
_BY_SLUG = "SELECT id FROM identity.organizations WHERE slug = %s"
_BY_ID = "SELECT id FROM identity.organizations WHERE id = %s"
_SCOPE = "SELECT set_config('app.organization_id', %s, true)"


def create_organization(dsn: str, slug: str, name: str) -> str:
    """The id of a new organization, as the API shows it. Raises UsageError for a slug that cannot be."""
    from tenfold_hub.identity.organizations import create_organization

    if not _SLUG.match(slug):
        raise UsageError("a slug is 2 to 63 small letters, digits and hyphens, and begins with no hyphen")
    with translated():
        with psycopg.connect(dsn) as connection:
            require_head(connection)
        made = create_organization(dsn, slug, name)
    if made is None:
        raise UsageError(
            f"there is an organization {slug} already; a key of it: tenfold hub key --organization {slug}"
        )
    return ids.shown("org", made)


def create_key(dsn: str, organization: str, name: str, scopes: Sequence[str]) -> str:
    """A new key of the organization that is named by its slug or id; shown once, as only its hash is kept."""
    for scope in scopes:
        try:
            msgspec.convert(scope, Scope)
        except msgspec.ValidationError:
            raise UsageError(f"{scope!r} is no scope; write contacts:read, contacts:*, *:read or *") from None
    with translated(), psycopg.connect(dsn) as connection:
        require_head(connection)
        id = _find(connection, organization)
        connection.execute(_SCOPE, [str(id)])
        key = new_token(keys.PREFIX, id)
        kept = msgspec.json.encode(list(scopes)).decode()
        values = [id, ids.new_id(), name, hash_of(key), kept, None, datetime.now(UTC)]
        with psycopg.RawCursor(connection) as cursor:
            cursor.execute(keys.INSERT, values)
    return key


def _find(connection: psycopg.Connection[Any], organization: str) -> uuid.UUID:
    if organization.startswith("org_"):
        try:
            id = ids.read("org", organization)
        except ids.IdError as error:
            raise UsageError(error.message) from None
        connection.execute(_SCOPE, [str(id)])
        found = connection.execute(_BY_ID, [id]).fetchone()
    else:
        if connection.execute(_BOUND).fetchone() == (True,):
            raise UsageError(
                "this role sees an organization by its id alone: give org_..., or the DSN of a superuser"
            )
        found = connection.execute(_BY_SLUG, [organization]).fetchone()
    if found is None:
        raise UsageError(f"there is no organization {organization}; make it: tenfold hub organization create")
    id = found[0]
    assert isinstance(id, uuid.UUID)
    return id
