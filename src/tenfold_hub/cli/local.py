"""The embedded server of this user's own hub: made at the first use, and kept."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tenfold_hub.settings import Settings

#: The organization of a first look.
DEMO, DEMO_NAME, DEMO_PERSONS = "demo", "Demonstration", 300


class Local(msgspec.Struct, frozen=True):
    """A hub's database on an embedded server that runs."""

    #: Of the superuser.
    owner: str
    folder: Path
    major: int
    secret: str

    def settings(self, redis: str = "") -> Settings:
        from psycopg.conninfo import make_conninfo

        from tenfold_hub.roles import ROLES

        return Settings(
            database=make_conninfo(self.owner, user=ROLES.application),
            redis=redis,
            secret=self.secret,
            dispatcher=make_conninfo(self.owner, user=ROLES.dispatcher),
            maintenance=make_conninfo(self.owner, user=ROLES.maintenance),
        )


@contextlib.contextmanager
def local() -> Iterator[Local]:
    """Runs it, with roles, migrated; it ends with the last process that runs it, and its data stays."""
    from platformdirs import user_data_path

    from tenfold.pg.embedded import EmbeddedServer
    from tenfold_hub.migrate import migrate
    from tenfold_hub.roles import create_roles

    folder = user_data_path("tenfold") / "hub"
    with EmbeddedServer.open(folder / "server").start() as server:
        create_roles(server.dsn())
        migrate(server.dsn())
        yield Local(server.dsn(), folder, server.major, kept_secret(folder / "secret"))


@contextlib.contextmanager
def named_or_local(database: str | None) -> Iterator[str]:
    """The DSN that was named, or the superuser's of the embedded server."""
    if database is not None:
        yield database
        return
    with local() as hub:
        yield hub.owner


def kept_secret(file: Path) -> str:
    """Of the file, which is made where it is missing, whole or not at all, and for this user alone."""
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):  # another process was first, and its secret is the one
        os.link(unfinished, file)
    unfinished.unlink()
    return file.read_text().strip()
