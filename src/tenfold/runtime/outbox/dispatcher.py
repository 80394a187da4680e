"""Delivers events to consumers, in any number of processes.

    async def paid(event: Event) -> None: ...

    async with Dispatcher(db, outbox, {"order.paid": paid}):
        ...

The lanes of each topic are shared out among the dispatchers that serve it; a dispatcher has them for some
seconds, and again as long as it lives. An event is delivered at least once, and before those that follow it
in its key. What can be delivered again is what was under way, or just done, when a dispatcher ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from tenfold.errors import OutboxError, UsageError
from tenfold.runtime.database import Database
from tenfold.runtime.outbox.delivery import Delivery
from tenfold.runtime.outbox.event import Event
from tenfold.runtime.outbox.horizon import Horizon
from tenfold.runtime.outbox.lanes import Lane
from tenfold.runtime.outbox.link import explained, listen, passing
from tenfold.runtime.outbox.outbox import Outbox
from tenfold.runtime.outbox.outcomes import Batch, Outcomes, settle, write
from tenfold.runtime.outbox.reading import Memory, Reader
from tenfold.runtime.outbox.retrying import Subscription
from tenfold.runtime.outbox.store import Store
from tenfold.runtime.outbox.tenure import LANES, Tenure

#: Seconds after which events that wait for a transaction are worth a line in the log.
LONG_WAIT = 10.0
# Seconds: between two looks at least; until what was found missing is looked for again, at first; until a
# server that failed is asked again, at first and at most.
_BREATH, _AGAIN, _PAUSE, _LONGEST_PAUSE = 0.002, 0.002, 0.1, 2.0

T = TypeVar("T")

_log = logging.getLogger("tenfold.runtime")


class DispatcherStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of one dispatcher. Numbers of now, then totals since it was made."""

    #: Lanes that it has; events in memory; calls of consumers under way.
    lanes: int
    held: int
    running: int
    #: It hears notifications; without, it polls.
    hearing: bool
    #: Seconds for which events that are committed have waited for a transaction that is not.
    horizon_lag: float
    delivered: int
    #: Attempts that failed; of these the last ones, after which an event is dead or blocks its key.
    failed: int
    dead: int
    blocked: int


