"""Connects to a server under care, and translates what the driver says into `tenfold.errors`.

Every session is read-only with timeouts unless it is opened as writable, which only `migrate` does.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import errors as pg_errors
from psycopg import sql

from tenfold.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    LockTimeoutError,
    NotPostgresError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
    TenfoldError,
)
from tenfold.pg.capabilities import Capabilities

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

#: How the toolkit's sessions name themselves.
APPLICATION_NAME = "tenfold"

#: Seconds to wait for a server to answer, for a statement, for a lock, and idle inside a transaction.
CONNECT_TIMEOUT = 10
STATEMENT_TIMEOUT = 60.0
LOCK_TIMEOUT = 2.0
IDLE_TIMEOUT = 60.0

_NOT_POSTGRES = re.compile(
    r"invalid response to SSL negotiation|expected authentication request|unsupported frontend protocol"
    r"|invalid (?:response|message) (?:length|type)|received invalid",
    re.IGNORECASE,
)
_AUTHENTICATION = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|role \"[^\"]*\" (?:does not exist|is not)",
    re.IGNORECASE,
)


def connect(
    source: str = "",
    *,
    writable: bool = False,
    application_name: str = APPLICATION_NAME,
    statement_timeout: float = STATEMENT_TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Connection:
    """Opens an autocommit session.

    `source` is a URI, a key=value string or `service=...`; what it leaves out comes from the PG* environment,
    so '' connects as psql does. Timeouts are in seconds, 0 is none. Raises ConnectError and its kinds.
    """
    conninfo = normalise(source)
    try:
        connection = psycopg.connect(
            conninfo,
            autocommit=True,
            application_name=application_name,
            connect_timeout=CONNECT_TIMEOUT,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise _connect_error(error) from error
    try:
        Capabilities(_version(connection))
        with translate_errors():
            _set_up(connection, writable, statement_timeout, lock_timeout)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def read_transaction(
    connection: Connection,
    *,
    statement_timeout: float = STATEMENT_TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Generator[None]:
    """One consistent, read-only view of the catalog, in which every name is written with its schema.

    Settings are LOCAL, so that nothing is left behind on a pooler's server connection.
    """
    with translate_errors():
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            connection.execute(
                "SELECT set_config('search_path', 'pg_catalog', true),"
                " set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),"
                " set_config('idle_in_transaction_session_timeout', %s, true),"
                " set_config('datestyle', 'ISO, YMD', true), set_config('timezone', 'UTC', true),"
                " set_config('extra_float_digits', '1', true)",
                (_milliseconds(statement_timeout), _milliseconds(lock_timeout), _milliseconds(IDLE_TIMEOUT)),
            )
            yield
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")


@contextmanager
def translate_errors() -> Generator[None]:
    """Raises the driver's errors as ours, the cause kept. The one place that knows both."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def translated(error: psycopg.Error) -> TenfoldError:
    """Our error for one of the driver's. No DETAIL is passed on: it may quote a row."""
    said = (error.diag.message_primary or str(error)).strip().splitlines()
    what = said[0] if said else type(error).__name__
    match error:
        case pg_errors.AdminShutdown() | pg_errors.CrashShutdown() | pg_errors.CannotConnectNow():
            return ConnectionLostError(f"the server ended the session ({what}); run the command again")
        case pg_errors.IdleInTransactionSessionTimeout() | pg_errors.IdleSessionTimeout():
            return ConnectionLostError(f"the server ended the session ({what}); run the command again")
        case pg_errors.QueryCanceled():
            return StatementTimeoutError()
        case pg_errors.LockNotAvailable():
            return LockTimeoutError()
        case pg_errors.DeadlockDetected() | pg_errors.SerializationFailure():
            return LockTimeoutError(f"another session was in the way ({what})")
        case pg_errors.InsufficientPrivilege():
            return PrivilegeError(f"{what}; grant the right, or connect as another role")
        case psycopg.OperationalError() if error.sqlstate is None or error.sqlstate.startswith("08"):
            return ConnectionLostError(f"the connection was lost ({what}); run the command again")
        case _:
            return StatementError(f"the server refused a statement: {what}")


def normalise(source: str) -> str:
    """The source as libpq takes it: a SQLAlchemy driver suffix such as `+asyncpg` is dropped."""
    return re.sub(r"^postgres(?:ql)?\+\w+://", "postgresql://", source.strip())


def capabilities(connection: Connection) -> Capabilities:
    return Capabilities(_version(connection))


def execute_script(connection: Connection, script: str) -> None:
    """Runs a file of statements, such as a schema, as it is."""
    with translate_errors():
        connection.execute(script.encode())


def _version(connection: Connection) -> int:
    # Through a pooler the protocol's parameter may be the pooler's own; only 0 means that there was none.
    number = connection.info.server_version
    if not number:
        raise NotPostgresError()
    return number


def _set_up(connection: Connection, writable: bool, statement_timeout: float, lock_timeout: float) -> None:
    connection.execute(
        "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
        " set_config('idle_in_transaction_session_timeout', %s, false)",
        (_milliseconds(statement_timeout), _milliseconds(lock_timeout), _milliseconds(IDLE_TIMEOUT)),
    )
    if not writable:
        connection.execute(sql.SQL("SET default_transaction_read_only = on"))


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _connect_error(error: psycopg.Error) -> ConnectError:
    # libpq gives one line a host that it tried, and repeats itself; the last says what ended it.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "FATAL" in line), lines[0] if lines else type(error).__name__)
    said = re.sub(r"^.*?(?:FATAL:\s+|failed: (?=\S))", "", said)
    where = re.search(
        r'connection to server (?:at|on socket) "[^"]*"(?: \([^)]*\))?(?:, port \d+)?', str(error)
    )
    place = f" ({where.group(0).removeprefix('connection to ')})" if where else ""
    if _NOT_POSTGRES.search(str(error)):
        return NotPostgresError(
            f"what answers{place or ' there'} does not speak the PostgreSQL protocol; check host and port"
        )
    if _AUTHENTICATION.search(str(error)):
        return AuthenticationError(f"{said}{place}; check the DSN, PGUSER, PGPASSWORD or ~/.pgpass")
    if isinstance(error, psycopg.ProgrammingError):
        return ConnectError(f"the source is not a DSN: {said}; give postgresql://..., service=... or a file")
    if re.search(r'database "[^"]*" does not exist', said):
        return ConnectError(f"{said}{place}; list them with: psql -l")
    return ConnectError(f"cannot connect: {said}{place}; check host, port and that the server runs")
