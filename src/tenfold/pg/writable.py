"""A session that may write: what `tenfold.migrate` works with, and nobody else.

Statements of a plan arrive as text that `tenfold.model.ddl` composed; parameters are the server's own `$1`,
so that a per cent sign in a statement means itself. Every error is one of `tenfold.errors`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tenfold.errors import ConnectionLostError
from tenfold.pg.connect import connect, translate_errors
from tenfold.pg.dsn import normalise
from tenfold.pg.session import CatalogSession, Rows

APPLICATION_NAME = "tenfold apply"

#: Seconds to wait for the server to take a cancel request.
CANCEL_TIMEOUT = 5.0

# A build may be silent for hours, so a connection that a network dropped is noticed by the kernel's probes,
# within half a minute; libpq's defaults take two hours. Ignored on a Unix socket.
_KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

# DDL reads nothing of the role's search_path: a function that somebody put into a schema of that path must
# not get into our expressions (CVE-2018-1058). row_security = off turns rows that a policy would hide into an
# error. Timeouts that a role or a database was given would end a build.
_SET_UP: LiteralString = """
SELECT set_config(name, value, false)
  FROM (VALUES ('search_path', 'pg_catalog'), ('row_security', 'off'),
               ('default_transaction_isolation', 'read committed'), ('idle_session_timeout', '0'),
               ('transaction_timeout', '0'), ('idle_in_transaction_session_timeout', $1))
               AS wanted (name, value)
  JOIN pg_settings USING (name)
"""


def open_writable(source: str, package: str, *, idle_in_transaction: float) -> WritableSession:
    """Opens a session on `source` for the named queries of `package`.

    The server ends it after that many seconds idle inside a transaction, so that a client that hangs holds no
    lock for longer. Raises ConnectError and its kinds.
    """
    connection = connect(
        _kept_alive(source),
        writable=True,
        application_name=APPLICATION_NAME,
        statement_timeout=0,
        lock_timeout=0,
    )
    try:
        return WritableSession(connection, package, idle_in_transaction)
    except BaseException:
        connection.close()
        raise


class WritableSession:
    """One connection in autocommit mode. One thread at a time uses it; `cancel` is for another one."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], package: str, idle_in_transaction: float
    ) -> None:
        self._connection = connection
        self._queries = CatalogSession(connection, package)
        self.run(_SET_UP, (str(_milliseconds(idle_in_transaction)),))
        #: Of the server's process: behind a pooler the protocol's own figure may be invented.
        self.pid: int = self.value("SELECT pg_backend_pid()")

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be gone."""
        return self._connection.closed

    def named(self, query: str, /, **parameters: object) -> Rows:
        """All rows of one of the package's queries."""
        with self._noticing_loss():
            return self._queries.rows(query, parameters)

    def run(self, statement: str, parameters: Sequence[object] | None = None) -> Rows:
        """Runs one statement; its rows, where it returns some."""
        with self._noticing_loss(), translate_errors():
            cursor = psycopg.RawCursor(self._connection)
            cursor.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str) -> Any:
        """The first column of the first row; None where there is none."""
        rows = self.run(query)
        return rows[0][0] if rows else None

    def bound(self, *, lock: float, statement: float, local: bool = False) -> None:
        """How many seconds to wait for a lock, and to run; 0 is no bound. `local`: in this transaction."""
        self.run(
            "SELECT set_config('lock_timeout', $1, $3), set_config('statement_timeout', $2, $3)",
            (str(_milliseconds(lock)), str(_milliseconds(statement)), local),
        )

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commits at the end of the block. A ConnectionLostError leaves open whether it was committed."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            if not self.lost:
                self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    def cancel(self) -> None:
        """Asks the server to cancel what runs. Raises ConnectionLostError where it cannot be asked."""
        with translate_errors():
            self._connection.cancel_safe(timeout=CANCEL_TIMEOUT)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _noticing_loss(self) -> Generator[None]:
        """The server's farewell may arrive before the connection's end does; we need not wait for that."""
        try:
            yield
        except ConnectionLostError:
            self._connection.close()
            raise


def _kept_alive(source: str) -> str:
    conninfo = normalise(source)
    try:
        said = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return source  # connect says what is wrong with it
    return make_conninfo(conninfo, **{name: value for name, value in _KEEPALIVES.items() if name not in said})


def _milliseconds(seconds: float) -> int:
    """At least 1 where there is a bound: 0 would be none."""
    return max(1, round(seconds * 1000)) if seconds > 0 else 0
