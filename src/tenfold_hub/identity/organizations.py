"""Organizations: the tenants of a hub. They are made by who runs it, and not by one of them."""

from __future__ import annotations

import uuid

import psycopg

from tenfold_hub.kit.ids import new_id

_INSERT = """
INSERT INTO identity.organizations (id, slug, name) VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING
RETURNING id
"""
_SCOPE = "SELECT set_config('app.organization_id', %s, true)"


def create_organization(dsn: str, slug: str, name: str) -> uuid.UUID | None:
    """Its id; None where the slug is taken. The DSN is of the role that owns the hub's schemas."""
    id = new_id()
    with psycopg.connect(dsn) as connection:
        connection.execute(_SCOPE, [str(id)])
        row = connection.execute(_INSERT, [id, slug, name]).fetchone()
    return id if row else None
