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
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tenfold.errors import (
    CacheClosedError,
    CacheError,
    CodecError,
    LoadFailedError,
    LoadTimeoutError,
)
from tenfold.runtime.cache.codec import Codec, Envelope, seal, unseal
from tenfold.runtime.cache.fences import Fences, Ticket
from tenfold.runtime.cache.local import Entry, Local, Trust
from tenfold.runtime.cache.namespaces import Namespace
from tenfold.runtime.cache.shared import Fill, Read, Shared
from tenfold.runtime.cache.statistics import SpaceCounts

LoadMany: TypeAlias = Callable[[Sequence[Any]], Awaitable[Mapping[Any, Any]]]

log = logging.getLogger("tenfold.runtime.cache")

#: A refresh that fails, or that another process does, is not tried again for so many seconds.
REFRESH_PAUSE = 1.0
#: A lease outlives the load that holds it by so many seconds.
_LEASE_SPARE = 5.0

#: Names that the current task is loading, so that a load that waits for itself is refused.
_loading: ContextVar[frozenset[tuple[int, str]]] = ContextVar("tenfold_cache_loading", default=frozenset())


@dataclass(frozen=True, slots=True)
class Space:
    """One namespace of one tenant, as loads see it."""

    namespace: Namespace[Any]
    codec: Codec
    #: Values are kept as bytes and decoded for each reader, since readers could change them.
    thaws: bool
    counts: SpaceCounts
    scope: str
    tag_prefix: str


class Flight:
    """One name on its way. It brings what is kept: a value, bytes to thaw, or None for nothing."""

    __slots__ = ("_brought", "_failure", "_waiting", "key", "landed", "name", "started", "ticket")

    def __init__(self, name: str, key: object, ticket: Ticket, started: float) -> None:
        self.name, self.key, self.ticket, self.started = name, key, ticket, started
        self.landed = False
        self._brought: Any = None
        self._failure: BaseException | None = None
        self._waiting: list[asyncio.Future[Any]] = []

    async def wait(self) -> Any:
        """What it brings. Each reader waits for a future of his own, so that he can give up alone."""
        if not self.landed:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            return await future
        if self._failure is not None:
            raise self._failure
        return self._brought

    def land(self, brought: Any, failure: BaseException | None = None) -> None:
        self.landed, self._brought, self._failure = True, brought, failure
        for future in self._waiting:
            if future.done():
                continue
            if failure is None:
                future.set_result(brought)
            else:
                future.set_exception(failure)
                # Who gives up in this moment never looks; that is no reason to complain.
                future.exception()
        self._waiting.clear()


@dataclass(slots=True)
class _Missing:
    """What the second level did not have, and what a fill of it must match."""

    flights: list[Flight] = field(default_factory=list)
    leases: dict[str, str] = field(default_factory=dict)
    fences: dict[str, str] = field(default_factory=dict)


