"""How many connections, for how long."""

from __future__ import annotations

import msgspec

from tenfold.errors import UsageError


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one server. Times are seconds."""

    min_size: int = 2
    max_size: int = 20
    #: A connection that nobody asked for so long is closed, down to `min_size`.
    idle_time: float = 300.0
    #: A connection as old as this is closed when it comes back.
    lifetime: float = 3600.0
    #: How long to wait for a server to accept a connection, and for a connection to come free.
    connect_timeout: float = 2.0
    acquire_timeout: float = 5.0
    #: A pooler in transaction mode (PgBouncer) stands before the server: no statement is kept prepared.
    behind_pooler: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_size <= self.max_size or self.max_size < 1:
            raise UsageError(
                f"a pool has from min_size={self.min_size} to max_size={self.max_size} connections, one at"
                " least; give both where you give one"
            )
        if min(self.idle_time, self.lifetime, self.connect_timeout, self.acquire_timeout) <= 0:
            raise UsageError("the times of PoolSettings are greater than 0")


#: 20 connections, closed after 30 s of idleness, 2 s to connect: one service beside others.
SMALL = PoolSettings(min_size=0, idle_time=30.0)
#: 20 kept, 200 at most, an hour old at most, 30 minutes idle: one large service alone on its server.
LARGE = PoolSettings(min_size=20, max_size=200, idle_time=1800.0)
#: Short transactions through PgBouncer, which has the connections to the server.
POOLED = PoolSettings(min_size=0, max_size=50, idle_time=30.0, behind_pooler=True)
