"""Long work in short steps: each is one transaction, which writes, notes how far the job is, and goes on.

A job is an event of the outbox, its key the job's id. A step that commits is done once, however often it is
begun: it locks the job's row and goes on from where that says. So a process that is killed loses the step
that it was at, and another one takes it up when the lease of the dispatcher has run out.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Protocol

from tenfold.runtime import Database, Session
from tenfold.runtime.outbox import Event, Outbox
from tenfold_hub.kit.problems import Problem

#: The topic of the outbox.
JOBS = "jobs"
#: Seconds after which a job goes to the end of the queue, so that others have their turn.
TURN = 5.0
#: Attempts at one step, after which the job has failed.
ATTEMPTS = 8

#: Imports of one organization that are not over, and exports.
MOST_UNFINISHED = 20

# Two who begin at once would both see room for one.
_ONE = "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws('/', $1::uuid, $2::text), 7311))"
# Whose upload broke off is not waited for.
_UNFINISHED = """
SELECT count(*) FROM {table}
 WHERE organization_id = $1 AND status IN ('uploading', 'queued', 'running')
   AND (status <> 'uploading' OR created_at > now() - interval '1 hour')
"""

_log = logging.getLogger("tenfold_hub")


class Work(Protocol):
    """One kind of job."""

    async def step(self, session: Session, id: uuid.UUID) -> bool:
        """Does what comes next, in the session's transaction; False where nothing is left to do."""
        ...

    async def give_up(self, session: Session, id: uuid.UUID) -> None:
        """A step failed again and again, by a fault of ours."""
        ...


class Jobs:
    """Consumes JOBS."""

    def __init__(self, db: Database, outbox: Outbox, kinds: Mapping[str, Work]) -> None:
        self._db, self._outbox, self.kinds = db, outbox, kinds

    async def begin(self, session: Session, kind: str, id: uuid.UUID) -> None:
        """Has the job taken up once the session's transaction is committed."""
        await self._outbox.publish(session, JOBS, f"{kind}/{id}")

    async def __call__(self, event: Event) -> None:
        kind, _, text = event.key.partition("/")
        work, id = self.kinds[kind], uuid.UUID(text)
        until = time.monotonic() + TURN
        more = True
        try:
            while more:
                async with self._db.tenant(event.tenant) as session:
                    more = await work.step(session, id)
                    if more and time.monotonic() > until:
                        await self.begin(session, kind, id)
                        more = False
        except Exception:
            if event.attempt < ATTEMPTS:
                raise
            _log.exception("a job of the kind %s failed for good", kind)
            async with self._db.tenant(event.tenant) as session:
                await work.give_up(session, id)


async def require_room(session: Session, table: str) -> None:
    """Raises Problem where jobs of this kind that the organization began before fill its places."""
    await session.execute(_ONE, session.tenant, table)
    if await session.fetch_value(_UNFINISHED.format(table=table), session.tenant) >= MOST_UNFINISHED:
        name = table.rpartition(".")[2]
        detail = f"{MOST_UNFINISHED} {name} of this organization are under way; wait for one, or cancel it"
        raise Problem("too_many_jobs", detail, headers={"Retry-After": "30"})
