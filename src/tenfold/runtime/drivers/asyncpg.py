"""asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from tenfold.errors import DatabaseUnavailableError, UsageError
from tenfold.runtime.drivers.place import name_of, parameters_of
from tenfold.runtime.settings import PoolSettings

_PREPARED = 100
_KNOWN = {
    *("host port user password dbname passfile service options application_name connect_timeout".split()),
    *("sslmode sslrootcert sslcert sslkey sslpassword sslcrl sslnegotiation".split()),
    *("ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname gsslib".split()),
}


class AsyncpgConnection:
    def __init__(self, raw: Any) -> None:
        #: The driver's own connection, for what is not of the Protocol.
        self.raw = raw
        self.made = 0.0
        self.idle_since: float | None = None

    async def script(self, statements: str) -> str:
        tag: str = await self.raw.execute(statements)
        return tag

    async def fetch(self, statement: str, parameters: Sequence[object]) -> Sequence[Any]:
        rows: Sequence[Any] = await self.raw.fetch(statement, *parameters)
        return rows

    async def execute(self, statement: str, parameters: Sequence[object]) -> int:
        tag: str = await self.raw.execute(statement, *parameters)
        last = tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def copy_records(
        self, table: tuple[str, ...], columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        *schema, name = table
        await self.raw.copy_records_to_table(
            name, records=rows, columns=columns, schema_name=schema[0] if schema else None
        )
        return len(rows)

    async def listen(self, channel: str) -> AsyncIterator[str | None]:
        # None is the end: the driver calls back when the connection is lost.
        said: asyncio.Queue[str | None] = asyncio.Queue()
        self.raw.add_termination_listener(lambda _: said.put_nowait(None))
        await self.raw.add_listener(channel, lambda *about: said.put_nowait(about[3]))
        yield None
        while (payload := await said.get()) is not None:
            yield payload

    @property
    def usable(self) -> bool:
        return not self.raw.is_closed() and not self.raw.is_in_transaction()

    @property
    def lost(self) -> bool:
        return bool(self.raw.is_closed())

    def terminate(self) -> None:
        self.raw.terminate()


class AsyncpgConnector:
    def __init__(self, dsn: str, settings: PoolSettings, application: str) -> None:
        self.name = name_of(dsn)
        found = parameters_of(dsn)
        if strange := found.keys() - _KNOWN:
            raise UsageError(f"asyncpg takes no {', '.join(sorted(strange))} in a DSN; psycopg does")
        found.setdefault("application_name", application)
        self._timeout = float(found.pop("connect_timeout", settings.connect_timeout))
        if "host" in found:
            found["host"] = ",".join(map(_bracketed, found["host"].split(",")))
        self._dsn = f"postgresql://?{urlencode({k: v for k, v in found.items() if v}, quote_via=quote)}"
        self._prepared = 0 if settings.behind_pooler else _PREPARED

    async def connect(self) -> AsyncpgConnection:
        try:
            return AsyncpgConnection(
                await asyncpg.connect(self._dsn, timeout=self._timeout, statement_cache_size=self._prepared)
            )
        except asyncpg.ClientConfigurationError as error:
            raise UsageError(f"the DSN of {self.name} cannot be used: {error}") from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            said = next(iter(str(error).splitlines()), "") or "no answer in time"
            raise DatabaseUnavailableError(f"{self.name} cannot be reached: {said}") from error


def _bracketed(host: str) -> str:
    """asyncpg takes what follows a colon for a port, unless the address is in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith(("/", "[")) else host
