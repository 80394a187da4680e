"""Databases of two tenants' notes, the role of an application that policies bind, and replicas."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tests.clock import Clock
from tests.conftest import roomy_memory
from tests.db.runtime.cache.redis_server import RedisServer
from tests.db.runtime.replication import StandbyServer, standby

NOTES = """
CREATE TABLE notes (id bigint PRIMARY KEY, team_id bigint NOT NULL, body text);
INSERT INTO notes SELECT n, 7 + n % 2, 'note ' || n FROM generate_series(1, 20) n;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_team ON notes USING (team_id = current_setting('app.tenant_id')::bigint);
"""


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role that may log in and owns nothing."""
    name = f"app_{secrets.token_hex(6)}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def notes(database: str, role: str) -> str:
    """Ten notes each of tenants 7 and 8; the connection string of the application's role."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(NOTES)
        owner.execute(sql.SQL("GRANT ALL ON notes TO {}").format(sql.Identifier(role)))
        owner.execute("GRANT CREATE ON SCHEMA public TO public")
    return make_conninfo(database, user=role)


@pytest.fixture
async def db(notes: str, driver: Any) -> AsyncIterator[Database]:
    async with Database(notes, driver=driver) as db:
        yield db


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def primary(reachable_base: Path) -> Iterator[EmbeddedServer]:
    """A server of its own, with the notes, that tests may stop."""
    parent = reachable_base / "primary" if roomy_memory() else None
    with EmbeddedServer.temporary(parent=parent, settings={"shared_buffers": "16MB"}) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as owner:
            owner.execute("CREATE ROLE app LOGIN")
            owner.execute(NOTES)
            owner.execute("GRANT ALL ON notes TO app; GRANT CREATE ON SCHEMA public TO app")
        yield server


@pytest.fixture
def start(primary: EmbeddedServer, reachable_path: Path) -> Iterator[Callable[[], StandbyServer]]:
    """Makes another replica."""
    with contextlib.ExitStack() as running:
        yield lambda: running.enter_context(standby(primary, reachable_path))


@pytest.fixture
def replica(start: Callable[[], StandbyServer]) -> StandbyServer:
    return start()
