"""Refreshes read models on schedule and on demand: each one at a time, however many processes do so.

    db = Database("postgresql://owner@localhost/product", accept_unsafe_role=True)
    async with db, Refresher(db, [CUSTOMERS]) as refresher:
        await refresher.refresh("customer_summary")

When each was refreshed is recorded in the database, so that all processes keep one schedule. What a process
asks for while it refreshes is one more refresh, however often; processes that wait take each other's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from tenfold.errors import (
    DatabaseUnavailableError,
    PoolTimeoutError,
    ReadModelError,
    TenfoldError,
    UsageError,
    did_you_mean,
)
from tenfold.runtime.database import Database
from tenfold.runtime.read_models.check import require_sound
from tenfold.runtime.read_models.model import ReadModel
from tenfold.runtime.read_models.refresh import Limits, Refreshed, refresh, refresh_if_due
from tenfold.runtime.read_models.schedule import AFTER_OUTAGE, look_again, retry_after, spread

T = TypeVar("T")

#: Refreshes that one process has under way on its schedule.
AT_ONCE = 2

_LIMITS = Limits()
_log = logging.getLogger("tenfold.runtime")


class Refresher:
    """`db` connects as the owner of the read models, whom no policy binds, or as a member of it.

    Entering it raises ReadModelError for what is not installed, is filled under policies, or can be read past
    its view. One that is declared otherwise than it is installed is logged, and not refreshed from here.
    """

    def __init__(
        self,
        db: Database,
        models: Sequence[ReadModel],
        *,
        limits: Limits = _LIMITS,
        jitter: float = 0.1,
        scheduled: bool = True,
        random: Callable[[], float] = random.random,
    ) -> None:
        if not 0 <= jitter <= 1:
            raise UsageError("jitter is a share of the time between refreshes, from 0 to 1")
        self._db, self._limits = db, limits
        self._jitter, self._random, self._scheduled = jitter, random, scheduled
        self._models = {model.name: model for model in models}
        if len(self._models) < len(models):
            raise UsageError("two read models have one name; give each Refresher one of them")
        self._turns: dict[str, asyncio.Lock] = {}
        self._next: dict[str, asyncio.Task[Refreshed]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open = False

    async def refresh(self, name: str, *, wait: bool = True) -> Refreshed:
        """Refreshes it from what is committed now; the refresh goes on where the caller is cancelled.

        Where a refresh is under way, waits for it and for the next, which all who wait share; without `wait`
        the outcome is "busy" then. Raises ReadModelError, DatabaseUnavailableError, PoolTimeoutError.
        """
        model = self._model(name)
        if not wait:
            task = self._kept(refresh(self._db, model, self._limits, wait=False))
        elif name in self._next:
            task = self._next[name]
        else:
            task = self._next[name] = self._kept(self._in_turn(model))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if task.cancelled() and not self._open and own is not None and not own.cancelling():
                raise _closed() from None
            raise

    async def refresh_due(self) -> list[Refreshed]:
        """One look at all of them, and what became of those that were due: the schedule of a cron job.

        Failures are logged and recorded. Raises DatabaseUnavailableError, PoolTimeoutError.
        """
        if not self._open:
            raise _closed()
        found = []
        for model in self._models.values():
            try:
                seen = await self._look(model)
            except ReadModelError as error:
                _log.warning("%s", error)
                continue
            if isinstance(seen, Refreshed):
                found.append(seen)
        return found

    async def open(self) -> None:
        """Looks whether all is as declared, and starts the schedule. A second time does nothing."""
        if self._open:
            return
        async with self._db.system("checks read models") as session:
            for model in self._models.values():
                if (odd := await require_sound(session, model)) is not None:
                    _log.warning("%s", odd)
        self._turns = {name: asyncio.Lock() for name in self._models}
        self._next = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._open = True
        if self._scheduled:
            for model in self._models.values():
                if model.every is not None:
                    self._kept(self._keep_fresh(model, model.every))

    async def close(self) -> None:
        """Cancels what is under way; its transactions are rolled back. A second time does nothing."""
        self._open = False
        while self._tasks:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._tasks.difference_update(tasks)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- on demand -----------------------------------------------------------------------------------

    async def _in_turn(self, model: ReadModel) -> Refreshed:
        async with self._turns[model.name]:
            # Whoever asks from here on may want what is committed from here on: another one.
            del self._next[model.name]
            return await refresh(self._db, model, self._limits)

    def _model(self, name: str) -> ReadModel:
        if not self._open:
            raise _closed()
        if name not in self._models:
            raise UsageError(f"this Refresher has no read model {name!r}{did_you_mean(name, self._models)}")
        return self._models[name]

    # --- on schedule ---------------------------------------------------------------------------------

    async def _keep_fresh(self, model: ReadModel, every: float) -> None:
        failures = 0
        while True:
            try:
                async with self._slots:
                    seen = await self._look(model)
            except (DatabaseUnavailableError, PoolTimeoutError) as error:
                pause = min(every, AFTER_OUTAGE)
                _log.warning("%s; the read model %s is looked at again in %.0f s", error, model, pause)
            except Exception as error:  # noqa: BLE001 - one failure ends neither this schedule nor another's
                failures += 1
                pause = retry_after(failures, every)
                foreseen = isinstance(error, TenfoldError)
                _log.warning("%s; looked at again in %.0f s", error, pause, exc_info=not foreseen)
            else:
                failures = 0
                pause = seen if isinstance(seen, float) else look_again(every) if seen.busy else 0.0
            await asyncio.sleep(spread(pause, self._jitter, self._random()))

    async def _look(self, model: ReadModel) -> Refreshed | float:
        async with self._turns[model.name]:
            return await refresh_if_due(self._db, model, self._limits)

    def _kept(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that lives until it ends or the Refresher is closed."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Where nobody waits any more, nobody is to be told.
        if not task.cancelled():
            task.exception()


def _closed() -> ReadModelError:
    return ReadModelError("the Refresher is not open; use it inside its `async with`")
