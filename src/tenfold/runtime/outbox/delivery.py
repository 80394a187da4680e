"""Calls consumers: one event of a key at a time, many keys at once, and no longer than the lanes are ours."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from tenfold.runtime.outbox.event import Event
from tenfold.runtime.outbox.lanes import Lane, Strand
from tenfold.runtime.outbox.outcomes import Outcomes
from tenfold.runtime.outbox.retrying import Subscription
from tenfold.runtime.outbox.store import Failure, Stored

_log = logging.getLogger("tenfold.runtime")


class Delivery:
    """`may_start` says whether a call that takes so many seconds at most would end while the lane is ours.

    `dropped` is told of events that are no longer held, `ended` that a lane's task has ended.
    """

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        outcomes: Outcomes,
        concurrency: int,
        may_start: Callable[[Lane, float], bool],
        dropped: Callable[[int], None],
        ended: Callable[[Lane], None],
        chance: Callable[[], float],
    ) -> None:
        self._subscriptions, self._outcomes = subscriptions, outcomes
        self._slots = asyncio.Semaphore(concurrency)
        self._may_start, self._dropped, self._ended, self._chance = may_start, dropped, ended, chance
        #: Calls under way.
        self.running = 0

    def offer(self, lane: Lane, strand: Strand) -> None:
        """Has what waits in the strand delivered, unless somebody is at it."""
        if not strand.queue or strand.busy or strand.parked:
            return
        subscription = self._subscriptions[lane.topic]
        if subscription.batch and not (strand.alone or strand.retry):
            if not lane.busy:
                lane.busy = True
                self._begin(lane, self._serve_batches(lane, subscription))
        else:
            strand.busy = True
            self._begin(lane, self._serve(lane, strand, subscription))

    def offer_all(self, lane: Lane) -> None:
        for strand in list(lane.strands.values()):
            self.offer(lane, strand)

    def _begin(self, lane: Lane, serving: Coroutine[Any, Any, None]) -> None:
        # An empty context: a consumer works for the tenant that the event names, and no other.
        task = asyncio.get_running_loop().create_task(
            serving, name=f"tenfold: delivers {lane.topic}", context=contextvars.Context()
        )
        lane.tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            lane.tasks.discard(task)
            self._ended(lane)
            if not task.cancelled():
                task.result()

        task.add_done_callback(done)

    # --- one key -------------------------------------------------------------------------------------

    async def _serve(self, lane: Lane, strand: Strand, subscription: Subscription) -> None:
        try:
            while strand.queue:
                async with self._slots:
                    if not strand.queue or not self._may_start(lane, subscription.timeout):
                        break
                    event = strand.queue.popleft()
                    given = _given(event, lane, strand)
                    error = await self._called(subscription, [given] if subscription.batch else given, 1)
                if error is not None:
                    self._fail(lane, strand, event, error, subscription)
                    break
                self._outcomes.deliver(lane, strand, event)
        finally:
            strand.busy = False
            lane.tidy(strand)

    def _fail(
        self, lane: Lane, strand: Strand, event: Stored, error: BaseException, subscription: Subscription
    ) -> None:
        self._dropped(lane.park(strand, event))
        pause = subscription.retry.pause(strand.attempts, self._chance())
        bury = pause is None and subscription.retry.then == "dead"
        failure = Failure(event, strand.attempts, type(error).__name__, pause)
        _log.warning(
            "event %s of %s, tenant %s, failed at attempt %d with %s, and %s",
            *(event.event, event.topic, event.tenant, strand.attempts, failure.error),
            "is dead" if bury else "blocks its key" if pause is None else f"is tried again in {pause:.1f} s",
        )
        self._outcomes.fail(lane, strand, failure, bury=bury)

    # --- batches of a lane ---------------------------------------------------------------------------

    async def _serve_batches(self, lane: Lane, subscription: Subscription) -> None:
        try:
            while True:
                async with self._slots:
                    if not self._may_start(lane, subscription.timeout):
                        break
                    batch = _next(lane, subscription.batch)
                    if not batch:
                        break
                    events = [_given(event, lane, strand) for strand, event in batch]
                    error = await self._called(subscription, events, len(events))
                self._ended_batch(lane, batch, error, subscription)
        finally:
            lane.busy = False

    def _ended_batch(
        self,
        lane: Lane,
        batch: Sequence[tuple[Strand, Stored]],
        error: BaseException | None,
        subscription: Subscription,
    ) -> None:
        strands = {strand.name: strand for strand, _ in batch}.values()
        for strand in strands:
            strand.busy = False
        if error is None:
            for strand, event in batch:
                self._outcomes.deliver(lane, strand, event)
        elif len(batch) == 1:
            self._fail(lane, *batch[0], error, subscription)
        else:
            _log.info("a batch of %s failed with %s; event by event now", lane.topic, type(error).__name__)
            for strand, event in reversed(batch):
                strand.alone = True
                strand.queue.appendleft(event)
        for strand in strands:
            self.offer(lane, strand)
            lane.tidy(strand)

    # --- a call --------------------------------------------------------------------------------------

    async def _called(
        self, subscription: Subscription, given: Event | list[Event], events: int
    ) -> BaseException | None:
        """What it raised. A call that is cancelled from outside is neither done nor failed."""
        self.running += 1
        try:
            async with asyncio.timeout(subscription.timeout):
                await subscription.call(given)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._dropped(events)
                raise
            return error
        except Exception as error:  # noqa: BLE001 - whatever a consumer raises, the event is tried again
            return error
        finally:
            self.running -= 1
        return None


def _next(lane: Lane, most: int) -> list[tuple[Strand, Stored]]:
    """The next events of keys that nobody is at, in their order; their strands are busy from now on."""
    ready = [
        (strand, event)
        for strand in lane.strands.values()
        if not (strand.busy or strand.parked or strand.alone or strand.retry)
        for event in strand.queue
    ]
    ready.sort(key=lambda entry: entry[1].id)
    del ready[most:]
    for strand, _ in ready:
        strand.queue.popleft()
        strand.busy = True
    return ready


def _given(event: Stored, lane: Lane, strand: Strand) -> Event:
    return Event(
        id=event.event,
        tenant=event.tenant,
        topic=event.topic,
        key=event.key,
        payload=_decoded(event.payload),
        created_at=event.created_at,
        attempt=strand.attempts + 1 if strand.failing == event.id else 1,
        fence=lane.token,
    )


def _decoded(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        # Numbers beyond those of msgspec, in events that others have written.
        return json.loads(payload)
