"""One namespace of one tenant: where values are read. A hit of the first level is a few dict operations."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast

from tenfold.errors import LoadFailedError
from tenfold.runtime.cache.flights import Space
from tenfold.runtime.cache.invalidation import Invalidation
from tenfold.runtime.cache.keys import Key, Names
from tenfold.runtime.cache.loads import LoadMany, Loads
from tenfold.runtime.cache.local import Entry, Local, Trust
from tenfold.runtime.tenant import TenantId

T = TypeVar("T")
K = TypeVar("K", bound=Key)


class Missing(enum.Enum):
    """What `peek` answers where the first level has nothing: None would say that there is nothing."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING
MissingType: TypeAlias = Literal[Missing.MISSING]


class Keyspace(Generic[T]):
    """Reads and invalidates. `cache.of(namespace, tenant)` gives it, and it is good as long as the cache.

    A load runs in a task of its own and may outlive the request that began it, so it opens its own session.
    With read replicas it reads the primary, or one that has replayed what was committed: the cache cannot
    know that a replica lags.
    """

    __slots__ = (
        "_clock",
        "_invalidation",
        "_loads",
        "_local",
        "_names",
        "_space",
        "_tenant",
        "_trust",
        "shelf",
    )

    def __init__(
        self,
        space: Space,
        names: Names,
        tenant: TenantId | None,
        *,
        loads: Loads,
        local: Local,
        trust: Trust,
        clock: Callable[[], float],
        invalidation: Callable[[], Invalidation],
    ) -> None:
        self._space, self._names, self._tenant = space, names, tenant
        self._loads, self._local, self._trust, self._clock = loads, local, trust, clock
        self._invalidation = invalidation
        #: By the forms in which keys were asked for: what a hit needs, and no more.
        self.shelf: dict[Hashable, Entry] = {}

    def peek(self, key: Key) -> T | MissingType | None:
        """What the first level has, without waiting: a value, None for nothing, or MISSING."""
        try:
            entry = self.shelf[key]
        except (KeyError, TypeError):
            return self._look(key)
        now = self._clock()
        if entry.since <= now < entry.fresh_until and now < self._trust.until:
            entry.uses += 1
            value: T | None = entry.value
            return value
        return self._look(key)

    async def get(
        self, key: Key, load: Callable[[], Awaitable[T | None]], *, tags: Iterable[str] = ()
    ) -> T | None:
        """The value, or None for nothing. Awaits only where the first level misses.

        Raises what the load raises; LoadTimeoutError, LoadFailedError, CodecError, CacheKeyError,
        CacheClosedError. Tags name what else the value depends on: the same ones wherever a key is read.
        """
        try:
            entry = self.shelf[key]
        except (KeyError, TypeError):
            return await self._fetch(key, load, tags)
        now = self._clock()
        if entry.since <= now < entry.fresh_until and now < self._trust.until:
            entry.uses += 1
            value: T | None = entry.value
            return value
        return await self._fetch(key, load, tags)

    async def get_many(
        self,
        keys: Iterable[K],
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, T | None]]],
        *,
        tags: Iterable[str] = (),
    ) -> dict[K, T | None]:
        """Each key with its value. One read of the second level, and one load of all that miss both."""
        self._loads.require_open()
        named = {key: self._names.value(key) for key in keys}
        tag_names = self._tag_names(tags)
        found: dict[str, T | None] = {}
        wanted: dict[str, object] = {}
        for key, name in named.items():
            entry = self._loads.current(name)
            if entry is None:
                wanted.setdefault(name, key)
            else:
                if self._clock() >= entry.fresh_until and entry.failure is None:
                    self._loads.refresh(self._space, entry, key, tag_names, cast("LoadMany", load))
                found[name] = self._taken(entry)
        if wanted:
            flights = self._loads.obtain(self._space, wanted, tag_names, cast("LoadMany", load))
            for name, flight in flights.items():
                found[name] = self._given(await flight.wait(), name)
        return {key: found[name] for key, name in named.items()}

    async def invalidate(self, *keys: Key, tags: Iterable[str] = (), everything: bool = False) -> bool:
        """Forgets keys, what was filled under tags, or everything here. Call it after the commit.

        See Invalidation for what the answer says, and for `on_commit`.
        """
        invalidation = self._invalidation().keys(self._space.namespace, self._tenant, *keys)
        invalidation.tags(self._tenant, *_several(tags))
        if everything:
            invalidation.namespace(self._space.namespace, self._tenant)
        return await invalidation()

    # --- misses of the shelf -------------------------------------------------------------------------

    def _look(self, key: Key) -> T | MissingType | None:
        self._loads.require_open()
        entry = self._loads.current(self._names.value(key))
        if entry is None or entry.failure is not None:
            return MISSING
        self._lay(entry, key)
        return self._taken(entry)

    async def _fetch(
        self, key: Key, load: Callable[[], Awaitable[T | None]], tags: Iterable[str]
    ) -> T | None:
        self._loads.require_open()
        name = self._names.value(key)

        async def load_one(_: Sequence[Any]) -> Mapping[Any, Any]:
            return {key: await load()}

        entry = self._loads.current(name)
        if entry is not None:
            if entry.failure is None and self._clock() >= entry.fresh_until:
                self._loads.refresh(self._space, entry, key, self._tag_names(tags), load_one)
            self._lay(entry, key)
            return self._taken(entry)
        flights = self._loads.obtain(self._space, {name: key}, self._tag_names(tags), load_one)
        return self._given(await flights[name].wait(), name)

    def _tag_names(self, tags: Iterable[str]) -> list[str]:
        if tags == ():
            return []
        return [self._names.tag(tag) for tag in dict.fromkeys(_several(tags))]

    def _lay(self, entry: Entry, key: Key) -> None:
        if not entry.thaw and entry.failure is None:
            self._local.remember(entry, self.shelf, key)

    def _taken(self, entry: Entry) -> T | None:
        if entry.failure is not None:
            raise LoadFailedError(
                f"a load of {self._space.namespace.name} failed less than "
                f"{self._space.namespace.failure_ttl:g} s ago: {type(entry.failure).__name__}"
            ) from entry.failure
        entry.uses += 1
        return self._given(entry.value, entry.name) if entry.thaw else cast("T | None", entry.value)

    def _given(self, kept: Any, name: str) -> T | None:
        if self._space.thaws and kept is not None:
            kept = self._space.codec.decode(kept, name)
        return cast("T | None", kept)


def _several(tags: Iterable[str]) -> Iterable[str]:
    """A text is one tag, not one a letter."""
    return (tags,) if isinstance(tags, str) else tags
