"""Citus: the tenant reaches the workers, where the policies of distributed tables are."""

from __future__ import annotations

from tenfold.runtime.drivers import Connection

#: Has the SET LOCAL that follow it in the transaction sent to the workers that the transaction asks.
#: Source: Citus' manual, configuration reference, citus.propagate_set_commands.
PROPAGATE = "SET LOCAL citus.propagate_set_commands = 'local'; "

_INSTALLED = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus'"


async def has_citus(connection: Connection) -> bool:
    return bool(await connection.fetch(_INSTALLED, ()))
