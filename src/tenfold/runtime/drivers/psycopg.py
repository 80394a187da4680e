"""psycopg 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tenfold.errors import DatabaseUnavailableError
from tenfold.runtime.drivers.place import name_of, parameters_of
from tenfold.runtime.drivers.protocol import Connection
from tenfold.runtime.settings import PoolSettings

_PREPARE_FROM = 5


class NamedRow(tuple[Any, ...]):
    """A tuple that knows its columns' names."""

    _names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self._names[key] if isinstance(key, str) else key)

    def keys(self) -> Any:
        return self._names.keys()


def _named_rows(cursor: psycopg.AsyncCursor[Any] | psycopg.Cursor[Any]) -> Any:
    names = {column.name: number for number, column in enumerate(cursor.description or ())}
    return type("NamedRow", (NamedRow,), {"_names": names, "__slots__": ()})


class PsycopgConnection:
    def __init__(self, raw: psycopg.AsyncConnection[Any]) -> None:
        #: The driver's own connection, for what is not of the Protocol.
        self.raw = raw

    async def script(self, statements: str) -> str:
        cursor = await self.raw.execute(statements.encode())
        while cursor.nextset():
            pass
        return cursor.statusmessage or ""

    async def fetch(self, statement: str, parameters: Sequence[object]) -> Sequence[Any]:
        cursor = psycopg.AsyncRawCursor(self.raw, row_factory=_named_rows)
        await cursor.execute(statement.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def execute(self, statement: str, parameters: Sequence[object]) -> int:
        cursor = psycopg.AsyncRawCursor(self.raw)
        await cursor.execute(statement.encode(), parameters)
        return max(0, cursor.rowcount)

    @property
    def usable(self) -> bool:
        return self.raw.info.transaction_status == pq.TransactionStatus.IDLE

    @property
    def lost(self) -> bool:
        return self.raw.closed


class PsycopgPool:
    def __init__(self, dsn: str, settings: PoolSettings, application: str) -> None:
        self.name = name_of(dsn)
        self._settings = settings
        known = parameters_of(dsn)
        known.setdefault("connect_timeout", max(2, round(settings.connect_timeout)))
        self._pool = AsyncConnectionPool(
            make_conninfo(**known | {"application_name": application}),
            kwargs={
                "autocommit": True,
                "prepare_threshold": None if settings.behind_pooler else _PREPARE_FROM,
            },
            min_size=settings.min_size,
            max_size=settings.max_size,
            max_idle=settings.idle_time,
            max_lifetime=settings.lifetime,
            timeout=settings.acquire_timeout,
            reconnect_timeout=settings.connect_timeout,
            open=False,
        )

    async def open(self) -> None:
        try:
            await self._pool.open(wait=True, timeout=self._settings.connect_timeout)
            if self._settings.min_size == 0:
                await self.release(await self.acquire(self._settings.connect_timeout))
        except (PoolTimeout, TimeoutError, psycopg.OperationalError) as error:
            await self._pool.close()
            raise DatabaseUnavailableError(f"{self.name} cannot be reached: {error}") from error

    async def close(self) -> None:
        await self._pool.close(self._settings.acquire_timeout)

    async def acquire(self, timeout: float) -> PsycopgConnection:
        try:
            return PsycopgConnection(await self._pool.getconn(timeout))
        except PoolTimeout as error:
            raise TimeoutError from error
        except psycopg.OperationalError as error:
            raise DatabaseUnavailableError(f"{self.name} cannot be reached: {error}") from error

    async def release(self, connection: Connection) -> None:
        raw: psycopg.AsyncConnection[Any] = connection.raw  # type: ignore[attr-defined] # one of ours
        if not connection.usable:
            await raw.close()
        await self._pool.putconn(raw)

    @property
    def size(self) -> int:
        return int(self._pool.get_stats()["pool_size"])

    @property
    def idle(self) -> int:
        return int(self._pool.get_stats()["pool_available"])
