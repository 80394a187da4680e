"""What a dispatcher holds in memory of its lanes. Nothing here asks a server or waits.

A lane is read once from its beginning, by a cursor. Events go to the strand of their key, few at a time: what
a strand has no room for, or what follows an event that failed, is passed over, and read later by its key. So
a key that is slow, or fails, has its place, however many events it has, and none of the others'.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from tenfold.runtime.outbox.leases import LaneName
from tenfold.runtime.outbox.store import Due, Stored
from tenfold.runtime.tenant import TenantId

#: Events of one key in memory.
DEPTH = 50

StrandName: TypeAlias = tuple[TenantId, str]


class Strand:
    """The events of one key that are next."""

    __slots__ = (
        "alone",
        "attempts",
        "behind",
        "busy",
        "clearing",
        "failing",
        "last",
        "name",
        "parked",
        "queue",
        "resting",
        "retry",
    )

    def __init__(self, name: StrandName) -> None:
        self.name = name
        self.queue: deque[Stored] = deque()
        #: Somebody delivers from it.
        self.busy = False
        #: The cursor has passed events of it, which are read by key: those after `last`.
        self.behind = False
        self.last = 0
        #: Nothing is read or delivered: a failure is being written or, where it rests, waits for its time.
        self.parked = self.resting = False
        #: The event of its row in the table of retries; 0 where it has none. Its deletion is under way.
        self.retry = 0
        self.clearing = False
        #: The event that failed, and how often it has.
        self.failing = self.attempts = 0
        #: Of a topic that is consumed in batches: delivered event by event.
        self.alone = False

    @property
    def idle(self) -> bool:
        return not (self.queue or self.busy or self.behind or self.parked or self.retry)

    def room(self) -> int:
        return DEPTH - len(self.queue)


class Lane:
    """`held`: it is served. `leaving`: what is under way ends, then it is given up. `lost`: another's."""

    __slots__ = ("busy", "cursor", "name", "passed", "state", "strands", "tasks", "token", "unwritten")

    def __init__(self, name: LaneName, token: int) -> None:
        self.name = name
        self.token = token
        self.state: Literal["held", "leaving", "lost"] = "held"
        #: Everything up to here was read, or passed over.
        self.cursor = 0
        self.strands: dict[StrandName, Strand] = {}
        #: Those that are behind.
        self.passed: dict[StrandName, Strand] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        #: Outcomes that the server does not know yet.
        self.unwritten = 0
        #: A batch of it is under way.
        self.busy = False

    @property
    def topic(self) -> str:
        return self.name[0]

    @property
    def quiet(self) -> bool:
        """Nothing is under way, and the server knows everything."""
        return not self.tasks and not self.unwritten

    def take(self, rows: Iterable[Stored], cursor: int) -> tuple[list[Strand], int]:
        """Events in their order, up to the cursor, which goes there; who got some, and how many."""
        got: dict[StrandName, Strand] = {}
        taken = 0
        for row in rows:
            name = (row.tenant, row.key)
            strand = self.strands.get(name)
            if strand is None:
                strand = self.strands[name] = Strand(name)
            if strand.parked or strand.behind:
                continue
            if strand.room() <= 0:
                self._pass(strand)
                continue
            strand.queue.append(row)
            strand.last = row.id
            got[name] = strand
            taken += 1
        self.cursor = max(self.cursor, cursor)
        return list(got.values()), taken

    def wanting(self) -> list[Strand]:
        """Those behind that have room for a good part of what follows."""
        return [each for each in self.passed.values() if not each.parked and 2 * len(each.queue) <= DEPTH]

    def take_of_key(self, strand: Strand, rows: Sequence[Stored], after: int, *, whole: bool) -> int:
        """What was read of one behind: the events after that one; with `whole`, all up to the cursor.

        The number of those taken: none, where the strand was set back in the meantime.
        """
        if self.strands.get(strand.name) is not strand or strand.parked or strand.last != after:
            return 0
        strand.queue.extend(rows)
        if rows:
            strand.last = rows[-1].id
        if whole and not strand.retry:
            strand.behind = False
            del self.passed[strand.name]
            self.tidy(strand)
        return len(rows)

    def retry(self, due: Due) -> None:
        """The time of a row of the table of retries has come."""
        name = (due.tenant, due.key)
        strand = self.strands.get(name)
        if strand is None:
            strand = self.strands[name] = Strand(name)
            strand.parked = True
        elif strand.parked and not strand.resting:
            return  # what is being written is newer
        strand.retry, strand.clearing = due.event_id, False
        self._pass(strand)
        if strand.parked:
            strand.parked = strand.resting = False
            strand.last = due.event_id - 1
            strand.failing, strand.attempts = due.event_id, due.attempts

    def retrying(self) -> list[int]:
        """The events of rows in the table of retries that are at work already."""
        return [each.retry for each in self.passed.values() if each.retry and not each.parked]

    def park(self, strand: Strand, failed: Stored) -> int:
        """The event failed once more; nothing of its key goes on. The number of events dropped."""
        strand.attempts = strand.attempts + 1 if strand.failing == failed.id else 1
        strand.failing = failed.id
        dropped = len(strand.queue)
        strand.queue.clear()
        strand.parked, strand.resting = True, False
        self._pass(strand)
        return dropped

    def forget_parked(self) -> None:
        """Those whose row the server has: reading leaves them out from now on."""
        for strand in [each for each in self.passed.values() if each.resting and not each.busy]:
            del self.passed[strand.name]
            del self.strands[strand.name]

    def tidy(self, strand: Strand) -> None:
        """Forgets one that has nothing left to do."""
        if strand.idle and self.strands.get(strand.name) is strand:
            del self.strands[strand.name]

    def drop_queues(self) -> int:
        """Nothing more is to be delivered; the number of events dropped."""
        dropped = sum(len(each.queue) for each in self.strands.values())
        for strand in self.strands.values():
            strand.queue.clear()
        return dropped

    def _pass(self, strand: Strand) -> None:
        strand.behind = True
        self.passed[strand.name] = strand
