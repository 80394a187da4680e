"""The guard looks at what SQLAlchemy sends, whichever driver writes its parameters how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import BigInteger, Text, create_engine, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenfold.errors import UnboundTenantError
from tenfold.runtime.adapters.sqlalchemy import TenantEngines
from tenfold.runtime.guard import Guard
from tests.db.runtime.adapters.test_sqlalchemy import TEAMS, url


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    team_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)


@pytest.fixture
async def tenants(notes: str, driver: Any) -> AsyncIterator[TenantEngines[AsyncEngine]]:
    engine = create_async_engine(url(notes, driver))
    yield TenantEngines(engine, guard=Guard("team_id"))
    await engine.dispose()


async def test_what_is_held_to_the_tenant_passes(tenants: TenantEngines[AsyncEngine]) -> None:
    async with AsyncSession(tenants.of(7)) as session:
        found = await session.scalars(select(Note.id).where(Note.team_id == 7, Note.id.in_([2, 4, 5])))
        assert sorted(found) == [2, 4]
        session.add_all([Note(id=100 + n, team_id=7, body="100 %") for n in range(3)])
        await session.flush()
        await session.execute(
            update(Note).where(Note.team_id == 7, Note.id == 100).values(body="%(team)s $1 %s")
        )
        await session.execute(insert(Note), [{"id": n, "team_id": 7, "body": "x"} for n in (200, 201)])
        await session.commit()
        assert await session.scalar(select(Note.body).where(Note.team_id == 7, Note.id == 100)) == (
            "%(team)s $1 %s"
        )


async def test_what_is_not_is_refused_before_it_is_sent(tenants: TenantEngines[AsyncEngine]) -> None:
    async with AsyncSession(tenants.of(7)) as session:
        with pytest.raises(UnboundTenantError, match=r"add: notes\.team_id = \$1"):
            await session.scalars(select(Note).where(Note.id == 2))
        with pytest.raises(UnboundTenantError, match="another tenant"):
            await session.scalars(select(Note).where(Note.id == 2, Note.team_id == 8))
        with pytest.raises(UnboundTenantError, match="another tenant"):
            await session.execute(
                insert(Note), [{"id": 200, "team_id": 7, "body": "x"}, {"id": 201, "team_id": 8, "body": "x"}]
            )
        # The transaction knows of none of it.
        assert await session.scalar(select(Note.body).where(Note.team_id == 7, Note.id == 2)) == "note 2"


async def test_the_system_s_engine_is_not_guarded(notes: str) -> None:
    engine = create_engine(url(notes, "psycopg"))
    tenants = TenantEngines(engine, guard=Guard("team_id"))
    with pytest.raises(UnboundTenantError), tenants.of(7).connect() as connection:
        connection.execute(TEAMS)
    with tenants.of_system("count").connect() as connection:
        connection.exec_driver_sql("SELECT FROM notes WHERE false")
    engine.dispose()
