"""Loads many rows by key in one statement, though each is asked for alone: no N+1, and no other tenant's row.

    async def leads_of(tenant, keys):
        async with db.tenant(tenant, read_only=True) as session:
            rows = await session.fetch(
                "SELECT * FROM leads WHERE team_id = $1 AND id = ANY($2)", tenant, keys)
        return {row["id"]: row for row in rows}

    async with Loader(leads_of, current=current_tenant) as leads:
        first, second = await asyncio.gather(leads.load(1), leads.load(2))

A loader belongs to the tenant, and to the event loop, that it was made for, and lives as long as a request or
a job does. It keeps what it has loaded until it is cleared or closed; failures it does not keep. Whoever
gives up waiting takes nothing from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from tenfold.errors import LoaderError, TenantError
from tenfold.runtime.tenant import TenantId

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_KEYS = 1_000


class SecondLevel(Protocol[K, V]):
    """A cache that outlives the loader. It fills itself, and so fences itself against stale fills."""

    async def get_many(
        self, tenant: TenantId, keys: Sequence[K], load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], /
    ) -> Mapping[K, V]:
        """What it holds of the keys, and what `load` returns for the others; no key that has no row."""
        ...


class Loader(Generic[K, V]):
    """`current` says which tenant the running task works for, None where it works for none.

    It is asked when the loader is made and at every use. Raises TenantError where there is no tenant, or not
    the one that the loader was made for; LoaderError after closing and in another event loop.
    """

    def __init__(
        self,
        fetch: Callable[[TenantId, list[K]], Awaitable[Mapping[K, V]]],
        *,
        current: Callable[[], TenantId | None],
        most_keys: int = MOST_KEYS,
        second_level: SecondLevel[K, V] | None = None,
    ) -> None:
        tenant = current()
        if tenant is None:
            raise TenantError("a loader is made for a tenant, and none is set here")
        if most_keys < 1:
            raise LoaderError("a loader asks for at least one key at a time")
        self.tenant: TenantId = tenant
        self._fetch, self._current = fetch, current
        self._most_keys = most_keys
        self._second_level = second_level
        self._loop = asyncio.get_running_loop()
        #: By key: loaded, being loaded, or waiting for its turn.
        self._answers: dict[K, asyncio.Future[V | None]] = {}
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._written: set[K] = set()
        self._all_written = False
        self._closed = False

    async def load(self, key: K) -> V | None:
        """The row of the key, None where there is none. What `fetch` raises is raised here."""
        return await asyncio.shield(self._answer(key))

    async def load_many(self, keys: Iterable[K]) -> list[V | None]:
        """The rows of the keys, in their order. Raises the first failure."""
        answers = [self._answer(key) for key in keys]
        return [await asyncio.shield(answer) for answer in answers]

    def clear(self, key: K) -> None:
        """Call it after a write: the next load asks the database, and not the second level.

        A load that is under way answers those who wait for it already, and nobody else.
        """
        self._require_own()
        self._written.add(key)
        if key not in self._waiting:
            self._answers.pop(key, None)

    def clear_all(self) -> None:
        """`clear` for every key."""
        self._require_own()
        self._all_written = True
        self._answers = dict(self._waiting)

    def prime(self, key: K, value: V | None) -> None:
        """What is known already need not be loaded. It takes the place of what was there."""
        self._require_own()
        answer = self._waiting.pop(key, None) or self._loop.create_future()
        answer.set_result(value)
        self._answers[key] = answer

    async def aclose(self) -> None:
        """Ends what is under way; who waits for it gets a LoaderError. A second time does nothing."""
        self._closed = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])
        self._waiting.clear()
        for answer in self._answers.values():
            _fail(answer, _closed())
        self._answers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _answer(self, key: K) -> asyncio.Future[V | None]:
        self._require_own()
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._waiting[key] = self._loop.create_future()
            if self._worker is None:
                # Its first step comes after those of all tasks that are ready now, whose keys it takes along.
                self._worker = self._loop.create_task(self._work())
        return answer

    def _require_own(self) -> None:
        if self._closed:
            raise _closed()
        tenant = self._current()
        if tenant is None:
            raise TenantError("this task works for no tenant, and the loader was made for one")
        if tenant != self.tenant:
            raise TenantError("the loader was made for another tenant than the one this task works for")
        if asyncio.get_running_loop() is not self._loop:
            raise LoaderError("the loader was made in another event loop; make one in each")

    # --- batches -------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Asks for what waits, one call of `fetch` after the other, until nothing does."""
        try:
            while self._waiting:
                keys = list(islice(self._waiting, self._most_keys))
                await self._load({key: self._waiting.pop(key) for key in keys})
        finally:
            self._worker = None

    async def _load(self, batch: dict[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._found(list(batch))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            self._failed(batch, error)
        except BaseException:
            self._failed(batch | self._waiting, _closed())
            self._waiting.clear()
            raise
        else:
            for key, answer in batch.items():
                answer.set_result(found.get(key))

    async def _found(self, keys: list[K]) -> Mapping[K, V]:
        fresh = keys
        found: dict[K, V] = {}
        if self._second_level is not None and not self._all_written:
            # A transaction's own writes must not be missed here, nor be shared before they are committed.
            fresh = [key for key in keys if key in self._written]
            shared = [key for key in keys if key not in self._written]
            if shared:
                found.update(await self._second_level.get_many(self.tenant, shared, self._fetched))
        if fresh:
            found.update(await self._fetched(fresh))
        return found

    async def _fetched(self, keys: Sequence[K]) -> Mapping[K, V]:
        found = await self._fetch(self.tenant, list(keys))
        if not isinstance(found, Mapping):
            raise LoaderError(f"what a loader fetches is a mapping by key, not a {type(found).__name__}")
        if strange := found.keys() - set(keys):
            raise LoaderError(
                f"{len(strange)} of {len(found)} rows came under a key that was not asked for; the mapping "
                f"has keys of type {_types(found)}, asked were {_types(keys)}"
            )
        return found

    def _failed(self, batch: Mapping[K, asyncio.Future[V | None]], error: BaseException) -> None:
        for key, answer in batch.items():
            if self._answers.get(key) is answer:
                del self._answers[key]
            _fail(answer, error)


def _fail(answer: asyncio.Future[V], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
        # Where nobody waits any more, nobody is to be told.
        answer.exception()


def _closed() -> LoaderError:
    return LoaderError("the loader is closed")


def _types(keys: Iterable[object]) -> str:
    return ", ".join(sorted({type(key).__name__ for key in keys}))
