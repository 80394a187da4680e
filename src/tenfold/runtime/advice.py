"""Whether a pool's size fits its server, in words."""

from __future__ import annotations

import os
from typing import NamedTuple

from tenfold.runtime.settings import PoolSettings

SIZE_QUERY = """
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int,
       (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')
"""


class ServerSize(NamedTuple):
    max_connections: int
    reserved: int
    connected: int


def advised(settings: PoolSettings, server: ServerSize, cores: int | None = None) -> str:
    """A few lines. `cores` are this machine's, where the server's are unknown: SQL does not tell them."""
    free = server.max_connections - server.reserved
    pools = free // settings.max_size
    cores = cores or os.cpu_count() or 1
    lines = [
        f"The server takes {free} connections besides {server.reserved} for superusers; {server.connected}"
        " are open now."
    ]
    if settings.behind_pooler:
        lines.append("A pooler stands between: its default_pool_size is what the server sees, not max_size.")
    elif pools == 0:
        lines.append(f"max_size={settings.max_size} is more than it takes: give at most {free}.")
    else:
        lines.append(f"With max_size={settings.max_size}, {pools} processes like this one fit.")
        if pools < 4:
            lines.append(
                "That is few: lower max_size, or put PgBouncer in transaction mode before the server."
            )
    lines.append(
        "Statements that run at once beyond about twice the server's cores wait for each other: on a server"
        f" with the {cores} cores of this machine, {2 * cores} connections in all processes together are"
        " busy enough; more only hold sessions that wait for something else."
    )
    return "\n".join(lines)