def _uptime() -> float:
    """Seconds that go on while the machine is suspended, as those of the server do."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Dispatcher:
    """`db` is connected as the dispatcher's role. A consumer is a coroutine function, or a Subscription.

    `concurrency` calls run at once, `prefetch` events are held in memory at most. A dispatcher that dies is
    replaced after `lease` seconds, of which a consumer's timeout may take a half. `poll` is how often one
    looks for what notifications have not told. Leaving the block waits for calls under way, `stop_within`
    seconds at most, then cancels them.

    Raises UsageError for arguments that cannot be; starting it raises OutboxError where the tables are
    missing, or not for this role.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        consumers: Mapping[str, Callable[[Event], Awaitable[object]] | Subscription],
        *,
        concurrency: int = 32,
        prefetch: int = 2_000,
        lease: float = 30.0,
        poll: float = 1.0,
        stop_within: float = 10.0,
        listens: bool = True,
        clock: Callable[[], float] = _uptime,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not consumers or min(concurrency, prefetch) < 1 or min(lease, poll, stop_within) <= 0:
            raise UsageError("a Dispatcher has consumers, and its limits and times are greater than 0")
        self._subscriptions = {
            topic: each if isinstance(each, Subscription) else Subscription(call=each)
            for topic, each in consumers.items()
        }
        for topic, subscription in self._subscriptions.items():
            if 2 * subscription.timeout > lease:
                raise UsageError(
                    f"the timeout of {topic} is more than half of the lease of {lease:g} s; set one of them"
                )
        self._db, self._outbox, self._clock = db, outbox, clock
        self._lease, self._poll, self._stop_within = lease, poll, stop_within
        self._listens = listens and not db.behind_pooler
        self._store, self._memory = Store(outbox.names), Memory(prefetch)
        self._stirred, self._beat_now = asyncio.Event(), asyncio.Event()
        self._tenure = Tenure(
            db, outbox, list(self._subscriptions), lease, self._memory, self._beat_now, self._stirred, clock
        )
        self._noted = asyncio.Event()
        self._outcomes = Outcomes(self._noted.set)
        self._delivery = Delivery(
            self._subscriptions,
            self._outcomes,
            concurrency,
            self._may_start,
            self._memory.drop,
            self._tenure.task_ended,
            chance,
        )
        self._horizon = Horizon()
        self._reader = Reader(self._store, self._memory, self._delivery.offer, self._outcomes, poll)
        self._hearing = self._stopping = self._finishing = self._broken = False
        self._warned = 0
        self._idle = poll
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # --- starting and stopping -----------------------------------------------------------------------

    async def start(self) -> None:
        """Takes its share of lanes, and begins. A second time does nothing."""
        if self._tasks or self._stopping:
            return
        _log.info("session of the system: dispatches the outbox in schema %s", self._outbox.names.schema)
        try:
            await self._tenure.enter()
            await self._beat()
        except Exception as error:
            told = explained(error, self._outbox.names.schema)
            if told is None:
                raise
            raise told from error
        parts = {"keeps": self._keep(), "reads": self._read(), "writes": self._write()}
        if self._listens:
            parts["hears"] = listen(self._db, self._outbox.channel, self._heard, self._connected)
        for name, part in parts.items():
            task = self._tasks[name] = asyncio.create_task(part, name=f"tenfold: outbox, {name}")
            task.add_done_callback(self._part_ended)

    async def run(self) -> None:
        """Starts, and goes on until it is cancelled, or something is wrong that does not pass."""
        async with self:
            # A part that fails has the others cancelled.
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Ends within the time that was set, or abandons what is under way. A second time does nothing."""
        if self._stopping or not self._tasks:
            return
        self._stopping = True
        await _ended(self._tasks[name] for name in self._tasks if name in ("reads", "hears"))
        lanes = self._tenure.every()
        calls = [task for lane in lanes for task in lane.tasks]
        if calls:
            await asyncio.wait(calls, timeout=self._stop_within)
        for lane in lanes:
            self._memory.drop(lane.drop_queues())
        stubborn = await _ended(calls, timeout=1.0)
        await _ended([self._tasks["keeps"]])
        self._finishing = True
        self._noted.set()
        await asyncio.wait([self._tasks["writes"]], timeout=self._stop_within)
        await _ended([self._tasks["writes"]])
        if not stubborn:
            await self._leave()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failures = [task.exception() for task in self._tasks.values() if task.done() and not task.cancelled()]
        await self.stop()
        for failure in failures:
            if failure is not None and error is None:
                raise OutboxError(f"the dispatcher has ended, with {type(failure).__name__}") from failure

    def statistics(self) -> DispatcherStatistics:
        """Asks no server; `Outbox.backlog` does."""
        outcomes = self._outcomes
        return DispatcherStatistics(
            lanes=len(self._tenure.held()),
            held=self._memory.held,
            running=self._delivery.running,
            hearing=self._hearing,
            horizon_lag=self._horizon.lag(self._clock()),
            delivered=outcomes.delivered,
            failed=outcomes.failed,
            dead=outcomes.buried,
            blocked=outcomes.blocked,
        )

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        """Where a part cannot go on, the others end with it, so that the lease does, and others take over."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._broken = True
        _log.error("the dispatcher of the outbox has ended: %s", type(error).__name__)
        for other in self._tasks.values():
            other.cancel()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(self._stop_within):
                await self._tenure.leave()
        except Exception as error:  # noqa: BLE001 - the lease runs out by itself, and stopping has to end
            _log.info("the dispatcher's lanes are free when its lease ends: %s", type(error).__name__)

    # --- notifications -------------------------------------------------------------------------------

    def _heard(self, said: str) -> None:
        if said == LANES:
            self._beat_now.set()
        else:
            self._stirred.set()

    def _connected(self, hearing: bool) -> None:
        self._hearing = hearing
        if hearing:
            # What was said before it listened is lost, and is looked for.
            self._stirred.set()
            self._beat_now.set()

    # --- lanes ---------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await _set_within(self._beat_now, self._lease / 4)
            self._beat_now.clear()
            await self._insist(self._beat)

    async def _beat(self) -> None:
        if await self._tenure.renew():
            for lane in self._tenure.lanes.values():
                self._delivery.offer_all(lane)
            self._stirred.set()

    def _may_start(self, lane: Lane, seconds: float) -> bool:
        return (
            lane.state == "held" and not (self._stopping or self._broken) and self._tenure.outlasts(seconds)
        )

    # --- reading -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            self._stirred.clear()
            pause = await self._insist(self._round)
            if pause > 0:
                await asyncio.sleep(_BREATH)
                await _set_within(self._stirred, pause - _BREATH)

    async def _round(self) -> float:
        """Looks for events once. Seconds until it is to be done again, unless something stirs."""
        now = self._clock()
        async with self._db.recurring() as session:
            look = await self._store.look(session, self._horizon.target)
            if not self._horizon.saw(look, now):
                # Another server may know less than the former did.
                self._tenure.lose_all()
                self._beat_now.set()
                return self._poll
            more, found = await self._reader.look(session, self._tenure.held(), self._horizon.safe, now)
        self._warn(now)
        if more and not self._reader.starved:
            return 0.0
        return min(self._until_next(found), max(_BREATH, self._reader.next_due - self._clock()))

    def _until_next(self, found: bool) -> float:
        horizon = self._horizon
        if horizon.target > horizon.safe:
            # Who ends without having written tells nobody.
            return min(self._poll, max(_AGAIN, horizon.lag(self._clock())))
        self._idle = self._poll if self._hearing else self._poll / 20 if found else 2 * self._idle
        self._idle = min(self._idle, self._poll)
        return self._idle

    def _warn(self, now: float) -> None:
        horizon = self._horizon
        if horizon.lag(now) > LONG_WAIT and self._warned != horizon.target:
            self._warned = horizon.target
            _log.warning(
                "events wait for %d transactions that write to the outbox, the oldest for %.0f s",
                *(len(horizon.awaited), horizon.lag(now)),
            )

    # --- writing -------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while not (self._finishing and self._outcomes.empty):
            await self._noted.wait()
            self._noted.clear()
            await self._write_batch(self._outcomes.cut())

    async def _write_batch(self, batch: Batch) -> None:
        lanes = batch.lanes()
        if not lanes:
            return
        if not await self._insist(lambda: write(self._db, self._store, self._tenure.id, batch)):
            self._beat_now.set()
        self._memory.drop(settle(batch))
        for lane in lanes:
            self._tenure.task_ended(lane)
        pauses = [failure.pause for _, _, failure in batch.failed if failure.pause is not None]
        if pauses:
            self._reader.expect(self._clock() + min(pauses))
        if pauses or self._reader.starved:
            self._stirred.set()

    async def _insist(self, what: Callable[[], Awaitable[T]]) -> T:
        """Does it, again and again where the server or the network fails."""
        pause = _PAUSE
        while True:
            try:
                return await what()
            except Exception as error:
                if not passing(error):
                    raise
                _log.info("the outbox waits for the server: %s", type(error).__name__)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _ended(tasks: Iterable[asyncio.Task[None]], timeout: float | None = None) -> bool:
    """Cancels them, and waits. True where some have not ended in time."""
    every = list(tasks)
    for task in every:
        task.cancel()
    if not every:
        return False
    _, pending = await asyncio.wait(every, timeout=timeout)
    return bool(pending)
