"""A hub on a real database, two organizations in it, and a client of each."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from docs.client import description
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
    # Two seconds, which the runtime waits by default, are not enough on a machine that tests keep busy.
    return make_conninfo(template_database("hub", _load), connect_timeout=30)


@pytest.fixture
def settings(owner: str) -> Settings:
    return Settings(database=make_conninfo(owner, user=ROLES.application), secret=SECRET)


class DatabaseOfTest:
    """The database of the test that runs, to an application that outlives it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


class Applications:
    """One for each kind of settings and process of tests: to make all routes takes longer than most tests."""

    def __init__(self) -> None:
        self._made: dict[Settings, tuple[DatabaseOfTest, httpx.ASGITransport]] = {}
        self._telemetry = Telemetry()

    @property
    def telemetry(self) -> Telemetry:
        return self._telemetry

    def of(self, db: Database, settings: Settings) -> httpx.ASGITransport:
        """An application that asks this database, until the next test asks for one of the same settings."""
        # Where servers are is nothing that its routes keep; whether they are there is.
        servers = {name: bool(getattr(settings, name)) for name in ("database", "dispatcher", "maintenance")}
        kind = msgspec.structs.replace(settings, **{name: str(given) for name, given in servers.items()})
        if kind not in self._made:
            current = DatabaseOfTest(db)
            made = create_app(cast(Database, current), Cursors(settings.key), self._telemetry, settings)
            self._made[kind] = current, httpx.ASGITransport(made)
            # It stays to the end: nobody need look through it for garbage.
            gc.collect()
            gc.freeze()
        current, transport = self._made[kind]
        current.database = db
        return transport


@pytest.fixture(scope="session")
def described() -> dict[str, Any]:
    """The description of the API."""
    return description()


@pytest.fixture(scope="session")
def applications() -> Applications:
    return Applications()


@pytest.fixture
def telemetry(applications: Applications) -> Telemetry:
    """Counts the statements of each request: `telemetry.recording("name")` gives them to a test."""
    return applications.telemetry


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
def app(applications: Applications, db: Database, settings: Settings) -> httpx.ASGITransport:
    """The application, in this process."""
    return applications.of(db, settings)


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
