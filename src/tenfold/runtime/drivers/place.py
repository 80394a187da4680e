"""Reads a DSN, in either of libpq's forms."""

from __future__ import annotations

from typing import Any

from tenfold.errors import UsageError


def parameters_of(dsn: str) -> dict[str, Any]:
    """Raises UsageError, which does not repeat the DSN: it may hold a password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not isinstance(dsn, str) or not dsn.strip():
        raise UsageError("the DSN is empty; write postgresql://user@host/database")
    try:
        parameters = dict(conninfo_to_dict(dsn))
    except ProgrammingError:
        raise UsageError("the DSN cannot be read; write postgresql://user@host/database") from None
    for port in filter(None, str(parameters.get("port", "")).split(",")):
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError("the port of the DSN is no number from 1 to 65535")
    return parameters


def name_of(dsn: str) -> str:
    """Host, port and database, as logs may show them."""
    parameters = parameters_of(dsn)
    host = parameters.get("host") or "local socket"
    return (
        f"{host}:{parameters.get('port') or 5432}/{parameters.get('dbname') or parameters.get('user') or ''}"
    )
