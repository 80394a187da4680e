"""The lanes that one dispatcher has: taken and given up as others come and go, and lost with its lease."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tenfold.runtime.database import Database
from tenfold.runtime.outbox.lanes import Lane
from tenfold.runtime.outbox.leases import LaneName, Leases, shares
from tenfold.runtime.outbox.outbox import Outbox
from tenfold.runtime.outbox.reading import Memory
from tenfold.runtime.session import Session

#: What is notified where lanes are to be shared out anew.
LANES = "lanes"

_log = logging.getLogger("tenfold.runtime")


class Tenure:
    """`beat_now` is set where it is to be renewed before its time, `stirred` where there may be events."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        topics: Sequence[str],
        lease: float,
        memory: Memory,
        beat_now: asyncio.Event,
        stirred: asyncio.Event,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._outbox, self._topics, self._lease = db, outbox, topics, lease
        self._memory, self._beat_now, self._stirred, self._clock = memory, beat_now, stirred, clock
        self._leases = Leases(outbox.names, lease)
        #: Changes when the lease has run out.
        self.id = uuid.uuid4()
        self.lanes: dict[LaneName, Lane] = {}
        #: Lost, with calls that have not ended yet.
        self._ending: list[Lane] = []
        self._lane_count = 0
        self._deadline = 0.0

    def held(self) -> list[Lane]:
        """Those that are served."""
        return [lane for lane in self.lanes.values() if lane.state == "held"]

    def every(self) -> list[Lane]:
        """Those, too, in which something is still under way."""
        return [*self.lanes.values(), *self._ending]

    def outlasts(self, seconds: float) -> bool:
        """Whether the lease does, counted from now."""
        return self._clock() + seconds < self._deadline

    async def enter(self) -> None:
        async with self._db.recurring() as session:
            self._lane_count = await self._leases.enter(session, self.id, self._topics)
            await self._tell_others(session)

    async def leave(self) -> None:
        async with self._db.recurring() as session:
            await self._leases.leave(session, self.id)
            await self._tell_others(session)

    async def renew(self) -> bool:
        """Renews the lease, and takes or gives up lanes as others come and go.

        False where the lease had run out: the lanes are lost, and others will be taken at the next beat.
        """
        asked = self._clock()
        async with self._db.recurring() as session:
            known = await self._leases.renew(session, self.id)
            if known:
                holding = await self._leases.look(session, self.id, self._topics)
                left = [lane.name for lane in self.lanes.values() if lane.state == "leaving" and lane.quiet]
                if left:
                    await self._leases.release(session, self.id, left)
                    await self._tell_others(session)
                leaving = {lane.name for lane in self.lanes.values() if lane.state == "leaving"}
                ours = {name: token for name, token in holding.lanes.items() if name not in left}
                held = Counter(topic for topic, number in ours if (topic, number) not in leaving)
                wanted = shares(self._topics, self._lane_count, holding.dispatchers, held)
                for topic, number in wanted.items():
                    if number > 0:
                        ours |= await self._leases.claim(session, self.id, topic, number)
        if not known:
            await self._enter_anew()
            return False
        self._deadline = asked + self._lease
        self._hold(ours, {name for name in left if name not in ours})
        self._give_up(wanted)
        return True

    def lose_all(self) -> None:
        for lane in list(self.lanes.values()):
            self._lose(lane)

    def task_ended(self, lane: Lane) -> None:
        """A call of the lane's, or what is to be written of it, may have been the last."""
        if lane.state != "held" and not lane.tasks:
            self._beat_now.set()
        elif lane.passed:
            self._stirred.set()

    async def _tell_others(self, session: Session) -> None:
        await session.fetch_value("SELECT pg_catalog.pg_notify($1, $2)", self._outbox.channel, LANES)

    async def _enter_anew(self) -> None:
        _log.warning("the dispatcher's lease ran out; its lanes are others'")
        self.lose_all()
        self.id = uuid.uuid4()
        await self.enter()
        self._beat_now.set()

    def _hold(self, ours: Mapping[LaneName, int], released: set[LaneName]) -> None:
        for name, lane in list(self.lanes.items()):
            if name in released:
                del self.lanes[name]
            elif ours.get(name) != lane.token:
                self._lose(lane)
        self._ending = [lane for lane in self._ending if lane.tasks]
        # What is under way in a lane that was lost ends first, though the lane be ours again.
        busy = {lane.name for lane in self._ending}
        for name, token in ours.items():
            if name not in self.lanes and name not in busy:
                self.lanes[name] = Lane(name, token)

    def _give_up(self, wanted: Mapping[str, int]) -> None:
        for topic, number in wanted.items():
            held = [lane for lane in self.held() if lane.topic == topic]
            for lane in held[number:] if number < 0 else []:
                lane.state = "leaving"
                self._memory.drop(lane.drop_queues())
                self.task_ended(lane)

    def _lose(self, lane: Lane) -> None:
        lane.state = "lost"
        self._memory.drop(lane.drop_queues())
        self.lanes.pop(lane.name, None)
        if lane.tasks:
            self._ending.append(lane)
            for task in lane.tasks:
                task.cancel()
