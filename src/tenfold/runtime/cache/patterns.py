"""Entity, list and count of one kind of row: what to cache together, and what a write makes old.

A write to one row makes its entity old, and every list and count of its kind, as it may now belong to others
of them. Lists and counts carry the kind as a tag, so one invalidation reaches all, whatever their filters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from tenfold.errors import CacheKeyError
from tenfold.runtime.cache.cache import Cache
from tenfold.runtime.cache.invalidation import Invalidation
from tenfold.runtime.cache.keys import Key
from tenfold.runtime.cache.namespaces import Namespace
from tenfold.runtime.tenant import TenantId

E = TypeVar("E")
L = TypeVar("L")
K = TypeVar("K", bound=Key)


class Cached(Generic[E, L]):
    """The three namespaces of one kind of row, all of them given to the cache.

    `lists` holds whatever a list is to you: rows, a page with its cursor, ids.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        entities: Namespace[E],
        lists: Namespace[L],
        counts: Namespace[int],
    ) -> None:
        self._cache = cache
        self._entities, self._lists, self._counts = entities, lists, counts
        self._tag = f"kind:{entities.name}"

    async def entity(
        self, tenant: TenantId | None, key: Key, load: Callable[[], Awaitable[E | None]]
    ) -> E | None:
        return await self._cache.get(self._entities, tenant, key, load)

    async def entities(
        self,
        tenant: TenantId | None,
        keys: Sequence[K],
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, E | None]]],
    ) -> dict[K, E | None]:
        return await self._cache.get_many(self._entities, tenant, keys, load)

    async def list(
        self, tenant: TenantId | None, question: Mapping[str, Any], load: Callable[[], Awaitable[L | None]]
    ) -> L | None:
        """A list by what was asked: filters, order, cursor, page size, in any order."""
        return await self._cache.get(self._lists, tenant, self._asked(question), load, tags=[self._tag])

    async def count(
        self, tenant: TenantId | None, question: Mapping[str, Any], load: Callable[[], Awaitable[int | None]]
    ) -> int | None:
        return await self._cache.get(self._counts, tenant, self._asked(question), load, tags=[self._tag])

    def changed(self, tenant: TenantId | None, *keys: Key) -> Invalidation:
        """What is to be forgotten once a write to these rows is committed."""
        return self._cache.invalidation().keys(self._entities, tenant, *keys).tags(tenant, self._tag)

    def _asked(self, question: Mapping[str, Any]) -> Key:
        """Namespaces of lists may be shared by kinds, so the kind is part of the key."""
        try:
            text = msgspec.json.encode(dict(question), order="deterministic")
        except (TypeError, ValueError, RecursionError) as error:
            raise CacheKeyError(
                "what a list is asked for must be plain values, lists and mappings"
            ) from error
        return (self._entities.name, hashlib.blake2b(text, digest_size=16).hexdigest())