class Loads:
    def __init__(
        self,
        *,
        local: Local,
        fences: Fences,
        trust: Trust,
        shared: Shared | None,
        patience: float,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._local, self._fences, self._trust, self._shared = local, fences, trust, shared
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
        self._loop = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

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
        if any((id(self), name) in loading for name in wanted):
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
        missing = await self._read_shared(space, flights, tags)
        if missing.flights:
            space.counts.misses += len(missing.flights)
            await self._load(space, missing, tags, load)

    async def _refresh(self, space: Space, flight: Flight, tags: Sequence[str], load: LoadMany) -> None:
        try:
            missing = _Missing([flight])
            if self._shared is not None:
                fences = [space.scope, *tags]
                read = await self._shared.read([flight.name], fences, self._lease(space), take_all=True)
                if read is not None:
                    if read.leases[0] != read.token:
                        flight.land(None)
                        return
                    missing = self._missing([flight], fences, read)
            space.counts.refreshes += 1
            await self._load(space, missing, tags, load)
        finally:
            self._refreshing.discard(flight.name)

    async def _read_shared(self, space: Space, flights: list[Flight], tags: Sequence[str]) -> _Missing:
        """Wakes those whose value the second level has; the others, with their leases."""
        if self._shared is None:
            return _Missing(flights)
        fences = [space.scope, *tags]
        read = await self._shared.read([each.name for each in flights], fences, self._lease(space))
        if read is None:
            return _Missing(flights)
        found = self._unseal(space, flights, read)
        # Filled under other tags than this reader named: they hold all the same.
        more = {fence for envelope in found.values() for fence in envelope.fences}.difference(fences)
        if more:
            fences += sorted(more)
            for flight in flights:
                self._fences.extend(flight.ticket, more)
            read = await self._shared.read([each.name for each in flights], fences, self._lease(space))
            if read is None:
                return _Missing(flights)
            found = self._unseal(space, flights, read)
        tokens = dict(zip(fences, read.fences, strict=True))
        remaining = dict(zip((each.name for each in flights), read.remaining_ms, strict=True))
        for flight in flights:
            envelope = found.get(flight.name)
            if envelope is not None and all(tokens.get(f) == token for f, token in envelope.fences.items()):
                self._serve(space, flight, envelope, remaining[flight.name] / 1000)
        missing = [flight for flight in flights if not flight.landed]
        if not missing:
            return _Missing()
        own = [space.scope, *tags]
        if all(lease for lease, each in zip(read.leases, flights, strict=True) if not each.landed):
            return self._missing(missing, own, read, [each.name for each in flights])
        again = await self._shared.read(
            [each.name for each in missing], own, self._lease(space), take_all=True
        )
        return _Missing(missing) if again is None else self._missing(missing, own, again)

    def _missing(
        self, flights: list[Flight], fences: list[str], read: Read, order: list[str] | None = None
    ) -> _Missing:
        leases = dict(zip(order or [each.name for each in flights], read.leases, strict=True))
        # The read may have asked for more fences behind these.
        return _Missing(flights, leases, dict(zip(fences, read.fences, strict=False)))

    def _unseal(self, space: Space, flights: list[Flight], read: Read) -> dict[str, Envelope]:
        """What is readable, by name. What is not is counted, and missing."""
        found: dict[str, Envelope] = {}
        for flight, raw in zip(flights, read.values, strict=True):
            if raw is None:
                continue
            try:
                envelope = unseal(raw, space.namespace.version, flight.name)
            except CodecError:
                space.counts.unreadable += 1
                continue
            if space.scope in envelope.fences and all(
                fence == space.scope or fence.startswith(space.tag_prefix) for fence in envelope.fences
            ):
                found[flight.name] = envelope
            else:
                space.counts.unreadable += 1
        return found

    def _serve(self, space: Space, flight: Flight, envelope: Envelope, remaining: float) -> None:
        value = None
        if envelope.body is not None:
            try:
                value = space.codec.decode(envelope.body, flight.name)
            except CodecError:
                space.counts.unreadable += 1
                return
            if space.thaws:
                value = envelope.body
        space.counts.shared_hits += 1
        whole = space.namespace.ttl if envelope.body is not None else space.namespace.negative_ttl
        self._settle(space, flight, value, remaining, whole, list(envelope.fences))

    async def _load(self, space: Space, missing: _Missing, tags: Sequence[str], load: LoadMany) -> None:
        loaded = await self._loaded(space, missing.flights, load)
        fills: list[Fill] = []
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
            whole = space.namespace.ttl if body is not None else space.namespace.negative_ttl
            ttl = whole * (1 - space.namespace.jitter * self._chance())
            self._settle(space, flight, kept, ttl, whole, [space.scope, *tags])
            lease = missing.leases.get(flight.name)
            if ttl > 0 and lease and all(missing.fences.values()):
                payload = seal(space.namespace.version, flight.name, missing.fences, body)
                fills.append(Fill(flight.name, payload, ttl, lease, missing.fences))
        if self._shared is not None:
            for filled in await asyncio.gather(*map(self._shared.fill, fills)):
                space.counts.shared_fills_refused += not filled

    async def _loaded(self, space: Space, flights: list[Flight], load: LoadMany) -> Mapping[Any, Any]:
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
                    self._keep_failure(space, flight, error)
            raise error
        return loaded

    # --- the first level -----------------------------------------------------------------------------

    def _settle(
        self, space: Space, flight: Flight, value: Any, ttl: float, whole: float, parents: list[str]
    ) -> None:
        """Keeps the value, if it may be kept, and wakes the readers."""
        now = self._clock()
        ends = now + min(ttl, space.namespace.local_ttl)
        share = space.namespace.refresh_after
        stale_part = 0 if share is None else whole * (1 - share)
        if not flight.ticket.valid:
            space.counts.local_fills_refused += 1
        elif ends > now and now < self._trust.until:
            entry = Entry(flight.name, value, space.counts, now, min(ends, now + ttl - stale_part), ends)
            entry.thaw = space.thaws and value is not None
            self._local.put(entry, parents)
        self._leave(flight)
        flight.land(value)

    def _keep_failure(self, space: Space, flight: Flight, error: BaseException) -> None:
        now = self._clock()
        if flight.ticket.valid and now < self._trust.until and flight.name not in self._refreshing:
            ends = now + space.namespace.failure_ttl
            entry = Entry(flight.name, None, space.counts, now, now, ends)
            entry.failure = error
            self._local.put(entry, [space.scope])

    def _fail(self, flight: Flight, error: BaseException) -> None:
        self._leave(flight)
        flight.land(None, error)

    def _leave(self, flight: Flight) -> None:
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]

    @staticmethod
    def _lease(space: Space) -> float:
        return space.namespace.load_timeout + _LEASE_SPARE
