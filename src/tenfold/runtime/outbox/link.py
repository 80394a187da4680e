"""How an outbox hears that there is work, and what the errors on its way mean."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from tenfold.errors import DatabaseUnavailableError, OutboxError, PoolTimeoutError
from tenfold.runtime.database import Database

#: Seconds between two tries to listen: the first, and the longest.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_log = logging.getLogger("tenfold.runtime")


class Heard(Protocol):
    def __call__(self, said: str) -> None: ...


async def listen(db: Database, channel: str, heard: Heard, connected: Callable[[bool], None]) -> None:
    """Calls `heard` for each notification, for ever; connects again where the connection is lost."""
    pause = _PAUSE
    while True:
        connection = None
        try:
            connection = await db.connection_apart()
            async for said in connection.listen(channel):
                if said is None:
                    pause = _PAUSE
                    connected(True)
                else:
                    heard(said)
        except Exception as error:
            if not passing(error):
                raise
            _log.info("the outbox does not hear notifications now, and polls: %s", type(error).__name__)
        finally:
            connected(False)
            if connection is not None:
                connection.terminate()
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE)


# Classes of SQLSTATE that pass: connection, rolled back, out of resources, operator's intervention, system.
_PASSING = ("08", "40", "53", "55", "57", "58", "25")


def passing(error: BaseException) -> bool:
    """Trying again may help: the server, the network or the pool is at fault, and not the question."""
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return str(code).startswith(_PASSING)
    if isinstance(error, DatabaseUnavailableError | PoolTimeoutError | OSError | TimeoutError):
        return True
    # What drivers raise where a connection ends under a statement has no code.
    return type(error).__name__ in (
        "OperationalError",
        "InterfaceError",
        "ConnectionDoesNotExistError",
        "InternalClientError",
    )


def explained(error: BaseException, schema: str) -> OutboxError | None:
    """What an error says of an outbox that was not made, or not for this role."""
    code = str(getattr(error, "sqlstate", ""))
    if code in ("3F000", "42P01", "42703", "42883"):
        return OutboxError(f"there is no outbox in the schema {schema}; run the statements of create_sql()")
    if code == "42501":
        return OutboxError(
            f"this role is not the one that the outbox in the schema {schema} was made for: publish as the"
            " application's role, in a session of the tenant; dispatch as the dispatcher's"
        )
    return None
