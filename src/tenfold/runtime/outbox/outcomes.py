"""What became of deliveries, until the server knows: written in batches, one after the other, in order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tenfold.runtime.database import Database
from tenfold.runtime.outbox.lanes import Lane, Strand
from tenfold.runtime.outbox.store import Failure, Store, Stored
from tenfold.runtime.tenant import TenantId


@dataclass(slots=True)
class Batch:
    delivered: list[tuple[Lane, Strand, Stored]] = field(default_factory=list)
    failed: list[tuple[Lane, Strand, Failure]] = field(default_factory=list)
    buried: list[tuple[Lane, Strand, Failure]] = field(default_factory=list)
    #: Rows of the table of retries that have done their duty, by the event that they name.
    cleared: list[tuple[Lane, Strand, int]] = field(default_factory=list)

    def lanes(self) -> list[Lane]:
        """One entry for each outcome."""
        every: Sequence[tuple[Lane, Strand, object]] = [
            *self.delivered,
            *self.failed,
            *self.buried,
            *self.cleared,
        ]
        return [lane for lane, _, _ in every]


class Outcomes:
    """`noted` is called when there is something to write."""

    def __init__(self, noted: Callable[[], None]) -> None:
        self._noted = noted
        self._open = Batch()
        #: Numbers since the start.
        self.delivered = self.failed = self.buried = self.blocked = 0

    def deliver(self, lane: Lane, strand: Strand, event: Stored) -> None:
        self._open.delivered.append((lane, strand, event))
        self.delivered += 1
        self._count(lane)
        if strand.retry and not strand.clearing:
            self.clear(lane, strand)

    def clear(self, lane: Lane, strand: Strand) -> None:
        strand.clearing = True
        self._open.cleared.append((lane, strand, strand.retry))
        self._count(lane)

    def fail(self, lane: Lane, strand: Strand, failure: Failure, *, bury: bool) -> None:
        (self._open.buried if bury else self._open.failed).append((lane, strand, failure))
        self.failed += 1
        self.buried += bury
        self.blocked += failure.pause is None and not bury
        self._count(lane)

    @property
    def empty(self) -> bool:
        return not self._open.lanes()

    def cut(self) -> Batch:
        batch, self._open = self._open, Batch()
        return batch

    def _count(self, lane: Lane) -> None:
        lane.unwritten += 1
        self._noted()


async def write(db: Database, store: Store, dispatcher: uuid.UUID, batch: Batch) -> bool:
    """In one transaction: an event is not kept waiting for another's sake before those before it are gone.

    False where lanes were another's by now: of those, what failed was not written, and comes again there.
    """
    in_time = True
    async with db.recurring() as session:
        if batch.delivered:
            # Whoever holds the lane now: what was delivered was delivered.
            await store.delete(session, [event.id for _, _, event in batch.delivered])
        if batch.failed or batch.buried or batch.cleared:
            held = await store.held(session, dispatcher)

            def ours(lane: Lane) -> bool:
                return lane.state != "lost" and held.get(lane.name) == lane.token

            failed = [failure for lane, _, failure in batch.failed if ours(lane)]
            buried = [failure for lane, _, failure in batch.buried if ours(lane)]
            cleared = [
                (*_key(lane, strand), event_id) for lane, strand, event_id in batch.cleared if ours(lane)
            ]
            in_time = all(map(ours, batch.lanes()))
            if cleared:
                await store.clear(session, cleared)
            if failed:
                await store.fail(session, failed)
            if buried:
                await store.bury(session, buried)
                await store.clear(session, [_key_of(failure) for failure in buried])
    return in_time


def _key(lane: Lane, strand: Strand) -> tuple[TenantId, str, str]:
    tenant, key = strand.name
    return tenant, lane.topic, key


def _key_of(failure: Failure) -> tuple[TenantId, str, str, int]:
    event = failure.event
    return event.tenant, event.topic, event.key, event.id


def settle(batch: Batch) -> int:
    """The server knows of the batch: strands may go on. The number of events that are no longer held."""
    for lane in batch.lanes():
        lane.unwritten -= 1
    for lane, strand, event_id in batch.cleared:
        if strand.retry == event_id:
            strand.retry, strand.clearing = 0, False
            lane.tidy(strand)
    for _, strand, failure in batch.failed:
        strand.retry, strand.clearing, strand.resting = failure.event.id, False, True
    for lane, strand, failure in batch.buried:
        if strand.retry == failure.event.id:
            strand.retry = 0
        strand.parked, strand.last = False, failure.event.id
        lane.tidy(strand)
    return len(batch.delivered) + len(batch.failed) + len(batch.buried)
