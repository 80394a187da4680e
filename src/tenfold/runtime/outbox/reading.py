"""Reads events into memory: of each lane what is new, and by key what is to be tried again or was passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tenfold.runtime.outbox.lanes import DEPTH, Lane, Strand
from tenfold.runtime.outbox.leases import LaneName
from tenfold.runtime.outbox.outcomes import Outcomes
from tenfold.runtime.outbox.store import Store, Stored
from tenfold.runtime.session import Session

_KEYS_AT_ONCE = 50
#: Of each lane at a time, where there is room for so many; a little more than there is room for, at worst.
_LEAST = 20
#: Seconds until those that are to be tried again are looked for, where there are many.
_SOON = 0.05


class Memory:
    """How many events a dispatcher holds, those included whose outcome the server does not know."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    @property
    def room(self) -> int:
        return self._most - self.held

    def drop(self, events: int) -> None:
        self.held -= events


class Reader:
    """`offer` is given each strand that got events. Lanes may be lost while the server is asked."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        offer: Callable[[Lane, Strand], None],
        outcomes: Outcomes,
        poll: float,
    ) -> None:
        self._store, self._memory, self._offer, self._outcomes = store, memory, offer, outcomes
        self._poll = poll
        #: There is no room for what there is to read.
        self.starved = False
        #: When to look for those that are to be tried again.
        self.next_due = 0.0

    def expect(self, due: float) -> None:
        self.next_due = min(self.next_due, due)

    async def look(self, session: Session, lanes: Sequence[Lane], safe: int, now: float) -> tuple[bool, bool]:
        """Whether there is more, and whether anything was there."""
        more, found = await self._read_lanes(session, lanes, safe)
        await self._read_due(session, lanes, now)
        return await self._read_passed(session, lanes) or more, found

    async def _read_lanes(self, session: Session, held: Sequence[Lane], safe: int) -> tuple[bool, bool]:
        lanes = [lane for lane in held if lane.cursor < safe]
        room = self._memory.room
        self.starved = room <= 0 and bool(lanes)
        if not lanes or room <= 0:
            return False, False
        most = max(_LEAST, room // len(lanes))
        for lane in lanes:
            lane.forget_parked()
        rows = await self._store.read(session, [(*lane.name, lane.cursor) for lane in lanes], safe, most)
        by_lane: dict[LaneName, list[Stored]] = {lane.name: [] for lane in lanes}
        for row in rows:
            by_lane[row.topic, row.lane].append(row)
        full = False
        for lane in lanes:
            theirs = by_lane[lane.name]
            if lane.state != "held":
                continue
            more = len(theirs) == most
            strands, taken = lane.take(theirs, theirs[-1].id if more else safe)
            full = full or more
            self._memory.held += taken
            for strand in strands:
                self._offer(lane, strand)
        return full, bool(rows)

    async def _read_due(self, session: Session, held: Sequence[Lane], now: float) -> None:
        """Keys whose time has come again. Their events are read by key."""
        lanes = {lane.name: lane for lane in held}
        if not lanes or now < self.next_due:
            return
        busy = [event for lane in lanes.values() for event in lane.retrying()]
        most = max(1, min(self._memory.room, _KEYS_AT_ONCE))
        rows = await self._store.due(session, list(lanes), busy, most)
        # There may be more of those whose time has come than were asked for.
        self.next_due = now + (_SOON if len(rows) >= most else self._poll)
        for due in rows:
            lane = lanes[due.topic, due.lane]
            if due.seconds > 0:
                self.next_due = now + min(due.seconds, self._poll)
                break
            if lane.state == "held":
                lane.retry(due)

    async def _read_passed(self, session: Session, held: Sequence[Lane]) -> bool:
        """Of keys that the cursor has passed, what follows. Whether there is more."""
        every = [(lane, strand) for lane in held for strand in lane.wanting()]
        wanting = every[:_KEYS_AT_ONCE]
        if not wanting or self._memory.room <= 0:
            return False
        asked = [(lane.topic, *strand.name, strand.last, lane.cursor) for lane, strand in wanting]
        most = DEPTH // 2
        found: dict[tuple[str, object, str], list[Stored]] = {}
        for row in await self._store.read_keys(session, asked, most):
            found.setdefault((row.topic, row.tenant, row.key), []).append(row)
        more = False
        for (lane, strand), (*_, after, _) in zip(wanting, asked, strict=True):
            rows = found.get((lane.topic, *strand.name), [])
            more = self._took(lane, strand, rows, after, whole=len(rows) < most) or more
        return more

    def _took(self, lane: Lane, strand: Strand, rows: list[Stored], after: int, *, whole: bool) -> bool:
        if lane.state != "held":
            return False
        self._memory.held += lane.take_of_key(strand, rows, after, whole=whole)
        self._offer(lane, strand)
        idle = not (strand.queue or strand.busy or strand.parked or strand.clearing)
        if whole and not rows and strand.retry and idle:
            # The event that failed is not there any more.
            self._outcomes.clear(lane, strand)
        return not whole and strand.room() > 0
