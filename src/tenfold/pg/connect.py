"""Connects to a server under care, and translates what the driver says into `tenfold.errors`.

Every session is read-only unless it is opened as writable, which only `migrate` does. A reader sets nothing
for the session, only for its transactions: behind a pooler the session's connection is the application's too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import errors as pg_errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from tenfold.errors import (
    AuthenticationError,
    CatalogChangedError,
    ConnectError,
    ConnectionLostError,
    LockTimeoutError,
    NotPostgresError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
    TenfoldError,
    UsageError,
)
from tenfold.model.ddl import identifier
from tenfold.pg.capabilities import Capabilities
from tenfold.pg.dsn import check, normalise
from tenfold.pg.pooler import is_shared

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
    r"|role \".*\" (?:does not exist|is not)",
    re.IGNORECASE,
)
# How driver and libpq begin a failure: which server it was, then what happened.
_PLACE = re.compile(
    r"^(?:- host: .*?: )?(?:connection (?:failed|is bad): )?"
    r"(?:connection to (server (?:at|on socket) \"[^\"]*\"(?: \([^)]*\))?(?:, port \d+)?) failed: )?"
)


def connect(
    source: str = "",
    *,
    writable: bool = False,
    application_name: str = APPLICATION_NAME,
    statement_timeout: float = STATEMENT_TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Connection:
    """Opens a session: a reader, or one that may write.

    `source` is a URI, a key=value string or `service=...`; what it leaves out comes from the PG* environment,
    so '' connects as psql does. A reader works inside `read_transaction`, which bounds its statements; the
    driver begins its transactions as READ ONLY in any case. A writable session is in autocommit mode, and
    these are its timeouts in seconds, 0 being none. Raises SourceError, ConnectError and its kinds, and
    UsageError where a pooler would leave a writable session's settings to others.
    """
    connection = _open(source, application_name)
    try:
        Capabilities(_version(connection))
        if writable:
            _set_up(connection, source, application_name, statement_timeout, lock_timeout)
        else:
            connection.autocommit = False
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
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
        if connection.autocommit:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            connection.rollback()  # ends what an earlier question began; the next one begins anew
        try:
            connection.execute(
                "SELECT set_config('search_path', 'pg_catalog', true),"
                " set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),"
                " set_config('idle_in_transaction_session_timeout', %s, true),"
                " set_config('datestyle', 'ISO, YMD', true), set_config('timezone', 'UTC', true),"
                " set_config('extra_float_digits', '1', true) /* tenfold */",
                (_milliseconds(statement_timeout), _milliseconds(lock_timeout), _milliseconds(IDLE_TIMEOUT)),
            )
            yield
        finally:
            if not connection.closed:
                connection.rollback()


@contextmanager
def translate_errors() -> Generator[None]:
    """Raises the driver's errors as ours, the cause kept. The one place that knows both."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def translated(error: psycopg.Error) -> TenfoldError:
    """Our error for one of the driver's, without what may be of a row: DETAIL, and values in the message."""
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
        case pg_errors.InternalError_() if re.match(
            r"cache lookup failed|could not open relation with OID", what
        ):
            # The server reads definitions past our snapshot: a table that it shows may be gone by now.
            return CatalogChangedError()
        case pg_errors.DataError():
            what = re.sub(r'(parameter )?"[^"]*"', lambda found: found[0] if found[1] else '"..."', what)
            return StatementError(f"the server refused a statement: {what}")
        case pg_errors.RaiseException() | pg_errors.AssertFailure():
            # The message is the application's own, and commonly names the row.
            where = next(iter((error.diag.context or "").splitlines()), "a function")
            return StatementError(f"code of the database's own refused a statement: {where}")
        case _:
            return StatementError(f"the server refused a statement: {what}")


def capabilities(connection: Connection) -> Capabilities:
    return Capabilities(_version(connection))


def execute_script(connection: Connection, script: str) -> None:
    """Runs a file of statements, such as a schema, as it is."""
    with translate_errors():
        connection.execute(script.encode())


