"""What is done beside requests: segments are computed and cleared in bounded batches, and time is kept.

From the moment a rule is committed, whoever writes a thing keeps its membership by it; so what is left to do
are the things that were there: they are walked by id, a batch to a transaction, each held against its writers
for that long. Segments of a resource that are equally far walk together. How far they came stands in the
segments themselves: whatever ends a process, the next one that meets them goes on.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from tenfold.runtime import Database, Session
from tenfold_hub.kit.records import Records
from tenfold_hub.segments import repository
from tenfold_hub.segments.keeping import Keeper
from tenfold_hub.segments.repository import Unfinished

#: Things of one transaction, and memberships that are cleared in one.
BATCH, CLEARED = 1_000, 5_000
#: Seconds between two looks at what time has changed.
EVERY = 60.0

_BEGINNING = uuid.UUID(int=0)
# One probe of an index for each organization, whatever waits in it.
_WAITING = """
SELECT o.id, EXISTS (SELECT FROM crm.segments AS s
                      WHERE s.organization_id = o.id AND s.state IN ('computing', 'clearing')) AS unfinished,
       EXISTS (SELECT FROM crm.segment_dues AS d
                WHERE d.organization_id = o.id AND d.due_at <= now()) AS due
  FROM identity.organizations AS o
"""
_log = logging.getLogger("tenfold_hub.segments")


class _OvertakenError(Exception):
    """Another process did this batch, or a rule was changed: nothing of ours stays."""


class Worker:
    """Of one process. `waking` is connected as the maintenance role and learns who has something due."""

    def __init__(
        self,
        db: Database,
        keeper: Keeper,
        records: Mapping[str, Records],
        waking: Database | None = None,
        *,
        batch: int = BATCH,
        every: float = EVERY,
    ) -> None:
        self._db, self._keeper, self._records, self._waking = db, keeper, records, waking
        self._batch, self._every = batch, every
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        #: Who is to be looked at since the last look at them began.
        self._asked: set[uuid.UUID] = set()
        self._clock: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._waking is not None:
            await self._waking.__aenter__()
            self._clock = asyncio.create_task(self._keep_time(self._waking))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._tasks.values(), *([self._clock] if self._clock else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._waking is not None:
            await self._waking.__aexit__(kind, error, trace)

    # --- computing -----------------------------------------------------------------------------------

    def begin(self, organization: uuid.UUID) -> asyncio.Task[None]:
        """Goes on with what is unfinished there, in the background."""
        # Of one that is under way nobody knows whether it has looked already.
        self._asked.add(organization)
        task = self._tasks.get(organization)
        if task is None or task.done():
            task = self._tasks[organization] = asyncio.create_task(self._quietly(organization))
            task.add_done_callback(partial(self._forget, organization))
        return task

    async def finish(self, organization: uuid.UUID) -> None:
        """Until nothing is unfinished."""
        while await self.step(organization):
            pass

    async def step(self, organization: uuid.UUID) -> bool:
        """One batch; whether there is more to do."""
        try:
            async with self._db.tenant(organization) as session:
                unfinished = await repository.unfinished(session)
                if not unfinished:
                    return False
                first = unfinished[0]
                if first.state == "clearing":
                    await self._clear(session, first)
                else:
                    group = [each for each in unfinished if _together(first, each)]
                    await self._compute(session, group)
        except _OvertakenError:
            await asyncio.sleep(0)
        return True

    async def _compute(self, session: Session, group: Sequence[Unfinished]) -> None:
        first = group[0]
        # Before anything else: whoever changes a segment holds it, and then waits for all who hold the rules.
        if not await repository.hold(session, group):
            raise _OvertakenError
        after = first.computed_to or _BEGINNING
        things = await self._records[first.resource].rows.walk(session, after, self._batch)
        held = {thing["id"]: thing for thing in things}
        segments = await self._keeper.catalog.held(session)
        more = len(things) == self._batch
        last = things[-1]["id"] if things else first.computed_to
        done = await repository.advance(session, group, last, len(things), "computing" if more else "ready")
        roots = frozenset(each.id for each in group if each.id in segments.by_id)
        if done != len(group) or len(roots) != len(group):
            raise _OvertakenError
        await self._keeper.keep(
            session, segments, first.resource, dict.fromkeys(held, roots), held=held, told=False
        )

    async def _clear(self, session: Session, segment: Unfinished) -> None:
        # Held, so that nobody brings it back meanwhile, nor has since it was looked at.
        if not await repository.hold(session, [segment]):
            raise _OvertakenError
        if await repository.clear(session, segment.id, CLEARED):
            await repository.put_state(session, [segment.id], "clearing", "cleared")

    # --- time ----------------------------------------------------------------------------------------

    async def sweep(self, organization: uuid.UUID) -> int:
        """Asks again those things whose conditions turn by time alone; how many pairs were due."""
        count = 0
        while found := await self._due(organization):
            count += found
        return count

    async def _due(self, organization: uuid.UUID) -> int:
        """One batch, of things of one resource after the other."""
        now = self._keeper.clock()
        async with self._db.tenant(organization) as session:
            pairs = await repository.due(session, now, self._batch)
            if not pairs:
                return 0
            # Things are held before the rules, as writers do.
            held = {
                name: await self._records[name].rows.lock(session, {object for _, object in pairs})
                for name in ("people", "contacts", "companies")
            }
            segments = await self._keeper.catalog.held(session)
            await repository.done(session, pairs, now)
            for name, things in held.items():
                roots: dict[uuid.UUID, frozenset[uuid.UUID]] = {}
                for segment, object in pairs:
                    known = segments.by_id.get(segment)
                    if object in things and known is not None and known.resource == name:
                        roots[object] = roots.get(object, frozenset()) | {segment}
                await self._keeper.keep(session, segments, name, roots, held=things)
        return len(pairs)

    async def wake(self, waking: Database) -> None:
        """Goes on with what is unfinished in any organization, and asks again what is due."""
        async with waking.system("segments: who has something to do", read_only=True) as session:
            rows = await session.fetch(_WAITING)
        for row in rows:
            if row["unfinished"]:
                self.begin(row["id"])
            if row["due"]:
                await self.sweep(row["id"])

    async def _keep_time(self, waking: Database) -> None:
        while True:
            try:
                await self.wake(waking)
            except Exception as error:  # noqa: BLE001 - what is due stays due, and the next look finds it
                _log.warning("what time changes in segments waits: %s", type(error).__name__)
            await asyncio.sleep(self._every)

    # --- how -----------------------------------------------------------------------------------------

    def _forget(self, organization: uuid.UUID, task: asyncio.Task[None]) -> None:
        if self._tasks.get(organization) is task:
            del self._tasks[organization]

    async def _quietly(self, organization: uuid.UUID) -> None:
        pauses = [0.2, 1.0, 5.0]
        while organization in self._asked:
            self._asked.discard(organization)
            try:
                await self.finish(organization)
            except Exception as error:  # noqa: BLE001 - said in the log, and by the state of the segments
                _log.warning("segments are not computed yet: %s", type(error).__name__)
                if not pauses:
                    await self._fail(organization)
                    return
                self._asked.add(organization)
                await asyncio.sleep(pauses.pop(0))

    async def _fail(self, organization: uuid.UUID) -> None:
        async with self._db.tenant(organization) as session:
            found = [each.id for each in await repository.unfinished(session)]
            await repository.put_state(session, found, "computing", "failed")


def _together(first: Unfinished, other: Unfinished) -> bool:
    return (first.state, first.resource, first.computed_to) == (
        other.state,
        other.resource,
        other.computed_to,
    )
