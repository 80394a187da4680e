"""One entry and one exit: a transaction of one tenant on a lent connection."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from time import perf_counter
from types import TracebackType
from typing import Any, TypeAlias

from tenfold.errors import NotCommittedError, SessionClosedError
from tenfold.runtime.drivers import Connection
from tenfold.runtime.holders import Place
from tenfold.runtime.lending import Loan, abandon, lend
from tenfold.runtime.observer import Observer
from tenfold.runtime.routing.lsn import lsn_of, to_be_replayed
from tenfold.runtime.routing.servers import Servers
from tenfold.runtime.session import Session, StatementGuard
from tenfold.runtime.tenant import TenantId

#: The session that a task is in, and the task.
Current: TypeAlias = ContextVar[tuple[Session, object] | None]

_POSITION = "SELECT pg_catalog.pg_current_wal_insert_lsn()::text"
# The position after a commit could not be had. This is no token, so reads with it go to the primary.
_PRIMARY_ONLY = "primary"


class Transaction:
    """`async with` it, once."""

    __slots__ = (
        "_begin",
        "_current",
        "_guard",
        "_loan",
        "_observer",
        "_place",
        "_refusal",
        "_reset",
        "_servers",
        "_session",
        "_tenant",
        "_token",
        "read_only",
    )

    def __init__(
        self,
        servers: Servers,
        current: Current,
        tenant: TenantId | None,
        begin: str,
        refusal: Callable[[str], str],
        place: Place,
        *,
        read_only: bool,
        token: str | None,
        guard: StatementGuard | None,
        observer: Observer | None,
    ) -> None:
        self._servers, self._current, self._tenant, self._begin = servers, current, tenant, begin
        self._place, self.read_only, self._token = place, read_only, token
        self._refusal, self._guard, self._observer = refusal, guard, observer
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        if not self._begin:
            raise SessionClosedError("a session is entered once; ask the Database for another")
        begin, self._begin = self._begin, ""
        servers, observer, asked = self._servers, self._observer, perf_counter()
        try:
            if self.read_only and servers.replicated:
                loan = await servers.lend_for_read(begin, self._place, self._token)
            else:
                loan = await lend(servers.primary, begin, self._place)
        except BaseException as error:
            if observer is not None:
                observer.missed(self._tenant, perf_counter() - asked, error)
            raise
        self._loan = loan
        session = Session(
            loan.connection,
            self._tenant,
            begin,
            self._refusal,
            read_only=self.read_only,
            guard=self._guard,
            observer=observer,
        )
        if observer is not None:
            observer.entered(session, loan.pool.name, loan.acquire, loan.begin)
        self._session = session
        self._reset: Token[Any] = self._current.set((session, asyncio.current_task()))
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is None:
            raise SessionClosedError("this session was left already")
        loan = self._loan
        try:
            if error is None:
                await session.finish()
        except BaseException:
            await self._abandon(loan, session, perf_counter())
            raise
        finally:
            # A block that is left in another context, as a fixture's may be, was not current there.
            with contextlib.suppress(ValueError):
                self._current.reset(self._reset)
            calls = session.end()
        asked = perf_counter()
        if error is not None:
            await self._abandon(loan, session, asked)
            return
        connection = loan.connection
        try:
            done = "" if connection.lost else await connection.script("COMMIT")
        except BaseException as failure:
            await self._abandon(loan, session, asked)
            if connection.lost or not isinstance(failure, Exception):
                for call, also_in_doubt in calls:
                    if also_in_doubt:
                        await _called(call)
            raise
        if self._observer is not None:
            self._observer.left(session, perf_counter() - asked, committed=done == "COMMIT")
        if done != "COMMIT":
            loan.pool.release(connection)
            raise NotCommittedError()
        try:
            if self._servers.replicated and not self.read_only:
                session.token = await self._position(connection)
        finally:
            if connection.usable:
                loan.pool.release(connection)
            else:
                await asyncio.shield(abandon(loan))
            for call, _ in calls:
                await _called(call)

    async def _abandon(self, loan: Loan, session: Session, asked: float) -> None:
        try:
            await asyncio.shield(abandon(loan))
        finally:
            if self._observer is not None:
                self._observer.left(session, perf_counter() - asked, committed=False)

    async def _position(self, connection: Connection) -> str:
        """The token of what was committed. The commit stands, whatever becomes of this."""
        try:
            (row,) = await connection.fetch(_POSITION, ())
        except Exception:  # noqa: BLE001 - nothing that a driver says here undoes the commit
            return _PRIMARY_ONLY
        return self._servers.token(to_be_replayed(lsn_of(row[0])))


async def _called(call: Callable[[], Any]) -> None:
    answer = call()
    if inspect.isawaitable(answer):
        await answer
