"""A database of things to page through, seen through the runtime by either driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from tenfold.runtime.database import Database
from tenfold.runtime.paging import Cursors

THINGS = """
CREATE TABLE things (
    id bigint PRIMARY KEY,
    team_id integer NOT NULL,
    rank integer,
    name text,
    seen timestamptz,
    price numeric,
    code uuid NOT NULL,
    day date,
    score double precision,
    done boolean
)
"""


@pytest.fixture
def cursors() -> Cursors:
    return Cursors(b"a key of the tests, which is long enough")


@pytest.fixture
def things(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(THINGS)
    return database


@pytest.fixture(params=["asyncpg", "psycopg"])
async def db(things: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    driver: Any = request.param
    async with Database(things, driver=driver, accept_unsafe_role=True) as db:
        yield db
