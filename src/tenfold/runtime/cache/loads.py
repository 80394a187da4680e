"""Single flight: one load for all who miss, whoever of them gives up, and no fill that comes too late.

A flight is a task of its own, so no reader's cancellation reaches it. It reads the second level, loads what
is missing there, wakes its readers and then fills both levels behind the fences.

A reader joins a flight only if nothing that it depends on was invalidated since it began: who reads after an
invalidation never gets what was loaded before it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

from tenfold.errors import CacheClosedError, CacheError, CodecError, LoadFailedError, LoadTimeoutError
from tenfold.runtime.cache.envelopes import Envelopes, Missing
from tenfold.runtime.cache.fences import Fences
from tenfold.runtime.cache.flights import Flight, Space
from tenfold.runtime.cache.local import Entry, Local, Trust

LoadMany: TypeAlias = Callable[[Sequence[Any]], Awaitable[Mapping[Any, Any]]]

log = logging.getLogger("tenfold.runtime.cache")

#: A refresh that fails, or that another process does, is not tried again for so many seconds.
REFRESH_PAUSE = 1.0

#: Names that the current task is loading, so that a load that waits for itself is refused.
_loading: ContextVar[frozenset[tuple[int, str]]] = ContextVar("tenfold_cache_loading", default=frozenset())


class Loads:
    def __init__(
        self,
        *,
        local: Local,
        fences: Fences,
        trust: Trust,
        envelopes: Envelopes | None,
        patience: float,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._local, self._fences, self._trust, self._envelopes = local, fences, trust, envelopes
        #: How old a flight may be that is joined while nobody hears invalidations.
        self._patience = patience
        self._clock, self._chance = clock, chance
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- for the cache -------------------------------------------------------------------------------

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Ends all flights; their readers get CacheClosedError."""
        self.shut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def shut(self) -> None:
        """From now on nothing is begun."""
        self._loop = None

    def require_open(self) -> None:
        if self._loop is None:
            raise CacheClosedError()

    def require_loop(self) -> None:
        self.require_open()
        if self._loop is not asyncio.get_running_loop():
            raise CacheClosedError("the cache was opened in another event loop; open one in each")

    # --- for a keyspace ------------------------------------------------------------------------------

    def current(self, name: str) -> Entry | None:
        """The entry of the first level, if it may be served now."""
        entry = self._local.get(name)
        now = self._clock()
        if entry is None or not entry.since <= now < entry.until or now >= self._trust.until:
            return None
        return entry

    def obtain(
        self, space: Space, wanted: Mapping[str, object], tags: Sequence[str], load: LoadMany
    ) -> dict[str, Flight]:
        """A flight for each name: those in the air, and one task for all the others."""
        self.require_loop()
        loading = _loading.get()
        if loading and any((id(self), name) in loading for name in wanted):
            raise CacheError(f"a load of {space.namespace.name} asks the cache for the key that it loads")
        now = self._clock()
        flights: dict[str, Flight] = {}
        fresh: list[Flight] = []
        for name, key in wanted.items():
            flight = self._flights.get(name)
            if flight is not None and self._may_join(flight, now):
                space.counts.joined += 1
            else:
                flight = Flight(name, key, self._fences.open([name, space.scope, *tags]), now)
                self._flights[name] = flight
                fresh.append(flight)
            flights[name] = flight
        if fresh:
            self._launch(fresh, self._fly(space, fresh, tags, load))
        return flights

    def refresh(self, space: Space, entry: Entry, key: object, tags: Sequence[str], load: LoadMany) -> None:
        """Begins a load behind an entry that is served meanwhile, unless someone else does."""
        if entry.name in self._refreshing:
            return
        self.require_loop()
        entry.fresh_until = min(entry.until, self._clock() + REFRESH_PAUSE)
        self._refreshing.add(entry.name)
        ticket = self._fences.open([entry.name, space.scope, *tags])
        flight = Flight(entry.name, key, ticket, self._clock())
        self._launch([flight], self._refresh(space, flight, tags, load))

    # --- the course of a flight ----------------------------------------------------------------------

    def _may_join(self, flight: Flight, now: float) -> bool:
        if not flight.ticket.valid:
            return False
        # Deaf to invalidations, a process still joins loads, but none older than its first level might be.
        return now < self._trust.until or 0 <= now - flight.started < self._patience

    def _launch(self, flights: list[Flight], course: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(course)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._landed(flights, task))

    def _landed(self, flights: list[Flight], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error: BaseException | None
        if not task.cancelled():
            error = task.exception()
        elif self._loop is None:
            error = CacheClosedError("the cache was closed during the load")
        else:
            error = LoadFailedError("the load was cancelled from within")
        waiting = [flight for flight in flights if not flight.landed]
        for flight in flights:
            self._fences.close(flight.ticket)
        for flight in waiting:
            self._fail(flight, error or LoadFailedError("the load ended without a value"))
        if error is not None and not waiting and not task.cancelled():
            log.error("a fill of the cache failed: %s", type(error).__name__, exc_info=error)

    async def _fly(self, space: Space, flights: list[Flight], tags: Sequence[str], load: LoadMany) -> None:
        missing = Missing(flights)
        if self._envelopes is not None:
            opened, missing = await self._envelopes.read(space, flights, tags)
            for each in opened:
                self._settle(space, each.flight, each.kept, each.seconds, each.nothing, each.parents)
        if missing.flights:
            space.counts.misses += len(missing.flights)
            await self._load(space, missing, tags, load)

    async def _refresh(self, space: Space, flight: Flight, tags: Sequence[str], load: LoadMany) -> None:
        try:
            missing: Missing | None = Missing([flight])
            if self._envelopes is not None:
                missing = await self._envelopes.claim(space, flight, tags)
            if missing is None:
                flight.land(None)
                return
            space.counts.refreshes += 1
            await self._load(space, missing, tags, load)
        finally:
            self._refreshing.discard(flight.name)

    async def _load(self, space: Space, missing: Missing, tags: Sequence[str], load: LoadMany) -> None:
        loaded = await self._loaded(space, missing.flights, tags, load)
        bodies: list[tuple[Flight, bytes | None, float]] = []
        for flight in missing.flights:
            value = loaded.get(flight.key)
            try:
                body = None if value is None else space.codec.encode(value, flight.name)
                # Decoded again: all readers get the same, and what the load returned stays its own.
                kept = body if body is None or space.thaws else space.codec.decode(body, flight.name)
                if body is not None and space.thaws:
                    space.codec.decode(body, flight.name)
            except CodecError as error:
                self._fail(flight, error)
                continue
            ttl = _whole(space, body is None) * (1 - space.namespace.jitter * self._chance())
            self._settle(space, flight, kept, ttl, body is None, [space.scope, *tags])
            bodies.append((flight, body, ttl))
        if self._envelopes is not None:
            await self._envelopes.fill(space, missing, bodies)

    async def _loaded(
        self, space: Space, flights: list[Flight], tags: Sequence[str], load: LoadMany
    ) -> Mapping[Any, Any]:
        _loading.set(_loading.get() | {(id(self), flight.name) for flight in flights})
        space.counts.loads += 1
        namespace = space.namespace
        try:
            async with asyncio.timeout(namespace.load_timeout) as limit:
                loaded = await load([flight.key for flight in flights])
            if not isinstance(loaded, Mapping):
                raise CacheError(f"a load of many {namespace.name} returns a mapping of keys to values")
        except Exception as error:
            space.counts.load_failures += 1
            if isinstance(error, TimeoutError) and limit.expired():
                error = LoadTimeoutError(
                    f"a load of {namespace.name} took longer than its {namespace.load_timeout:g} s"
                )
            if namespace.failure_ttl > 0:
                for flight in flights:
                    self._keep_failure(space, flight, tags, error)
            raise error
        return loaded

    # --- the first level -----------------------------------------------------------------------------

    def _settle(
        self, space: Space, flight: Flight, value: Any, ttl: float, nothing: bool, parents: list[str]
    ) -> None:
        """Keeps the value, if it may be kept, and wakes the readers."""
        now = self._clock()
        ends = now + min(ttl, space.namespace.local_ttl)
        share = space.namespace.refresh_after
        stale_part = 0 if share is None else _whole(space, nothing) * (1 - share)
        if not flight.ticket.valid:
            space.counts.local_fills_refused += 1
        elif ends > now and now < self._trust.until:
            entry = Entry(flight.name, value, space.counts, now, min(ends, now + ttl - stale_part), ends)
            entry.thaw = space.thaws and value is not None
            self._local.put(entry, parents)
        self._leave(flight)
        flight.land(value)

    def _keep_failure(self, space: Space, flight: Flight, tags: Sequence[str], error: BaseException) -> None:
        now = self._clock()
        if flight.ticket.valid and now < self._trust.until and flight.name not in self._refreshing:
            ends = now + space.namespace.failure_ttl
            entry = Entry(flight.name, None, space.counts, now, now, ends)
            entry.failure = error
            self._local.put(entry, [space.scope, *tags])

    def _fail(self, flight: Flight, error: BaseException) -> None:
        self._leave(flight)
        flight.land(None, error)

    def _leave(self, flight: Flight) -> None:
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]


def _whole(space: Space, nothing: bool) -> float:
    """The lifetime before jitter, in seconds."""
    return space.namespace.negative_ttl if nothing else space.namespace.ttl
