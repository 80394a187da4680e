"""What flights get from the second level, and bring to it: values in envelopes, opened only behind fences.

An envelope names the fences that it was sealed under, with their tokens. It is opened only while the server
holds those tokens, under the name that it was sealed for, and by whoever is of the same version.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenfold.errors import CodecError
from tenfold.runtime.cache.codec import Envelope, seal, unseal
from tenfold.runtime.cache.fences import Fences
from tenfold.runtime.cache.flights import Flight, Space
from tenfold.runtime.cache.shared import Fill, Read, Shared
from tenfold.runtime.observer import Observer

#: A lease outlives the load that holds it by so many seconds.
_LEASE_SPARE = 5.0


@dataclass(slots=True)
class Missing:
    """What the second level did not have, and what a fill of it must match."""

    flights: list[Flight] = field(default_factory=list)
    leases: dict[str, str] = field(default_factory=dict)
    fences: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Opened:
    """What it had: bytes to thaw, a value, or None for nothing; with its time, and what it depends on."""

    flight: Flight
    kept: Any
    nothing: bool
    seconds: float
    parents: list[str]


class Envelopes:
    def __init__(self, shared: Shared, fences: Fences, observer: Observer | None) -> None:
        self._shared, self._fences, self._observer = shared, fences, observer

    async def read(
        self, space: Space, flights: list[Flight], tags: Sequence[str]
    ) -> tuple[list[Opened], Missing]:
        """What the second level has, and what it has not: with leases, where the level is in use."""
        if self._observer is None or not self._shared.in_use:
            return await self._read(space, flights, tags)
        began = time.perf_counter()
        opened, missing = await self._read(space, flights, tags)
        self._observer.cached(space.namespace.name, not missing.flights, time.perf_counter() - began)
        return opened, missing

    async def claim(self, space: Space, flight: Flight, tags: Sequence[str]) -> Missing | None:
        """The lease for a load of what may be there; None where another process has it."""
        own = [space.scope, *tags]
        read = await self._shared.read([flight.name], own, _lease(space), take_all=True)
        if read is None:
            return Missing([flight])
        return _missing([flight], own, read) if read.leases[0] == read.token else None

    async def fill(
        self, space: Space, missing: Missing, loaded: Iterable[tuple[Flight, bytes | None, float]]
    ) -> None:
        """Brings each body, for so many seconds, where nothing was invalidated since its lease was taken."""
        if not all(missing.fences.values()):
            return
        fills: list[Fill] = []
        for flight, body, ttl in loaded:
            lease = missing.leases.get(flight.name)
            if ttl > 0 and lease:
                payload = seal(space.namespace.version, flight.name, missing.fences, body)
                fills.append(Fill(flight.name, payload, ttl, lease, missing.fences))
        for filled in await asyncio.gather(*map(self._shared.fill, fills)):
            space.counts.shared_fills_refused += not filled

    async def _read(
        self, space: Space, flights: list[Flight], tags: Sequence[str]
    ) -> tuple[list[Opened], Missing]:
        names = [flight.name for flight in flights]
        own = [space.scope, *tags]
        fences = own
        read = await self._shared.read(names, fences, _lease(space))
        if read is None:
            return [], Missing(flights)
        found = self._unsealed(space, flights, read)
        # Filled under other tags than this reader named: they hold all the same.
        more = {fence for each in found if each for fence in each.fences if fence not in own}
        if more:
            fences = [*own, *sorted(more)]
            for flight in flights:
                self._fences.extend(flight.ticket, more)
            read = await self._shared.read(names, fences, _lease(space))
            if read is None:
                return [], Missing(flights)
            found = self._unsealed(space, flights, read)
        tokens = dict(zip(fences, read.fences, strict=True))
        opened: list[Opened] = []
        missing: list[Flight] = []
        unleased = False
        for place, (flight, envelope) in enumerate(zip(flights, found, strict=True)):
            if envelope is not None and envelope.fences.items() <= tokens.items():
                got = self._open(space, flight, envelope, read.remaining_ms[place] / 1000)
                if got is not None:
                    opened.append(got)
                    continue
            missing.append(flight)
            unleased = unleased or not read.leases[place]
        if not missing:
            return opened, Missing()
        if not unleased:
            return opened, _missing(missing, own, read, names)
        again = await self._shared.read([each.name for each in missing], own, _lease(space), take_all=True)
        return opened, Missing(missing) if again is None else _missing(missing, own, again)

    def _unsealed(self, space: Space, flights: list[Flight], read: Read) -> list[Envelope | None]:
        """What is readable. What is not is counted, and missing."""
        return [
            None if raw is None else self._unseal(space, flight.name, raw)
            for flight, raw in zip(flights, read.values, strict=True)
        ]

    @staticmethod
    def _unseal(space: Space, name: str, raw: bytes) -> Envelope | None:
        try:
            envelope = unseal(raw, space.namespace.version, name)
        except CodecError:
            space.counts.unreadable += 1
            return None
        scope, tag_prefix = space.scope, space.tag_prefix
        strange = [f for f in envelope.fences if f != scope and not f.startswith(tag_prefix)]
        if strange or scope not in envelope.fences:
            space.counts.unreadable += 1
            return None
        return envelope

    @staticmethod
    def _open(space: Space, flight: Flight, envelope: Envelope, seconds: float) -> Opened | None:
        body, kept = envelope.body, None
        if body is not None:
            try:
                value = space.codec.decode(body, flight.name)
            except CodecError:
                space.counts.unreadable += 1
                return None
            kept = body if space.thaws else value
        space.counts.shared_hits += 1
        return Opened(flight, kept, body is None, seconds, list(envelope.fences))


def _missing(flights: list[Flight], own: list[str], read: Read, order: list[str] | None = None) -> Missing:
    """What was read of these flights' leases; `order` names what was read, where that was more."""
    leases = dict(zip(order or [each.name for each in flights], read.leases, strict=True))
    # The read may have asked for more fences behind these.
    return Missing(flights, leases, dict(zip(own, read.fences, strict=False)))


def _lease(space: Space) -> float:
    return space.namespace.load_timeout + _LEASE_SPARE
