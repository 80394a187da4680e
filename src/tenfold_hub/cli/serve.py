"""Serving: on a database that is there, or on an embedded one that is made for a first look."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import click

from tenfold.errors import UsageError
from tenfold_hub.settings import PREFIX, Settings


def serve(
    database: str | None, replicas: tuple[str, ...], redis: str, host: str, port: int, workers: int
) -> None:
    """Blocks until it is interrupted. Raises UsageError for a port that is taken."""
    _require_free(host, port)
    with contextlib.ExitStack() as stack:
        if database is None:
            settings = stack.enter_context(_embedded(redis))
        else:
            secret = os.environ.get(f"{PREFIX}SECRET", "")
            settings = Settings(database=database, replicas=replicas, redis=redis, secret=secret)
        click.echo(f"http://{host}:{port}/docs shows the API; Ctrl-C stops it", err=True)
        _run(settings, host, port, workers)


def _run(settings: Settings, host: str, port: int, workers: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    os.environ |= settings.environment()
    Granian(
        "tenfold_hub.serving:application",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=workers,
        log_enabled=True,
        log_level=LogLevels.warning,
    ).serve()


@contextlib.contextmanager
def _embedded(redis: str) -> Iterator[Settings]:
    from platformdirs import user_data_path
    from psycopg.conninfo import make_conninfo

    from tenfold.pg.embedded import EmbeddedServer
    from tenfold_hub.migrate import migrate
    from tenfold_hub.roles import ROLES, create_roles

    folder = user_data_path("tenfold") / "hub"
    with EmbeddedServer.open(folder / "server").start() as server:
        create_roles(server.dsn())
        migrate(make_conninfo(server.dsn(), user=ROLES.owner))
        settings = Settings(
            database=make_conninfo(server.dsn(), user=ROLES.application),
            redis=redis,
            secret=_kept_secret(folder / "secret"),
        )
        click.echo(f"PostgreSQL {server.major} runs in {server.folder}", err=True)
        key = asyncio.run(_first_key(settings, server.dsn()))
        if key is not None:
            click.echo("A key of the demonstration organization, shown this once:", err=True)
            click.echo(key)
        yield settings


async def _first_key(settings: Settings, owner: str) -> str | None:
    """None where the demonstration organization is there already."""
    from tenfold_hub.identity import keys
    from tenfold_hub.identity.organizations import create_organization
    from tenfold_hub.serving import database

    organization = create_organization(owner, "demo", "Demonstration")
    if organization is None:
        return None
    async with database(settings) as db, db.tenant(organization) as session:
        return await keys.create(session, "first", ["*"])


def _kept_secret(file: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        secret = secrets.token_hex(32)
        opened.write(secret)
    return secret


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(f"{host}:{port} cannot be listened on ({error.strerror}); give --port") from None
