"""The database that is measured: organizations whose sizes follow Zipf's law, and the roles that ask."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from tenfold_hub.kit import ids
from tenfold_hub.migrate import migrate
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.roles import ROLES, create_roles
from tenfold_hub.seeding.loading import Plan, load, make
from tenfold_hub.settings import Settings

_SCOPE = f"SELECT set_config('{SETTING}', %s, true)"
_SOME = "SELECT id FROM identity.people WHERE organization_id = %s ORDER BY random() LIMIT %s"

Told = Callable[[str], None]


class Tenant(msgspec.Struct, frozen=True):
    """One organization, and what it is among the others."""

    place: str
    id: uuid.UUID
    persons: int


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is a superuser's connection string, which policies do not bind; the settings' role they do."""

    owner: str
    settings: Settings
    persons: int
    #: The largest, the median and the newest one.
    tenants: tuple[Tenant, ...]

    @property
    def largest(self) -> Tenant:
        return self.tenants[0]

    def people(self, tenant: Tenant, count: int) -> list[str]:
        """Ids of some, as the API shows them."""
        with psycopg.connect(self.owner) as connection:
            rows = connection.execute(_SOME, [tenant.id, count]).fetchall()
        return [ids.shown("per", id) for (id,) in rows]

    def key(self) -> str:
        """A new one of the largest organization, with all scopes."""
        return asyncio.run(_key(self.settings, self.largest.id))


def ground(
    owner: str, persons: int, organizations: int, told: Told, *, searched: bool = True, workers: int = 1
) -> Ground:
    """Fills an empty database. The newest organization came after the server last looked at its tables."""
    told("migrating")
    create_roles(owner)
    migrate(make_conninfo(owner, user=ROLES.owner))
    until = int(time.time() * 1000)
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        told(f"filling: {done:,} of {persons:,} persons")

    plan = Plan(organizations=organizations, persons=persons, until=until, searched=searched)
    load(owner, plan, more)
    newest = Plan(organizations=1, persons=max(10, persons // 1000), seed=2, until=until, searched=searched)
    told("the newest organization")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    with psycopg.connect(owner) as connection:
        # Not by `load`, which has the server look at the tables: nobody has when it is this new.
        make(connection, newest.made()[0], until, searched=searched)
    made = plan.made()
    tenants = [("largest", made[0]), ("median", made[len(made) // 2]), ("newest", newest.made()[0])]
    return Ground(
        owner=owner,
        settings=Settings(
            database=make_conninfo(owner, user=ROLES.application),
            secret=secrets.token_hex(32),
            workers=workers,
        ),
        persons=persons,
        tenants=tuple(Tenant(place, uuid.UUID(each.id), each.persons) for place, each in tenants),
    )


@contextlib.contextmanager
def as_tenant(dsn: str, tenant: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the role that the DSN names, in this organization. It is rolled back."""
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(_SCOPE, [str(tenant.id)])
        yield connection
        connection.rollback()


async def _key(settings: Settings, organization: uuid.UUID) -> str:
    from tenfold_hub.identity import keys
    from tenfold_hub.serving import database

    async with database(settings) as db, db.tenant(organization) as session:
        return await keys.create(session, "bench", ["*"])
