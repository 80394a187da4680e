"""The database as a service sees it: through the eyes of one tenant at a time.

    db = Database("postgresql://app@localhost/product")
    async with db, db.tenant(7) as session:
        rows = await session.fetch("SELECT * FROM leads WHERE team_id = $1", 7)

The tenant travels with BEGIN, in the same message: a transaction of a tenant costs the round trips of any
other. What a former user may have left on the connection (a SET, a role) is reset in that message too.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tenfold.errors import NotCommittedError, PoolTimeoutError, SessionClosedError, TenantError
from tenfold.runtime.drivers import Connection, Driver, Pool, pool_of
from tenfold.runtime.holders import Holders, calling_place
from tenfold.runtime.quote import quoted_text, setting_name
from tenfold.runtime.role_check import require_bound_role
from tenfold.runtime.session import Session, Watch
from tenfold.runtime.settings import PoolSettings
from tenfold.runtime.tenant import TenantId, tenant_id

Isolation = Literal["read committed", "repeatable read", "serializable"]

_DEFAULT = PoolSettings()
_log = logging.getLogger("tenfold.runtime")
_HERE = str(Path(__file__).parent)

# What may outlive the transaction that ran it, beyond settings and role: temporary tables, cursors WITH HOLD,
# listening, prepared statements. Anything whose first word is none of these counts.
_LEAVES_NOTHING = re.compile(r"\s*(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_INTO_TEMPORARY = re.compile(r"\binto\s+temp", re.IGNORECASE)


class Database:
    """One server, or a primary with replicas. One event loop uses it.

    Raises UsageError for arguments that cannot be; opening it raises DatabaseUnavailableError, and
    UnsafeRoleError for a role that row-level security does not bind.
    """

    def __init__(
        self,
        primary: str,
        *,
        tenant_type: type[uuid.UUID] | type[int] = int,
        setting: str = "app.tenant_id",
        pool: PoolSettings = _DEFAULT,
        driver: Driver = "asyncpg",
        application: str = "tenfold runtime",
        accept_unsafe_role: bool = False,
        watch: Watch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tenant_type = tenant_type
        self.setting = setting_name(setting)
        self.pool_settings = pool
        self._primary = pool_of(driver, primary, pool, application)
        self._accept_unsafe_role = accept_unsafe_role
        self._watch = watch
        self._holders = Holders(clock)
        self._open = False
        self._current: ContextVar[tuple[Session, object] | None] = ContextVar("session", default=None)

    # --- opening and closing -------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects, and checks the role."""
        await self._primary.open()
        self._open = True
        if not self._accept_unsafe_role:
            try:
                connection = await self._acquire(self._primary)
                try:
                    await require_bound_role(connection)
                finally:
                    await self._primary.release(connection)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Closes all connections; a second time does nothing."""
        if self._open:
            self._open = False
            await self._primary.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- sessions ------------------------------------------------------------------------------------

    def tenant(
        self, tenant: object, *, read_only: bool = False, isolation: Isolation | None = None
    ) -> _Transaction:
        """`async with` it: a transaction that sees and writes the rows of this tenant alone.

        It commits at the end of the block and rolls back where an exception leaves it. Raises
        InvalidTenantError here, and PoolTimeoutError or DatabaseUnavailableError on entry.
        """
        return _Transaction(self, tenant_id(tenant, self.tenant_type), read_only, isolation)

    def system(self, reason: str, *, read_only: bool = False) -> _Transaction:
        """A transaction of no tenant, for the few statements across tenants. The reason is logged.

        Policies show it nothing unless the role is one that they let through.
        """
        if not reason.strip():
            raise TenantError("a session of the system needs a reason; it is logged")
        _log.info("session of the system: %s", reason)
        return _Transaction(self, None, read_only, None)

    def current(self) -> Session:
        """The session that this task is in. Raises TenantError where there is none, or another task's."""
        entry = self._current.get()
        if entry is None:
            raise TenantError()
        session, task = entry
        if task is not asyncio.current_task():
            raise TenantError(
                "this task was started inside a session and has none of its own; open one in it"
            )
        return session

    # --- for transactions ----------------------------------------------------------------------------

    async def _acquire(self, pool: Pool) -> Connection:
        if not self._open:
            raise SessionClosedError(
                "the Database is not open; enter it with `async with`, or await its open()"
            )
        try:
            connection = await pool.acquire(self.pool_settings.acquire_timeout)
        except TimeoutError:
            raise PoolTimeoutError(
                f"no connection to {pool.name} came free in {self.pool_settings.acquire_timeout:g} s: "
                f"{len(self._holders)} of {self.pool_settings.max_size} are held, {self._holders.spoken()}"
            ) from None
        return connection

    def _begin(self, tenant: TenantId | None, read_only: bool, isolation: Isolation | None) -> str:
        mode = f" ISOLATION LEVEL {isolation.upper()}" if isolation else ""
        access = " READ ONLY" if read_only else ""
        whose = quoted_text("" if tenant is None else str(tenant))
        return f"RESET ROLE; RESET ALL; BEGIN{mode}{access}; SET LOCAL {self.setting} = {whose}"


class _Transaction:
    """One entry and one exit."""

    def __init__(
        self, database: Database, tenant: TenantId | None, read_only: bool, isolation: Isolation | None
    ) -> None:
        self._database, self._tenant = database, tenant
        self._read_only, self._isolation = read_only, isolation
        self._entered = False
        self._left_behind = False

    async def __aenter__(self) -> Session:
        if self._entered:
            raise SessionClosedError("a session is entered once; ask the Database for another")
        self._entered = True
        database = self._database
        self._pool = database._primary
        self._connection = await database._acquire(self._pool)
        database._holders.add(id(self), calling_place(_HERE))
        try:
            await self._connection.script(database._begin(self._tenant, self._read_only, self._isolation))
        except BaseException:
            await self._give_back()
            raise
        self._session = Session(
            self._connection, self._tenant, read_only=self._read_only, watch=self._watching
        )
        self._reset: Token[Any] = database._current.set((self._session, asyncio.current_task()))
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database._current.reset(self._reset)
        calls = self._session.end()
        done = "ROLLBACK"
        try:
            if not self._connection.lost:
                done = await self._connection.script("COMMIT" if error is None else "ROLLBACK")
        finally:
            # A task of its own, which a second cancellation does not reach, costs a fifth of the transaction.
            await (self._give_back() if error is None else asyncio.shield(self._give_back()))
        if error is None:
            if done != "COMMIT":
                raise NotCommittedError()
            for call in calls:
                answer = call()
                if inspect.isawaitable(answer):
                    await answer

    def _watching(self, session: Session, statement: str) -> None:
        if not _LEAVES_NOTHING.match(statement) or _INTO_TEMPORARY.search(statement):
            self._left_behind = True
        if self._database._watch is not None:
            self._database._watch(session, statement)

    async def _give_back(self) -> None:
        connection = self._connection
        try:
            if self._left_behind and connection.usable:
                await connection.script("DISCARD ALL")
        finally:
            self._database._holders.remove(id(self))
            await self._pool.release(connection)
