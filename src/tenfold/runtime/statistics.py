"""What the runtime counts of its servers."""

from __future__ import annotations

import msgspec


class PoolStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of one server. Numbers of now, then totals since the pool was made."""

    server: str
    size: int
    idle: int
    held: int
    waiting: int
    max_size: int
    #: Connections made; times that one had to be waited for; times that it was waited for in vain.
    made: int
    waits: int
    timeouts: int
    #: Seconds for which the oldest session of now has held its connection.
    longest_held: float


class ReplicaStatistics(msgspec.Struct, frozen=True, kw_only=True):
    server: str
    #: It is given reads now.
    serving: bool
    #: Why not, where it is not: `lagging`, `unreachable`, `promoted`.
    why_not: str
    #: Seconds; None where nothing is known of it.
    lag: float | None


class DatabaseStatistics(msgspec.Struct, frozen=True, kw_only=True):
    primary: PoolStatistics
    replicas: tuple[PoolStatistics, ...] = ()
    routing: tuple[ReplicaStatistics, ...] = ()
