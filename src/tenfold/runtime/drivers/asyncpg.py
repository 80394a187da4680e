"""asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from tenfold.errors import DatabaseUnavailableError, UsageError
from tenfold.runtime.drivers.place import name_of, parameters_of
from tenfold.runtime.drivers.protocol import Connection
from tenfold.runtime.settings import PoolSettings

_PREPARED = 100

_UNREACHABLE = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)


class AsyncpgConnection:
    def __init__(self, raw: Any) -> None:
        #: The driver's own connection, for what is not of the Protocol.
        self.raw = raw

    async def script(self, statements: str) -> str:
        return str(await self.raw.execute(statements))

    async def fetch(self, statement: str, parameters: Sequence[object]) -> Sequence[Any]:
        rows: Sequence[Any] = await self.raw.fetch(statement, *parameters)
        return rows

    async def execute(self, statement: str, parameters: Sequence[object]) -> int:
        last = str(await self.raw.execute(statement, *parameters)).rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    @property
    def usable(self) -> bool:
        return not self.raw.is_closed() and not self.raw.is_in_transaction()

    @property
    def lost(self) -> bool:
        return bool(self.raw.is_closed())


class AsyncpgPool:
    def __init__(self, dsn: str, settings: PoolSettings, application: str) -> None:
        self.name = name_of(dsn)
        self._dsn, self._settings, self._application = dsn, settings, application
        self._pool: Any = None
        self._held = 0

    async def open(self) -> None:
        found = parameters_of(self._dsn)
        known = {"host", "port", "user", "password", "dbname", "passfile", "sslmode", "connect_timeout"}
        if strange := found.keys() - known - {"application_name"}:
            raise UsageError(f"asyncpg takes no {', '.join(sorted(strange))} in a DSN")
        settings = self._settings
        try:
            self._pool = await asyncpg.create_pool(
                host=found.get("host"),
                port=int(found["port"]) if found.get("port") else None,
                user=found.get("user"),
                password=found.get("password"),
                database=found.get("dbname"),
                passfile=found.get("passfile"),
                ssl=found.get("sslmode"),
                timeout=settings.connect_timeout,
                min_size=settings.min_size,
                max_size=settings.max_size,
                max_inactive_connection_lifetime=settings.idle_time,
                max_queries=2**31,
                statement_cache_size=0 if settings.behind_pooler else _PREPARED,
                server_settings={"application_name": self._application},
                reset=_nothing,
            )
        except _UNREACHABLE as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), self._settings.acquire_timeout)
            except TimeoutError:
                self._pool.terminate()

    async def acquire(self, timeout: float) -> AsyncpgConnection:
        try:
            waits = self._held >= self._settings.max_size
            return AsyncpgConnection(await self._pool.acquire(timeout=timeout if waits else None))
        except TimeoutError:
            raise
        except _UNREACHABLE as error:
            raise self._unavailable(error) from error

    async def release(self, connection: Connection) -> None:
        raw = connection.raw  # type: ignore[attr-defined] # it is one of ours
        if not connection.usable:
            raw.terminate()
        await self._pool.release(raw)

    @property
    def size(self) -> int:
        return int(self._pool.get_size())

    @property
    def idle(self) -> int:
        return int(self._pool.get_idle_size())

    def _unavailable(self, error: BaseException) -> DatabaseUnavailableError:
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        return DatabaseUnavailableError(f"{self.name} cannot be reached: {said}")


async def _nothing(_connection: Any) -> None:
    """A session is cleaned in the message that begins the next transaction, not in one of its own."""
