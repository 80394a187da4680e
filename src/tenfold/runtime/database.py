"""The database as a service sees it: through the eyes of one tenant at a time.

    db = Database("postgresql://app@localhost/product")
    async with db, db.tenant(7) as session:
        rows = await session.fetch("SELECT * FROM leads WHERE team_id = $1", 7)

The tenant travels with BEGIN, in the same message: a transaction of a tenant costs the round trips of any
other. What a former user may have left on the connection (a SET, a role, a temporary table, a cursor) is
reset in that message too, so that it is gone wherever a pooler sends the transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, Self

from tenfold.errors import TenantError, UsageError
from tenfold.runtime.advice import SIZE_QUERY, ServerSize, advised
from tenfold.runtime.citus import PROPAGATE, has_citus
from tenfold.runtime.drivers import Connection, Driver, connector_of
from tenfold.runtime.holders import calling_place
from tenfold.runtime.lending import Loan, abandon, lend
from tenfold.runtime.observer import Observer, together
from tenfold.runtime.quote import setting_name
from tenfold.runtime.role_check import require_bound_role
from tenfold.runtime.routing import ReplicaSettings
from tenfold.runtime.routing.servers import Servers
from tenfold.runtime.session import Session, StatementGuard
from tenfold.runtime.settings import PoolSettings
from tenfold.runtime.statement import refusals
from tenfold.runtime.statistics import DatabaseStatistics
from tenfold.runtime.tenant import TenantId, tenant_id
from tenfold.runtime.transaction import Current, Transaction

Isolation = Literal["read committed", "repeatable read", "serializable"]

_LEVELS = ("read committed", "repeatable read", "serializable")
# Resetting the session's authorization resets its role, too.
_CLEAN = "CLOSE ALL; DISCARD TEMP; UNLISTEN *; RESET SESSION AUTHORIZATION; RESET ALL; "

_POOL, _REPLICAS = PoolSettings(), ReplicaSettings()
_log = logging.getLogger("tenfold.runtime")


class Database:
    """One server, or a primary with replicas. One event loop uses it.

    Raises UsageError for arguments that cannot be; opening it raises DatabaseUnavailableError,
    UnsafeRoleError for a role that row-level security does not bind, UnsafePolicyError for policies that a
    kept plan defeats, and ReplicaError for a replica that is none.
    """

    def __init__(
        self,
        primary: str,
        *,
        replicas: Sequence[str] = (),
        tenant_type: type[uuid.UUID] | type[int] = int,
        setting: str = "app.tenant_id",
        pool: PoolSettings = _POOL,
        replication: ReplicaSettings = _REPLICAS,
        driver: Driver = "asyncpg",
        application: str = "tenfold runtime",
        accept_unsafe_role: bool = False,
        guard: StatementGuard | None = None,
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if tenant_type not in (uuid.UUID, int):
            raise UsageError("tenant_type is uuid.UUID or int")
        if isinstance(replicas, str):
            raise UsageError("replicas are a list of DSNs, even where there is one")
        self.tenant_type = tenant_type
        self.setting = setting_name(setting)
        self._refusal = refusals(self.setting)
        self._servers = Servers(
            connector_of(driver, primary, pool, application),
            [connector_of(driver, dsn, pool, application) for dsn in replicas],
            pool,
            replication,
            clock,
        )
        self._clock = clock
        self._accept_unsafe_role = accept_unsafe_role
        self._guard, self._observer = guard, together(observers)
        self._open = False
        #: Before the tenant is set, where it has to reach other servers.
        self._propagate = ""
        self._current: Current = ContextVar("session", default=None)

    # --- opening and closing -------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects, and checks the role. A second time does nothing."""
        if self._open:
            return
        try:
            await self._servers.open()
            loan = await self._loan()
            try:
                if not self._accept_unsafe_role:
                    await require_bound_role(loan.connection)
                if self._guard is not None:
                    await self._guard.learn(loan.connection)
                self._propagate = PROPAGATE if await has_citus(loan.connection) else ""
            finally:
                await abandon(loan)
        except BaseException:
            await self._servers.close()
            raise
        self._open = True

    async def close(self) -> None:
        """Closes all connections; a second time does nothing."""
        if self._open:
            self._open = False
            await self._servers.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- sessions ------------------------------------------------------------------------------------

    def tenant(
        self,
        tenant: object,
        *,
        read_only: bool = False,
        token: str | None = None,
        isolation: Isolation | None = None,
    ) -> Transaction:
        """`async with` it: a transaction that sees and writes the rows of this tenant alone.

        It commits at the end of the block and rolls back where an exception leaves it. One that is read-only
        may go to a replica, which with a `token` has all that was committed when the token was taken.

        Raises InvalidTenantError here, and PoolTimeoutError or DatabaseUnavailableError on entry.
        """
        return self._transaction(tenant_id(tenant, self.tenant_type), read_only, token, isolation)

    def system(
        self,
        reason: str,
        *,
        read_only: bool = False,
        token: str | None = None,
        isolation: Isolation | None = None,
    ) -> Transaction:
        """A transaction of no tenant, for the few statements across tenants. The reason is logged.

        Policies show it nothing unless the role is one that they let through.
        """
        if not reason.strip():
            raise TenantError("a session of the system needs a reason; it is logged")
        _log.info("session of the system: %s", reason)
        return self._transaction(None, read_only, token, isolation)

    def current(self) -> Session:
        """The session that this task is in. Raises TenantError where there is none, or another task's."""
        entry = self._current.get()
        if entry is None:
            raise TenantError()
        session, task = entry
        if task is not _this_task():
            raise TenantError(
                "this task or thread was started inside a session and has none of its own; open one in it"
            )
        return session

    def current_tenant(self) -> TenantId | None:
        """The tenant whose session this task, or the one that started it, is in; None where there is none.

        For loaders and caches, which ask in tasks of their own on behalf of a session's.
        """
        entry = self._current.get()
        return entry[0].tenant if entry is not None else None

    # --- seeing --------------------------------------------------------------------------------------

    def statistics(self) -> DatabaseStatistics:
        """What the pools hold and have counted, and where replicas stand."""
        return self._servers.statistics

    async def advice(self) -> str:
        """Whether the pool fits the server: a few lines for whoever sets its size."""
        loan = await self._loan()
        try:
            (row,) = await loan.connection.fetch(SIZE_QUERY, ())
        finally:
            await asyncio.shield(abandon(loan))
        return advised(self._servers.primary.settings, ServerSize(*(row[n] for n in range(len(row)))))

    # --- for the runtime's own work ------------------------------------------------------------------

    def recurring(self) -> Transaction:
        """As `system` gives it, for work that repeats: whoever does it logs so once, and not each time."""
        return self._transaction(None, False, None, None)

    async def connection_apart(self) -> Connection:
        """A connection to the primary beside the pool, for one who keeps it, as to listen.

        Raises DatabaseUnavailableError, and UsageError behind a pooler, where no connection is anybody's own.
        """
        if self.behind_pooler:
            raise UsageError("a pooler gives each transaction a connection, and nobody one to keep")
        return await self._servers.primary.connect_apart()

    @property
    def behind_pooler(self) -> bool:
        return self._servers.primary.settings.behind_pooler

    # --- for transactions ----------------------------------------------------------------------------

    def _transaction(
        self, tenant: TenantId | None, read_only: bool, token: str | None, isolation: Isolation | None
    ) -> Transaction:
        if token is not None and not read_only:
            raise UsageError("a token says how fresh a read is to be; give it with read_only=True")
        return Transaction(
            self._servers,
            self._current,
            tenant,
            self._begin(tenant, read_only, isolation),
            self._refusal,
            calling_place(self._clock()),
            read_only=read_only,
            token=token,
            guard=self._guard,
            observer=self._observer,
        )

    def _begin(self, tenant: TenantId | None, read_only: bool, isolation: Isolation | None) -> str:
        # An id of a tenant is digits or a UUID: nothing in it needs quoting.
        clean, mode = _CLEAN, " READ ONLY" if read_only else ""
        if isolation is not None:
            if isolation not in _LEVELS:
                raise UsageError(f"there is no isolation level {isolation!r}; use {', '.join(_LEVELS)}")
            # A level is set before any snapshot, and cleaning takes one.
            clean, mode = f"BEGIN; {_CLEAN}COMMIT; ", f" ISOLATION LEVEL {isolation.upper()}{mode}"
        known = "" if tenant is None else tenant
        return f"{clean}BEGIN{mode}; {self._propagate}SET LOCAL {self.setting} = '{known}'"

    async def _loan(self) -> Loan:
        return await lend(self._servers.primary, self._begin(None, True, None), calling_place(self._clock()))


def _this_task() -> object:
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread without an event loop
        return None
