"""psycopg 3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg._queries import PostgresQuery
from psycopg.conninfo import make_conninfo

from tenfold.errors import DatabaseUnavailableError
from tenfold.runtime.drivers.place import name_of, parameters_of
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
    return _row_type(tuple(column.name for column in cursor.description or ()))


@lru_cache(maxsize=1000)
def _row_type(names: tuple[str, ...]) -> Any:
    numbers = {name: number for number, name in enumerate(names)}
    return type("NamedRow", (NamedRow,), {"_names": numbers, "__slots__": ()})


class _Cursor(psycopg.AsyncRawCursor[Any]):
    """Sends one statement at a time, as asyncpg does: psycopg takes several where there is no parameter."""

    def _execute_send(
        self, query: PostgresQuery, *, force_extended: bool = False, binary: bool | None = None
    ) -> None:
        super()._execute_send(query, force_extended=True, binary=binary)


class PsycopgConnection:
    def __init__(self, raw: psycopg.AsyncConnection[Any]) -> None:
        #: The driver's own connection, for what is not of the Protocol.
        self.raw = raw
        self.made = 0.0
        self.idle_since: float | None = None

    async def script(self, statements: str) -> str:
        cursor = await self.raw.execute(statements.encode())
        while cursor.nextset():
            pass
        return cursor.statusmessage or ""

    async def fetch(self, statement: str, parameters: Sequence[object]) -> Sequence[Any]:
        cursor = _Cursor(self.raw, row_factory=_named_rows)
        await cursor.execute(statement.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def execute(self, statement: str, parameters: Sequence[object]) -> int:
        cursor = _Cursor(self.raw)
        await cursor.execute(statement.encode(), parameters)
        return max(0, cursor.rowcount)

    async def copy_records(
        self, table: tuple[str, ...], columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        async with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)
        return len(rows)

    async def listen(self, channel: str) -> AsyncIterator[str | None]:
        await self.raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        yield None
        async for notification in self.raw.notifies():
            yield notification.payload

    @property
    def usable(self) -> bool:
        return self.raw.info.transaction_status == pq.TransactionStatus.IDLE

    @property
    def lost(self) -> bool:
        return self.raw.closed

    def terminate(self) -> None:
        self.raw.pgconn.finish()


class PsycopgConnector:
    def __init__(self, dsn: str, settings: PoolSettings, application: str) -> None:
        self.name = name_of(dsn)
        known = parameters_of(dsn)
        known.setdefault("application_name", application)
        # libpq takes whole seconds, and two at least.
        known.setdefault("connect_timeout", max(2, round(settings.connect_timeout)))
        self._dsn = make_conninfo(**known)
        self._prepare_from = None if settings.behind_pooler else _PREPARE_FROM

    async def connect(self) -> PsycopgConnection:
        try:
            return PsycopgConnection(
                await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True, prepare_threshold=self._prepare_from
                )
            )
        except psycopg.OperationalError as error:
            said = next(iter(str(error).splitlines()), "no answer in time")
            raise DatabaseUnavailableError(f"{self.name} cannot be reached: {said}") from error
