"""A session on the twin's own server. It may write catalogs, and answers raw JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from tenfold.errors import TwinError
from tenfold.pg.capabilities import NEWEST, Capabilities
from tenfold.pg.sqlfile import load_queries

# SQLSTATE classes: insufficient resources, operator intervention, system error.
_NOT_OF_THE_STATEMENT = frozenset({"53", "57", "58"})

Rows = list[tuple[Any, ...]]

_CAPABILITIES = Capabilities(NEWEST * 10_000)


class _RawLoader(Loader):
    """JSON as it comes: it is decoded once, into structs."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _RawBinaryLoader(_RawLoader):
    format = pq.Format.BINARY


class TwinSession:
    """One connection in autocommit mode, for one thread at a time."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        self._connection.adapters.register_loader("json", _RawLoader)
        self._connection.adapters.register_loader("json", _RawBinaryLoader)
        # The body of a function may name tables that its own search_path finds, and not this session's.
        self._connection.execute(
            "SET search_path = pg_catalog; SET allow_system_table_mods = on; SET check_function_bodies = off"
        )
        self._cursor = psycopg.RawCursor(self._connection)

    def named(self, name: str, /, **parameters: object) -> Rows:
        """Runs one of the named queries of `sql/`."""
        try:
            cursor = self._connection.execute(_text(name), parameters or None)
        except psycopg.Error as error:
            raise TwinError(f"the twin's server refused {name}: {said(error)}") from error
        return cursor.fetchall() if cursor.description else []

    def rows(self, query: str) -> Rows:
        """Runs one query of quoted identifiers."""
        try:
            return self._connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise TwinError(f"the twin's server refused a query: {said(error)}") from error

    def script(self, statements: str) -> str | None:
        """Runs statements as one message, all or nothing. What the server said where it refused them."""
        try:
            self._connection.execute(statements.encode())
        except psycopg.Error as error:
            if gave_up(error):
                raise TwinError(f"the twin's server gave up: {said(error)}") from error
            return said(error)
        return None

    def ask(self, statement: bytes, parameters: Sequence[str | None] | None = None) -> Any:
        """The first column of the first row of one statement with `$n` parameters in text form.

        Raises psycopg.Error.
        """
        # Asking for binary makes the driver use the protocol that takes one statement at a time.
        row = self._cursor.execute(statement, parameters, binary=True).fetchone()
        return None if row is None else row[0]

    def ask_generic(self, statement: bytes) -> Any:
        """The same for `$n` without values, which only the simple protocol takes. Raises psycopg.Error.

        That protocol takes several statements in one message, so the other one has to take this one first.
        """
        prepared = self._connection.pgconn.prepare(b"", statement)
        if prepared.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(prepared)
        row = self._connection.execute(statement).fetchone()
        return None if row is None else row[0]

    def copy(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        try:
            with self._connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise TwinError(f"the twin's server refused rows of {table}: {said(error)}") from error

    def give(self, settings: Mapping[str, str]) -> str | None:
        """Settings for this session. What the server said where it refused one."""
        try:
            self._connection.execute(
                _text("set_all"), {"names": list(settings), "values": list(settings.values())}
            )
        except psycopg.Error as error:
            return said(error)
        return None

    def close(self) -> None:
        self._connection.close()


def _text(name: str) -> Any:
    return load_queries("tenfold.twin")[name].text_for(_CAPABILITIES)


def gave_up(error: psycopg.Error) -> bool:
    """Whether the server is gone or out of disk, memory or order, whatever it was asked for."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in _NOT_OF_THE_STATEMENT


def said(error: psycopg.Error) -> str:
    """The server's message in one line."""
    return error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)
