"""A transaction of one tenant, or, recorded, of none in particular."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Protocol, TypeVar

from tenfold.errors import SessionClosedError, UsageError
from tenfold.runtime.drivers import Connection, Row
from tenfold.runtime.observer import Observer
from tenfold.runtime.quote import quoted_name
from tenfold.runtime.tenant import TenantId

T = TypeVar("T")

# The server refuses a plan that this connection kept from before a table was altered. The driver drops it
# then, and where nothing else was done yet, the transaction begins anew.
_OUTDATED = "0A000"


class AtEnd(Protocol):
    """What is called before a commit, with what was gathered for it."""

    async def __call__(self, session: Session, items: list[Any], /) -> None: ...


class StatementGuard(Protocol):
    """Looks at statements before they are sent."""

    async def learn(self, connection: Connection) -> None:
        """Called once, when a Database opens, in a transaction that only reads."""
        ...

    def check(self, session: Session, statement: str, parameters: Sequence[object]) -> None:
        """Refuses the statement by raising."""
        ...


class Session:
    """What `async with db.tenant(id) as session` gives. It ends with the block.

    Statements take their parameters as `$1, $2, ...`. One task uses it at a time. Errors of the server are
    the driver's own; SessionClosedError is raised once the block has been left.
    """

    __slots__ = (
        "_after_commit",
        "_before_commit",
        "_begin",
        "_connection",
        "_guard",
        "_observer",
        "_refusal",
        "_savepoints",
        "_untouched",
        "read_only",
        "tenant",
        "token",
    )

    def __init__(
        self,
        connection: Connection,
        tenant: TenantId | None,
        begin: str,
        refusal: Callable[[str], str],
        *,
        read_only: bool,
        guard: StatementGuard | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._connection: Connection | None = connection
        #: None in a session of the system.
        self.tenant = tenant
        self.read_only = read_only
        #: Where the log of the server stood after the commit, for reads that are to see it; see `routing`.
        self.token: str | None = None
        self._refusal, self._guard, self._observer = refusal, guard, observer
        #: What began the transaction, and whether that is all that was done in it.
        self._begin, self._untouched = begin, True
        self._savepoints = 0
        self._after_commit: list[tuple[Callable[[], Any], bool]] = []
        self._before_commit: list[tuple[AtEnd, object]] = []

    async def fetch(self, statement: str, *parameters: object) -> Sequence[Row]:
        """All rows."""
        connection = self._asking(statement, parameters)
        return await self._answer(connection.fetch, statement, parameters)

    async def fetch_row(self, statement: str, *parameters: object) -> Row | None:
        """The first row; None where there is none."""
        rows = await self.fetch(statement, *parameters)
        return rows[0] if rows else None

    async def fetch_value(self, statement: str, *parameters: object) -> Any:
        """The first column of the first row; None where there is none."""
        rows = await self.fetch(statement, *parameters)
        return rows[0][0] if rows else None

    async def execute(self, statement: str, *parameters: object) -> int:
        """The number of rows that the statement touched."""
        connection = self._asking(statement, parameters)
        return await self._answer(connection.execute, statement, parameters)

    async def copy_records(
        self, table: tuple[str, ...], columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Sends the rows by COPY into the table, named by its parts; the number of rows written.

        The server refuses COPY into a table whose row-level security binds the role.
        """
        connection = self._open

        async def copy(_statement: str, _parameters: Sequence[object]) -> int:
            return await connection.copy_records(table, columns, rows)

        return await self._answer(copy, f"COPY {quoted_name(*table)} FROM STDIN", ())

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """What fails in the block is taken back, and the transaction goes on. The tenant stays what it is."""
        connection = self.connection
        self._savepoints += 1
        name = f"tenfold_{self._savepoints}"
        waiting, gathered = len(self._after_commit), len(self._before_commit)
        await connection.script(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            del self._after_commit[waiting:], self._before_commit[gathered:]
            if not connection.lost:
                await connection.script(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        await connection.script(f"RELEASE SAVEPOINT {name}")

    def before_commit(self, call: AtEnd, item: object) -> None:
        """Has `call(session, items)` awaited once, at the end of the transaction, with all items given to it.

        For what many parts of a transaction write, each a little: a log, events. It is one statement then,
        and held locks are short. What a savepoint takes back is not among the items; what the call raises
        ends the transaction.
        """
        self._before_commit.append((call, item))

    def after_commit(self, call: Callable[[], Any], *, also_in_doubt: bool = False) -> None:
        """Has `call` called, and awaited where it returns an awaitable, once the transaction is committed.

        For what must follow a write and never precede it. A commit is in doubt where the connection broke, or
        the task was cancelled, before the answer came: what empties a cache wants to be called then, too.
        """
        self._after_commit.append((call, also_in_doubt))

    @property
    def connection(self) -> Connection:
        """The connection itself, for what a driver offers beyond the Protocol. Raises SessionClosedError."""
        self._untouched = False
        return self._open

    # --- for the database ----------------------------------------------------------------------------

    async def finish(self) -> None:
        """Makes the calls that come before the commit."""
        while self._before_commit:
            gathered: dict[AtEnd, list[Any]] = {}
            for call, item in self._before_commit:
                gathered.setdefault(call, []).append(item)
            self._before_commit = []
            for call, items in gathered.items():
                await call(self, items)

    def end(self) -> list[tuple[Callable[[], Any], bool]]:
        """No statement passes from here on; what is to be called after the commit."""
        self._connection = None
        return self._after_commit

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise SessionClosedError()
        return self._connection

    def _asking(self, statement: str, parameters: Sequence[object]) -> Connection:
        connection = self._connection
        if connection is None:
            raise SessionClosedError()
        if why := self._refusal(statement):
            raise UsageError(why)
        if self._guard is not None:
            self._guard.check(self, statement, parameters)
        return connection

    async def _answer(
        self,
        ask: Callable[[str, Sequence[object]], Awaitable[T]],
        statement: str,
        parameters: Sequence[object],
    ) -> T:
        untouched, self._untouched = self._untouched, False
        observer, asked = self._observer, perf_counter()
        try:
            try:
                answer = await ask(statement, parameters)
            except Exception as error:
                if not untouched or getattr(error, "sqlstate", "") != _OUTDATED:
                    raise
                await self._open.script(f"ROLLBACK; {self._begin}")
                answer = await ask(statement, parameters)
        except BaseException as error:
            if observer is not None:
                observer.asked(self, statement, perf_counter() - asked, error)
            raise
        if observer is not None:
            observer.asked(self, statement, perf_counter() - asked, None)
        return answer
