"""A tenant's transaction with SQLAlchemy's asyncio engine over asyncpg: its Core, and its ORM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tenfold.bench.runtime.ground import SETTING
from tenfold.runtime.drivers.place import parameters_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncEngine

_CORE, _ORM = "SQLAlchemy Core, asyncpg", "SQLAlchemy ORM, asyncpg"
NAMES = frozenset({_CORE, _ORM})

Form = Callable[[int, int, int], Awaitable[Sequence[str]]]


@asynccontextmanager
async def forms(dsn: str, connections: int) -> AsyncGenerator[dict[str, Form]]:
    engine = engine_of(dsn, connections)
    try:
        yield {_CORE: _core(engine), _ORM: _orm(engine)}
    finally:
        await engine.dispose()


def engine_of(dsn: str, connections: int) -> AsyncEngine:
    """With as many connections, none of them beyond the pool."""
    from sqlalchemy.engine import URL
    from sqlalchemy.ext.asyncio import create_async_engine

    how = parameters_of(dsn)
    url = URL.create(
        "postgresql+asyncpg",
        username=str(how["user"]),
        database=str(how["dbname"]),
        query={"host": str(how["host"]), "port": str(how["port"])},
    )
    return create_async_engine(url, pool_size=connections, max_overflow=0)


def leads_table() -> Table:
    from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text

    return Table(
        "leads",
        MetaData(),
        Column("id", BigInteger, primary_key=True),
        Column("team_id", BigInteger, nullable=False),
        Column("name", Text),
        Column("email", Text),
        Column("score", Integer, nullable=False),
        Column("priority", Integer),
        Column("created_at", DateTime(timezone=True), nullable=False),
    )


def _core(engine: AsyncEngine) -> Form:
    from sqlalchemy import bindparam, func, select

    leads = leads_table()
    tenancy = select(func.set_config(SETTING, bindparam("tenant"), True))
    query = select(leads.c.name).where(leads.c.team_id == bindparam("tenant"), leads.c.id == bindparam("id"))

    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found: list[str] = []
        async with engine.begin() as connection:
            await connection.execute(tenancy, {"tenant": str(tenant)})
            for _ in range(statements):
                found += (await connection.execute(query, {"tenant": tenant, "id": lead})).scalars()
        return found

    return ask


def _orm(engine: AsyncEngine) -> Form:
    from sqlalchemy import func, select
    from sqlalchemy.ext.asyncio import async_sessionmaker
    from sqlalchemy.orm import registry

    lead_type: Any = type("Lead", (), {})
    registry().map_imperatively(lead_type, leads_table())
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found: list[str] = []
        async with sessions.begin() as session:
            await session.execute(select(func.set_config(SETTING, str(tenant), True)))
            for _ in range(statements):
                query = select(lead_type).where(lead_type.team_id == tenant, lead_type.id == lead)
                found += [row.name for row in await session.scalars(query)]
        return found

    return ask
