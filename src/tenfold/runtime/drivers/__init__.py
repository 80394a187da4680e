"""asyncpg and psycopg behind one small Protocol."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tenfold.errors import UsageError
from tenfold.runtime.drivers.protocol import Connection, Connector, Row
from tenfold.runtime.settings import PoolSettings

__all__ = ["Connection", "Connector", "Driver", "Row", "connector_of"]

Driver: TypeAlias = Literal["asyncpg", "psycopg"]


def connector_of(driver: Driver, dsn: str, settings: PoolSettings, application: str) -> Connector:
    """Who makes connections to one server. The driver is imported here and nowhere else.

    Raises UsageError for a DSN that cannot be read.
    """
    if driver == "asyncpg":
        from tenfold.runtime.drivers.asyncpg import AsyncpgConnector

        return AsyncpgConnector(dsn, settings, application)
    if driver == "psycopg":
        from tenfold.runtime.drivers.psycopg import PsycopgConnector

        return PsycopgConnector(dsn, settings, application)
    raise UsageError(f"there is no driver {driver!r}; use asyncpg or psycopg")
