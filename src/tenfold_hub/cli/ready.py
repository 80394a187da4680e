"""What must be so before a hub serves: asked once, by the process that starts the others.

A worker that fails says so in its own way, and again for each try; here each fault is one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg

from tenfold.errors import ConnectError, UnsafeRoleError, UsageError
from tenfold_hub.migrate import require_head, translated
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import Settings

_SECONDS = 5
# Whoever owns a table takes its policies away, though they bind it as long as they are there.
_OWNS = """
SELECT current_user, pg_catalog.pg_has_role(c.relowner, 'MEMBER')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'identity' AND c.relname = 'organizations'
"""


def require_ready(settings: Settings) -> str:
    """The revision of the database. Raises TenfoldError for the first thing that is not as it must be."""
    revision = require_database(settings)
    for name, dsn in (("dispatcher", settings.dispatcher), ("maintenance", settings.maintenance)):
        if dsn:
            with _of(f"the {name}'s"), translated(), psycopg.connect(dsn, connect_timeout=_SECONDS):
                pass
    require_redis(settings.redis)
    return revision


def require_database(settings: Settings) -> str:
    with (
        _of("the hub's"),
        translated(),
        psycopg.connect(settings.database, connect_timeout=_SECONDS) as connection,
    ):
        revision = require_head(connection)
        _require_no_owner(connection)
    try:
        asyncio.run(_open(settings))
    except UnsafeRoleError as error:
        raise UsageError(f"{error.message.partition(';')[0]}; serve as {ROLES.application}") from error
    return revision


def _require_no_owner(connection: psycopg.Connection[Any]) -> None:
    user, owns = connection.execute(_OWNS).fetchone() or ("", False)
    superuser = connection.info.parameter_status("is_superuser") == "on"
    if owns and not superuser:  # of a superuser, what follows says it better
        raise UsageError(
            f"the role {user} owns the hub's tables; serve as {ROLES.application}, which owns none"
        )


def require_redis(url: str) -> None:
    if not url:
        return
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS) as client:
            client.ping()
    except ValueError as error:
        raise UsageError(f"--redis: {error}") from None
    except redis.RedisError as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise ConnectError(f"Redis cannot be used: {said}; check --redis, or leave it out") from error


def require_free(host: str, port: int) -> None:
    """Raises UsageError for an address that is taken, or is not this machine's."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(f"{host}:{port} cannot be listened on ({why}); give --port or --host") from None


async def _open(settings: Settings) -> None:
    from tenfold_hub.serving import database

    async with database(settings):
        pass


@contextlib.contextmanager
def _of(whose: str) -> Iterator[None]:
    try:
        yield
    except ConnectError as error:
        raise type(error)(f"{whose} server: {error.message}") from error
