"""One entry and one exit: a transaction of one tenant on a lent connection."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeAlias

from tenfold.errors import NotCommittedError, SessionClosedError
from tenfold.runtime.drivers import Connection
from tenfold.runtime.holders import Place
from tenfold.runtime.lending import abandon, lend
from tenfold.runtime.routing.lsn import lsn_of, to_be_replayed
from tenfold.runtime.routing.servers import Servers
from tenfold.runtime.session import Session, Watch
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
        "_loan",
        "_place",
        "_reset",
        "_servers",
        "_session",
        "_tenant",
        "_token",
        "_watch",
        "read_only",
    )

    def __init__(
        self,
        servers: Servers,
        current: Current,
        tenant: TenantId | None,
        begin: str,
        place: Place,
        *,
        read_only: bool,
        token: str | None,
        watch: Watch | None,
    ) -> None:
        self._servers, self._current, self._tenant, self._begin = servers, current, tenant, begin
        self._place, self.read_only, self._token, self._watch = place, read_only, token, watch
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        if not self._begin:
            raise SessionClosedError("a session is entered once; ask the Database for another")
        begin, self._begin = self._begin, ""
        servers = self._servers
        if self.read_only and servers.replicated:
            self._loan = await servers.lend_for_read(begin, self._place, self._token)
        else:
            self._loan = await lend(servers.primary, begin, self._place)
        session = Session(self._loan.connection, self._tenant, read_only=self.read_only, watch=self._watch)
        self._session = session
        self._reset: Token[Any] = self._current.set((session, asyncio.current_task()))
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is None:
            raise SessionClosedError("this session was left already")
        # A block that is left in another context, as a fixture's may be, was not current there.
        with contextlib.suppress(ValueError):
            self._current.reset(self._reset)
        calls = session.end()
        loan = self._loan
        if error is not None:
            await asyncio.shield(abandon(loan))
            return
        connection = loan.connection
        try:
            done = "" if connection.lost else await connection.script("COMMIT")
        except BaseException as failure:
            await asyncio.shield(abandon(loan))
            if connection.lost or not isinstance(failure, Exception):
                for call, also_in_doubt in calls:
                    if also_in_doubt:
                        await _called(call)
            raise
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
