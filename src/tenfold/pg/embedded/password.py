"""The superuser's password on TCP, in a file that only we may read."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tenfold.pg.embedded.cluster import SUPERUSER

if TYPE_CHECKING:
    from pathlib import Path


def set_password(file: Path, dsn: str, *, wanted: bool) -> None:
    """Any local user can reach a TCP port. What is sent is the hash: the server can log no password."""
    import psycopg
    from psycopg import sql

    if not wanted:
        file.unlink(missing_ok=True)
        return
    if not (file.exists() and file.read_text()):
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    with psycopg.connect(dsn, autocommit=True) as connection:
        hashed = connection.pgconn.encrypt_password(
            file.read_text().encode(), SUPERUSER.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(SUPERUSER), sql.Literal(hashed.decode())
            )
        )
