"""Serving: on a database that is there, or on an embedded one that is made for a first look."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import click
import msgspec

from tenfold_hub.cli.beside import working
from tenfold_hub.cli.local import DEMO, DEMO_NAME, DEMO_PERSONS, Local, local
from tenfold_hub.cli.ready import require_free, require_ready
from tenfold_hub.settings import PREFIX, Settings

#: Seconds that the processes which answer have to end what they are at.
_PATIENCE = 30
_STDERR = {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
#: Of all processes, added to what Granian says of its own loggers.
_LOGGING = {
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": _STDERR, "access": _STDERR},
    "root": {"handlers": ["console"], "level": "WARNING"},
}


def serve(
    database: str | None,
    replicas: tuple[str, ...],
    redis: str,
    host: str,
    port: int,
    workers: int,
    only: str = "",
    identity: str = "",
) -> None:
    """Blocks until it is interrupted. Raises TenfoldError for what would not work, before it listens."""
    require_free(host, port)
    with _settings(database, redis) as settings:
        settings = msgspec.structs.replace(
            settings, replicas=replicas, workers=workers, only=only, identity=identity
        )
        require_ready(settings)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{port}/docs shows the API; Ctrl-C stops it", err=True)
        with working(settings):
            _run(settings, host, port)


@contextlib.contextmanager
def _settings(database: str | None, redis: str) -> Iterator[Settings]:
    if database is not None:
        told = {f"{PREFIX}DATABASE": database, f"{PREFIX}REDIS": redis}
        yield Settings.from_environment(os.environ | told)
        return
    with local() as hub:
        click.echo(f"PostgreSQL {hub.major} runs in {hub.folder / 'server'}", err=True)
        _show_demo(hub)
        # What has no option here is in the environment.
        told = hub.settings(redis).environment()
        yield Settings.from_environment(os.environ | {name: value for name, value in told.items() if value})


def _show_demo(hub: Local) -> None:
    """Makes the demonstration organization, once."""
    import psycopg

    from tenfold_hub.cli.access import create_key
    from tenfold_hub.kit.ids import new_id
    from tenfold_hub.seeding.loading import Organization, make

    demo = Organization(new_id().hex, DEMO, DEMO_NAME, DEMO_PERSONS, DEMO)
    with psycopg.connect(hub.owner) as connection:
        new = make(connection, demo, int(time.time() * 1000))
    if new:
        key = create_key(hub.owner, DEMO, "first", ["*"])
        click.echo(f"The organization {DEMO} has {DEMO_PERSONS} people. Its key, shown this once:", err=True)
        click.echo(key)
    else:
        click.echo(
            f"The organization {DEMO} is there; another key: tenfold hub key --organization {DEMO}", err=True
        )


def _run(settings: Settings, host: str, port: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    os.environ |= settings.environment()
    Granian(
        "tenfold_hub.worker:application",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=settings.workers,
        workers_kill_timeout=_PATIENCE,
        log_enabled=True,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
    ).serve()
