"""Which replicas may answer a read, judged from what was seen of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from tenfold.runtime.routing.settings import ReplicaSettings

Fault = Literal["", "lagging", "unreachable", "promoted"]


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a replica told."""

    in_recovery: bool
    replayed: int
    lag: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of a replica. A new one serves as soon as it was seen."""

    serving: bool = False
    fault: Fault = "unreachable"
    replayed: int = 0
    lag: float | None = None
    #: Since when it has looked fit again, while it is ejected.
    fit_since: float | None = None
    #: It was ejected before, so it has to prove itself.
    ejected: bool = False


def judged(standing: Standing, seen: Sighting | None, limits: ReplicaSettings, now: float) -> Standing:
    """The standing after a look; None is a look that failed."""
    if standing.fault == "promoted":
        return standing
    if seen is None:
        return msgspec.structs.replace(
            standing, serving=False, fault="unreachable", lag=None, fit_since=None, ejected=True
        )
    if not seen.in_recovery:
        return Standing(fault="promoted", ejected=True)
    replayed = max(standing.replayed, seen.replayed)
    if standing.serving or not standing.ejected:
        serving = seen.lag <= limits.eject_lag
        return Standing(
            serving=serving,
            fault="" if serving else "lagging",
            replayed=replayed,
            lag=seen.lag,
            ejected=not serving,
        )
    if seen.lag > limits.readmit_lag:
        return Standing(fault="lagging", replayed=replayed, lag=seen.lag, ejected=True)
    since = now if standing.fit_since is None else standing.fit_since
    if now - since >= limits.readmit_after:
        return Standing(serving=True, fault="", replayed=replayed, lag=seen.lag)
    return Standing(fault=standing.fault, replayed=replayed, lag=seen.lag, fit_since=since, ejected=True)


def serving(standings: Sequence[Standing], turn: int) -> list[int]:
    """Replicas that may answer a read, by their numbers, another one first at each turn."""
    able = [number for number, standing in enumerate(standings) if standing.serving]
    first = turn % len(able) if able else 0
    return able[first:] + able[:first]


def caught_up(standings: Sequence[Standing], able: Iterable[int], lsn: int) -> list[int]:
    """Of those, the ones that are known to have replayed the position."""
    return [number for number in able if standings[number].replayed >= lsn]


def last_resort(standings: Sequence[Standing]) -> list[int]:
    """Who may answer a read when the primary is gone, too: replicas that lag, the nearest first."""
    lagging = [n for n, standing in enumerate(standings) if not standing.serving and standing.lag is not None]
    return sorted(lagging, key=lambda number: standings[number].lag or 0.0)


def takes_over(gone_since: float | None, now: float, limits: ReplicaSettings) -> bool:
    """Whether a primary has been gone long enough for a promoted replica to take its place."""
    return gone_since is not None and now - gone_since >= limits.follow_after