def _open(source: str, application_name: str, encoding: str = "utf8") -> Connection:
    conninfo = normalise(source)
    said = check(conninfo)
    told = "connect_timeout" in said or "PGCONNECT_TIMEOUT" in os.environ
    try:
        connection = psycopg.connect(
            conninfo,
            autocommit=True,
            application_name=application_name,
            client_encoding=encoding,
            prepare_threshold=None,
            connect_timeout=None if told else CONNECT_TIMEOUT,
        )
    except psycopg.Error as error:
        raise _connect_error(error, said) from error
    except UnicodeError as error:
        raise ConnectError("cannot connect: the host's name is none; check host and port") from error
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        # Names and statistics may hold bytes of any encoding there, which the server would not convert.
        if encoding == "utf8":
            connection.close()
            return _open(source, application_name, encoding="sql_ascii")
        for name in ("text", "varchar", "bpchar", "name"):
            connection.adapters.register_loader(name, _AnyBytesLoader)
    return connection


class _AnyBytesLoader(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode(errors="replace")


def _version(connection: Connection) -> int:
    # Through a pooler the protocol's parameter may be the pooler's own; only 0 means that there was none.
    number = connection.info.server_version
    if not number:
        raise NotPostgresError()
    return number


def _set_up(
    connection: Connection, source: str, application_name: str, statement_timeout: float, lock_timeout: float
) -> None:
    with translate_errors():
        if is_shared(connection, lambda: _open(source, application_name)):
            raise UsageError(
                "a pooler stands before the server and shares its connections; connect to the server itself"
            )
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false) /* tenfold */",
            (_milliseconds(statement_timeout), _milliseconds(lock_timeout), _milliseconds(IDLE_TIMEOUT)),
        )


def _milliseconds(seconds: float) -> str:
    """At least 1 where there is a bound: 0 would be none."""
    return str(max(1, round(seconds * 1000)) if seconds > 0 else 0)


def _connect_error(error: psycopg.Error, dsn: dict[str, str]) -> ConnectError:
    # One line a host that was tried, some repeated; where a server answered, its answer tells most.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    line = next((line for line in lines if "FATAL:" in line), lines[0])
    start = _PLACE.match(line)
    place = start.group(1) if start else None
    if place is None and isinstance(error, pg_errors.ConnectionTimeout) and "host" in dsn:
        place = f'server at "{dsn["host"]}"'
    said = re.sub(r"\[Errno -?\d+\] ", "", line[start.end() :] if start else line)
    where = f" ({place})" if place else ""
    if _NOT_POSTGRES.search(str(error)):
        return NotPostgresError(
            f"what answers{where or ' there'} does not speak the PostgreSQL protocol; check host and port"
        )
    answer = said.removeprefix("FATAL:").strip()
    if _AUTHENTICATION.search(answer):
        return AuthenticationError(f"{answer}{where}; check the DSN, PGUSER, PGPASSWORD or ~/.pgpass")
    if closed := re.search(r'permission denied for database "(.*)"', answer):
        user = dsn.get("user") or os.environ.get("PGUSER")
        database, role = identifier(closed.group(1)), identifier(user) if user else "ROLE"
        return AuthenticationError(
            f"{answer}{where}; let the role in with: GRANT CONNECT ON DATABASE {database} TO {role}"
        )
    if re.search(r'database ".*" does not exist', answer):
        return ConnectError(f"{answer}{where}; list them with: psql -l")
    if answer != said:
        return ConnectError(f"the server refused the connection: {answer}{where}")
    if re.search(r"service \"|service file", said):
        return ConnectError(f"{said}; check ~/.pg_service.conf or PGSERVICEFILE")
    if "SSL" in said or "ssl" in said:
        return ConnectError(f"cannot connect: {said}{where}; check sslmode and certificates")
    return ConnectError(f"cannot connect: {said}{where}; check host and port, and that PostgreSQL runs there")
