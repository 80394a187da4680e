"""A connection with a transaction begun on it, and how it goes back when that ended badly."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter
from typing import NamedTuple

from tenfold.errors import DatabaseUnavailableError
from tenfold.runtime.drivers import Connection
from tenfold.runtime.holders import Place
from tenfold.runtime.pool import Pool

#: Seconds that a rollback may take before the connection is closed instead.
_PATIENCE = 5.0
# The server is going down, or ended this connection (class 57P of PostgreSQL's error codes).
_ENDED = "57P"


class Loan(NamedTuple):
    pool: Pool
    connection: Connection
    #: Seconds that it took to have the connection, and to begin on it.
    acquire: float = 0.0
    begin: float = 0.0


async def lend(pool: Pool, begin: str, place: Place) -> Loan:
    """Begins on a connection that lives: one that died while idle is replaced, since nothing was asked.

    Raises PoolTimeoutError, DatabaseUnavailableError.
    """
    asked = perf_counter()
    while True:
        connection = await pool.acquire(place)
        acquired = perf_counter()
        loan = Loan(pool, connection)
        try:
            await connection.script(begin)
        except Exception as error:
            gone = connection.lost or str(getattr(error, "sqlstate", None)).startswith(_ENDED)
            if not gone:
                await asyncio.shield(abandon(loan))
                raise
            connection.terminate()
            pool.release(connection)
            if connection.idle_since is None:
                raise DatabaseUnavailableError(f"{pool.name} closed the connection") from error
            pool.forget_idle()
        except BaseException:
            await asyncio.shield(abandon(loan))
            raise
        else:
            return Loan(pool, connection, acquired - asked, perf_counter() - acquired)


async def abandon(loan: Loan) -> None:
    """Rolls back and gives back. Shield it: the connection is clean or closed when it ends."""
    connection = loan.connection
    clean = False
    try:
        # Whatever it says, a connection that was not rolled back is closed.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_PATIENCE):
                # The driver waits here for a cancelled statement to end, before the server hears of it.
                await connection.script("ROLLBACK")
                clean = True
    finally:
        if not clean:
            connection.terminate()
        loan.pool.release(connection)
