"""SQLAlchemy's sessions see the rows of their tenant, and begin without one not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tenfold.errors import InvalidTenantError, TenantError
from tenfold.runtime.adapters.sqlalchemy import TenantEngines

TEAMS = text("SELECT DISTINCT team_id FROM notes")


def url(dsn: str, driver: str) -> URL:
    found = conninfo_to_dict(dsn)
    return URL.create(
        f"postgresql+{driver}",
        username=str(found["user"]),
        database=str(found["dbname"]),
        query={"host": str(found["host"])},
    )


@pytest.fixture
async def engine(notes: str, driver: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url(notes, driver), pool_size=1, max_overflow=0)
    yield engine
    await engine.dispose()


@pytest.fixture
def tenants(engine: AsyncEngine) -> TenantEngines[AsyncEngine]:
    return TenantEngines(engine)


async def teams(tenants: TenantEngines[AsyncEngine], tenant: object) -> list[int]:
    async with AsyncSession(tenants.of(tenant)) as session:
        return list(await session.scalars(TEAMS))


async def test_each_tenant_sees_its_own_rows_on_one_connection(tenants: TenantEngines[AsyncEngine]) -> None:
    for _ in range(8):
        assert [await teams(tenants, tenant) for tenant in (7, "8", 9)] == [[7], [8], []]
    assert await asyncio.gather(*(teams(tenants, 7 + n % 2) for n in range(8))) == [[7], [8]] * 4


async def test_each_transaction_of_a_session_has_the_tenant(tenants: TenantEngines[AsyncEngine]) -> None:
    async with AsyncSession(tenants.of(7)) as session:
        for end in (session.commit, session.rollback, session.commit):
            assert list(await session.scalars(TEAMS)) == [7]
            with pytest.raises(DBAPIError):
                async with session.begin_nested():
                    await session.execute(text("SELECT 1/0"))
            assert list(await session.scalars(TEAMS)) == [7]
            await end()


async def test_a_row_of_another_tenant_cannot_be_written(tenants: TenantEngines[AsyncEngine]) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with tenants.of(7).begin() as connection:
            await connection.execute(text("INSERT INTO notes VALUES (100, 8, 'x')"))


async def test_without_a_tenant_nothing_is_begun(
    tenants: TenantEngines[AsyncEngine], engine: AsyncEngine
) -> None:
    with pytest.raises(TenantError):
        async with engine.connect() as connection:
            await connection.execute(TEAMS)
    with pytest.raises(TenantError):
        async with AsyncSession(engine) as session:
            await session.execute(TEAMS)
    with pytest.raises(InvalidTenantError):
        tenants.of("7; DROP TABLE notes")
    with pytest.raises(TenantError, match="reason"):
        tenants.of_system("")
    assert await teams(tenants, 7) == [7]


async def test_an_engine_of_the_system_is_of_no_tenant(
    tenants: TenantEngines[AsyncEngine], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "tenfold.runtime"), pytest.raises(DBAPIError, match="bigint"):
        async with tenants.of_system("nightly count").connect() as connection:
            await connection.execute(TEAMS)
    assert "nightly count" in caplog.text


def test_an_engine_that_is_not_asynchronous_serves_too(notes: str) -> None:
    engine = create_engine(url(notes, "psycopg"))
    tenants = TenantEngines(engine)
    with tenants.of(8).connect() as connection:
        assert list(connection.scalars(TEAMS)) == [8]
    with pytest.raises(TenantError), engine.connect() as connection:
        connection.execute(TEAMS)
    engine.dispose()
