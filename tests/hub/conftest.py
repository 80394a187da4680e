"""A hub on a real database, two organizations in it, and a client of each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import create_app
from tenfold_hub.identity import keys
from tenfold_hub.identity.organizations import create_organization
from tenfold_hub.migrate import migrate
from tenfold_hub.roles import ROLES, create_roles
from tenfold_hub.serving import database as hub_database_of
from tenfold_hub.settings import Settings
from tests.conftest import TemplateDatabase

SECRET = "5e" * 32


@dataclass(frozen=True)
class Organization:
    id: uuid.UUID
    #: A key with every scope.
    key: str


def _load(dsn: str) -> None:
    create_roles(dsn)
    migrate(make_conninfo(dsn, user=ROLES.owner))


@pytest.fixture
def owner(template_database: TemplateDatabase) -> str:
    """The connection string of a superuser to a hub's database, migrated and empty."""
    return template_database("hub", _load)


@pytest.fixture
def settings(owner: str) -> Settings:
    return Settings(database=make_conninfo(owner, user=ROLES.application), secret=SECRET)


@pytest.fixture
def telemetry() -> Telemetry:
    """Counts the statements of each request: `telemetry.recording("name")` gives them to a test."""
    return Telemetry()


@pytest.fixture
async def db(settings: Settings, telemetry: Telemetry) -> AsyncIterator[Database]:
    async with hub_database_of(settings, [telemetry]) as db:
        yield db


@pytest.fixture
async def acme(owner: str, db: Database) -> Organization:
    return await organization(owner, db, "acme")


@pytest.fixture
async def globex(owner: str, db: Database) -> Organization:
    return await organization(owner, db, "globex")


async def organization(owner: str, db: Database, slug: str, scopes: tuple[str, ...] = ("*",)) -> Organization:
    id = await asyncio.to_thread(create_organization, owner, slug, slug.title())
    assert id is not None
    async with db.tenant(id) as session:
        return Organization(id, await keys.create(session, "test", list(scopes)))


@pytest.fixture
async def app(db: Database, settings: Settings, telemetry: Telemetry) -> AsyncIterator[httpx.ASGITransport]:
    """The application, in this process."""
    yield httpx.ASGITransport(create_app(db, Cursors(settings.key), telemetry, settings))


@pytest.fixture
async def client(app: httpx.ASGITransport, acme: Organization) -> AsyncIterator[httpx.AsyncClient]:
    """Asks as Acme."""
    async with client_of(app, acme.key) as client:
        yield client


@pytest.fixture
async def other(app: httpx.ASGITransport, globex: Organization) -> AsyncIterator[httpx.AsyncClient]:
    """Asks as Globex."""
    async with client_of(app, globex.key) as client:
        yield client


def client_of(app: httpx.ASGITransport, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=app, base_url="http://hub/v1", headers={"Authorization": f"Bearer {key}"}
    )
