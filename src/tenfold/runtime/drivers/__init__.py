"""asyncpg and psycopg behind one small Protocol."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tenfold.runtime.drivers.protocol import Connection, Pool, Row
from tenfold.runtime.settings import PoolSettings

__all__ = ["Connection", "Driver", "Pool", "Row", "pool_of"]

Driver: TypeAlias = Literal["asyncpg", "psycopg"]


def pool_of(driver: Driver, dsn: str, settings: PoolSettings, application: str) -> Pool:
    """A pool of connections to one server, not opened yet. The driver is imported here and nowhere else."""
    if driver == "asyncpg":
        from tenfold.runtime.drivers.asyncpg import AsyncpgPool

        return AsyncpgPool(dsn, settings, application)
    from tenfold.runtime.drivers.psycopg import PsycopgPool

    return PsycopgPool(dsn, settings, application)
