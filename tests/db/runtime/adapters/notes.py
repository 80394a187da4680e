"""What the applications of the tests do, whatever the framework."""

from __future__ import annotations

from typing import Any

from tenfold.errors import SessionClosedError
from tenfold.runtime import Session

COOKIE = "read_token"
#: Sessions that were used after they ended, by the message of the error.
refused: list[str] = []


async def resolve(scope: Any) -> str | None:
    """Stands for a login: these tests have the tenant in a header."""
    found = dict(scope["headers"]).get(b"x-login")
    return found.decode() if found is not None else None


async def teams(session: Session) -> list[list[object]]:
    rows = await session.fetch("SELECT DISTINCT team_id, pg_is_in_recovery() FROM notes")
    return [list(row) for row in rows]


async def add_note(session: Session, body: str) -> int:
    return await session.execute(
        "INSERT INTO notes SELECT (SELECT max(id) FROM notes) + 100 + $1, $1, $2", session.tenant, body
    )


async def after_the_response(session: Session) -> None:
    try:
        await session.fetch("SELECT 1")
    except SessionClosedError as error:
        refused.append(str(error))
