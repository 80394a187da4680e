"""A tenant's transaction as it is written by hand, with the drivers' own pools.

asyncpg's pool cleans a connection when it comes back, in a message of its own; told not to, it is faster, and
what a user left behind is the next one's. psycopg's pool rolls back what was left open and cleans nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg

from tenfold.bench.runtime.ground import SETTING
from tenfold.runtime.drivers.place import parameters_of

_FORMS = {
    "asyncpg, BEGIN; SET LOCAL": "message",
    "asyncpg, transaction() and set_config": "block",
    "asyncpg, BEGIN; SET LOCAL, nothing cleaned": "message, unclean",
    "asyncpg, set_config in a CTE, nothing cleaned": "CTE, unclean",
    "psycopg, BEGIN; SET LOCAL": "psycopg message",
    "psycopg, transaction() and set_config": "psycopg block",
    "psycopg, all in one pipeline": "psycopg pipeline",
}
NAMES = frozenset(_FORMS)
#: After them, nothing that the user of a connection set is there for the next.
CLEANING = frozenset({"asyncpg, BEGIN; SET LOCAL", "asyncpg, transaction() and set_config"})
#: They cannot ask, look at the answer, and ask again.
ONE_TRIP = frozenset({"asyncpg, set_config in a CTE, nothing cleaned", "psycopg, all in one pipeline"})

_SQL = "SELECT name FROM leads WHERE team_id = $1 AND id = $2"
# The subquery depends on the CTE's row, so the tenant is set before the policy asks for it.
_CTE = f"""
WITH tenant AS MATERIALIZED (SELECT set_config('{SETTING}', $3, true) AS id)
SELECT found.name
  FROM tenant, LATERAL (
    SELECT name FROM leads WHERE team_id = $1 AND leads.id = $2 AND tenant.id <> '' OFFSET 0
  ) AS found
"""
_SET = f"SELECT set_config('{SETTING}', $1, true)"

Form = Callable[[int, int, int], Awaitable[Sequence[str]]]


@asynccontextmanager
async def asyncpg_forms(dsn: str, connections: int) -> AsyncGenerator[dict[str, Form]]:
    how = parameters_of(dsn)
    server: dict[str, Any] = {
        "host": how["host"],
        "port": int(how["port"] or 5432),
        "user": how["user"],
        "database": how["dbname"],
        "min_size": connections,
        "max_size": connections,
    }
    async with (
        asyncpg.create_pool(**server) as cleaning,
        asyncpg.create_pool(**server, reset=_nothing) as unclean,
    ):
        forms = {
            "message": _message(cleaning),
            "block": _block(cleaning),
            "message, unclean": _message(unclean),
            "CTE, unclean": _cte(unclean),
        }
        yield {name: forms[form] for name, form in _FORMS.items() if form in forms}


@asynccontextmanager
async def psycopg_forms(dsn: str, connections: int) -> AsyncGenerator[dict[str, Form]]:
    from psycopg_pool import AsyncConnectionPool

    async with AsyncConnectionPool(
        dsn,
        min_size=connections,
        max_size=connections,
        kwargs={"autocommit": True, "prepare_threshold": 0, "cursor_factory": psycopg.AsyncRawCursor},
    ) as pool:
        forms = {
            "psycopg message": _psycopg_message(pool),
            "psycopg block": _psycopg_block(pool),
            "psycopg pipeline": _psycopg_pipeline(pool),
        }
        yield {name: forms[form] for name, form in _FORMS.items() if form in forms}


# --- asyncpg ---------------------------------------------------------------------------------------------


async def _nothing(_: Any) -> None:
    """In the place of the pool's cleaning."""


def _message(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.acquire() as connection:
            await connection.execute(f"BEGIN; SET LOCAL {SETTING} = '{tenant:d}'")
            try:
                for _ in range(statements):
                    found += [row[0] for row in await connection.fetch(_SQL, tenant, lead)]
            except BaseException:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
        return found

    return ask


def _block(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetchval(_SET, str(tenant))
            for _ in range(statements):
                found += [row[0] for row in await connection.fetch(_SQL, tenant, lead)]
        return found

    return ask


def _cte(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.acquire() as connection:
            for _ in range(statements):
                found += [row[0] for row in await connection.fetch(_CTE, tenant, lead, str(tenant))]
        return found

    return ask


# --- psycopg ---------------------------------------------------------------------------------------------


def _psycopg_message(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.connection() as connection:
            await connection.execute(f"BEGIN; SET LOCAL {SETTING} = '{tenant:d}'", prepare=False)
            try:
                for _ in range(statements):
                    cursor = await connection.execute(_SQL, [tenant, lead])
                    found += [row[0] for row in await cursor.fetchall()]
            except BaseException:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
        return found

    return ask


def _psycopg_block(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(_SET, [str(tenant)])
            for _ in range(statements):
                cursor = await connection.execute(_SQL, [tenant, lead])
                found += [row[0] for row in await cursor.fetchall()]
        return found

    return ask


def _psycopg_pipeline(pool: Any) -> Form:
    async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
        found = []
        async with pool.connection() as connection, connection.pipeline(), connection.transaction():
            await connection.execute(_SET, [str(tenant)])
            cursors = [await connection.execute(_SQL, [tenant, lead]) for _ in range(statements)]
            for cursor in cursors:
                found += [row[0] for row in await cursor.fetchall()]
        return found

    return ask
