"""The cache: two levels, tenants apart, and never an old value after an invalidation was acknowledged.

    cache = Cache([USER], url="redis://...")
    async with cache:
        users = cache.of(USER, tenant)
        user = await users.get(user_id, lambda: load_user(user_id))
        ...
        cache.invalidation().keys(USER, tenant, user_id).on_commit(session)

What is guaranteed. An invalidation is acknowledged when it returned True. A read that begins after that gets
nothing that was loaded before the invalidation was called

- in the process that invalidated: at once;
- in another one: as soon as it has heard of it, some milliseconds later while the subscription is alive, and
  at once after `await cache.caught_up()`. A subscription that breaks empties its first level; one that falls
  silent is believed for `lease` seconds at most, and so is a load in flight.

It does not matter that a load was in flight, here or in another process, how long it takes, or who gave up
waiting. An invalidation that returned False holds in its own process, and elsewhere once the line is back.
What a server forgets that it had acknowledged (a failover that loses writes) lasts until the TTL.
A value never leaves its tenant: both levels, flights and fences know it by names that hold the tenant.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from tenfold.errors import CacheClosedError, CacheError, NamespaceError, TenantError, did_you_mean
from tenfold.runtime.cache.codec import Codec
from tenfold.runtime.cache.fences import Fences
from tenfold.runtime.cache.flights import Space
from tenfold.runtime.cache.invalidation import Invalidation
from tenfold.runtime.cache.keys import Key, Names, word
from tenfold.runtime.cache.keyspace import Keyspace, MissingType
from tenfold.runtime.cache.loads import Loads
from tenfold.runtime.cache.local import Entry, Local, Trust
from tenfold.runtime.cache.namespaces import Namespace, immutable
from tenfold.runtime.cache.statistics import SpaceCounts, Statistics
from tenfold.runtime.observer import Observer, together
from tenfold.runtime.tenant import TenantId

T = TypeVar("T")
K = TypeVar("K", bound=Key)

#: The type stands beside the tenant, since True and 1.0 equal 1 and would find it.
_Owner: TypeAlias = tuple[Namespace[Any], type, TenantId | None]
#: Keyspaces that are kept at hand; beyond that they are made anew, which costs microseconds.
_MOST_KEYSPACES = 10_000


class Cache:
    """Caches the values of declared namespaces. Without a `url` it is one process's own.

    `timeout`, in seconds, bounds each command of the second level; `digest_key` makes the digests of keys
    unguessable (up to 64 bytes); `entries` bounds the first level; `lease` is explained above. Observers are
    told of reads of the second level.
    """

    def __init__(
        self,
        namespaces: Iterable[Namespace[Any]],
        *,
        url: str | None = None,
        application: str = "tenfold",
        entries: int = 1000,
        timeout: float = 0.5,
        lease: float = 2.0,
        digest_key: bytes = b"",
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        word(application, "the name of the application")
        if entries < 1 or timeout <= 0 or lease <= 0 or len(digest_key) > 64:
            raise CacheError("entries, timeout and lease are above 0, digest_key has at most 64 bytes")
        self._application, self._digest_key, self._clock = application, digest_key, clock
        self._namespaces = _by_name(namespaces)
        self._codecs: dict[str, Codec] = {name: each.make_codec() for name, each in self._namespaces.items()}
        self._counts = {name: SpaceCounts() for name in self._namespaces}
        self._keyspaces: dict[_Owner, Keyspace[Any]] = {}
        #: Their shelves by namespace, type of the tenant, tenant, key: faster than by one tuple of them.
        self._shelves: dict[Namespace[Any], dict[type, dict[TenantId | None, dict[Hashable, Entry]]]] = {}
        self._local, self._fences = Local(entries), Fences()
        self._trust = Trust(float("inf") if url is None else float("-inf"))
        self._link = None
        envelopes = None
        if url is not None:
            # redis is an extra that a process with a cache of its own does not need.
            from tenfold.runtime.cache.envelopes import Envelopes
            from tenfold.runtime.cache.link import Link
            from tenfold.runtime.cache.shared import Shared

            self._link = Link(
                url,
                application=application,
                timeout=timeout,
                lease=lease,
                clock=clock,
                trust=self._trust,
                on_names=self._forget_here,
                on_lost=self._forget_all_here,
            )
            envelopes = Envelopes(Shared(self._link), self._fences, together(observers))
        self._loads = Loads(
            local=self._local,
            fences=self._fences,
            trust=self._trust,
            envelopes=envelopes,
            patience=lease,
            clock=clock,
        )
        self._telling: set[asyncio.Task[bool]] = set()
        self._opened = self._closed = False

    # --- life ----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._opened:
            raise CacheClosedError("a cache is opened once; make another")
        self._opened = True
        self._loads.open()
        if self._link is not None:
            try:
                await self._link.open()
            except BaseException:
                await self.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends loads and connections, after what is to be told was told. A second time it does nothing.

        Raises CacheClosedError in another event loop than the one that opened it.
        """
        if self._closed or not self._opened:
            self._closed = self._opened = True
            return
        self._closed = True
        try:
            # Of a loop that is closed nothing can be ended: its tasks and connections went with it.
            self._loads.require_loop()
            if self._telling:
                await asyncio.wait(self._telling)
            await self._loads.close()
            if self._link is not None:
                await self._link.close()
        finally:
            self._loads.shut()
            self._local.clear()
            self._trust.until = float("-inf")

    # --- reading -------------------------------------------------------------------------------------

    def of(self, namespace: Namespace[T], tenant: TenantId | None) -> Keyspace[T]:
        """The namespace for one tenant; None, in so many words, for one that belongs to the platform."""
        owner = (namespace, type(tenant), tenant)
        try:
            return self._keyspaces[owner]
        except (KeyError, TypeError):
            pass  # the first of this owner, or none that could be one
        names = self._names(namespace, tenant)
        space = Space(
            namespace=namespace,
            codec=self._codecs[namespace.name],
            thaws=not immutable(namespace.type),
            counts=self._counts[namespace.name],
            scope=names.scope,
            tag_prefix=names.tag_prefix,
        )
        keyspace = Keyspace[T](
            space,
            names,
            tenant,
            loads=self._loads,
            local=self._local,
            trust=self._trust,
            clock=self._clock,
            invalidation=self.invalidation,
        )
        if len(self._keyspaces) >= _MOST_KEYSPACES:
            self._keyspaces.clear()
            self._shelves.clear()
        self._keyspaces[owner] = keyspace
        self._shelves.setdefault(namespace, {}).setdefault(type(tenant), {})[tenant] = keyspace.shelf
        return keyspace

    def peek(self, namespace: Namespace[T], tenant: TenantId | None, key: Key) -> T | MissingType | None:
        """See Keyspace.peek; and Keyspace.get for `get`."""
        try:
            entry = self._shelves[namespace][type(tenant)][tenant][key]
        except (KeyError, TypeError):
            return self.of(namespace, tenant).peek(key)
        now = self._clock()
        if entry.since <= now < entry.fresh_until and now < self._trust.until:
            entry.uses += 1
            value: T | None = entry.value
            return value
        return self.of(namespace, tenant).peek(key)

    async def get(
        self,
        namespace: Namespace[T],
        tenant: TenantId | None,
        key: Key,
        load: Callable[[], Awaitable[T | None]],
        *,
        tags: Iterable[str] = (),
    ) -> T | None:
        # As Keyspace.get begins, without the steps to it.
        try:
            entry = self._shelves[namespace][type(tenant)][tenant][key]
        except (KeyError, TypeError):
            return await self.of(namespace, tenant).get(key, load, tags=tags)
        now = self._clock()
        if entry.since <= now < entry.fresh_until and now < self._trust.until:
            entry.uses += 1
            value: T | None = entry.value
            return value
        return await self.of(namespace, tenant).get(key, load, tags=tags)

    async def get_many(
        self,
        namespace: Namespace[T],
        tenant: TenantId | None,
        keys: Iterable[K],
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, T | None]]],
        *,
        tags: Iterable[str] = (),
    ) -> dict[K, T | None]:
        return await self.of(namespace, tenant).get_many(keys, load, tags=tags)

    # --- forgetting ----------------------------------------------------------------------------------

    async def invalidate(
        self, namespace: Namespace[Any], tenant: TenantId | None, *keys: Key, tags: Iterable[str] = ()
    ) -> bool:
        """Forgets these keys, and what was filled under these tags. Call it after the commit.

        See Invalidation for what the answer says, and for `on_commit`.
        """
        return await self.of(namespace, tenant).invalidate(*keys, tags=tags)

    def invalidation(self) -> Invalidation:
        return Invalidation(self)

    async def caught_up(self) -> None:
        """Returns when all invalidations that were acknowledged before, in any process, are in force here."""
        self._loads.require_loop()
        if self._link is not None:
            await self._link.caught_up()

    def statistics(self) -> Statistics:
        self._local.harvest()
        statistics = Statistics(
            entries=len(self._local),
            evictions=self._local.evictions,
            namespaces={name: replace(counts) for name, counts in self._counts.items()},
        )
        if self._link is not None:
            statistics.connected, statistics.link = self._link.up, replace(self._link.counts)
        return statistics

    # --- for invalidations ---------------------------------------------------------------------------

    def value_names(
        self, namespace: Namespace[Any], tenant: TenantId | None, keys: tuple[Key, ...]
    ) -> list[str]:
        names = self._names(namespace, tenant)
        return [names.value(key) for key in keys]

    def tag_names(self, tenant: TenantId | None, tags: Iterable[str]) -> list[str]:
        names = Names(self._application, "", tenant)
        return [names.tag(tag) for tag in tags]

    def scope_name(self, namespace: Namespace[Any], tenant: TenantId | None) -> str:
        return self._names(namespace, tenant).scope

    def scope_names(self, tenant: TenantId) -> list[str]:
        if tenant is None:
            raise TenantError("name the tenant of whom everything is to be forgotten")
        return [self._names(each, tenant).scope for each in self._namespaces.values() if not each.platform]

    async def forget(self, names: frozenset[str]) -> bool:
        self._loads.require_loop()
        # Here it holds at once, whatever happens to the caller and to the line.
        self._forget_here(names)
        if self._link is None or not names:
            return True
        task = asyncio.create_task(self._tell(names))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return await asyncio.shield(task)

    async def _tell(self, names: frozenset[str]) -> bool:
        assert self._link is not None
        told = await self._link.invalidate(names)
        # Who read the second level before it was told has the old value, and must not keep it.
        self._forget_here(names)
        return told

    def _forget_here(self, names: Iterable[str]) -> None:
        self._fences.breach(names)
        self._local.drop(names)

    def _forget_all_here(self) -> None:
        self._fences.breach_all()
        self._local.clear()

    def _names(self, namespace: Namespace[Any], tenant: TenantId | None) -> Names:
        if self._namespaces.get(namespace.name) is not namespace:
            known = did_you_mean(namespace.name, self._namespaces)
            raise NamespaceError(f"the namespace {namespace.name} is not one of this cache{known}")
        if namespace.platform and tenant is not None:
            raise NamespaceError(f"{namespace.name} belongs to no tenant: give None")
        if not namespace.platform and tenant is None:
            raise TenantError(f"{namespace.name} belongs to tenants: say to which")
        digest = self._digest_key if namespace.digest_keys else None
        return Names(self._application, namespace.name, tenant, digest)


def _by_name(namespaces: Iterable[Namespace[Any]]) -> dict[str, Namespace[Any]]:
    found: dict[str, Namespace[Any]] = {}
    for each in namespaces:
        if each.name in found:
            raise NamespaceError(f"the namespace {each.name} is declared twice")
        found[each.name] = each
    return found
