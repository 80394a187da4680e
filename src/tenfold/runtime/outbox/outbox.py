"""Events that are written with what they tell of, in one transaction, and delivered after it, at least once.

    outbox = Outbox(db)
    async with db.tenant(7) as session:
        await session.execute("UPDATE orders SET state = 'paid' WHERE team_id = $1 AND id = $2", 7, 12)
        await outbox.publish(session, "order.paid", "12", {"order": 12})

Committed, the event reaches its consumer; rolled back, it never was. Events of one tenant, topic and key
arrive in the order of publishing. See `Dispatcher` for the other end.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tenfold.errors import TenantError, UsageError
from tenfold.runtime.database import Database
from tenfold.runtime.outbox.event import Event, NewEvent, encoded
from tenfold.runtime.outbox.link import explained
from tenfold.runtime.outbox.schema import Names
from tenfold.runtime.outbox.wakeup import WakeUp
from tenfold.runtime.session import Session

EVENTS_PER_STATEMENT = 5_000
#: Backlogs are counted up to here.
MOST_COUNTED = 10_000


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables hold. Counts stop at MOST_COUNTED, which then means: as many, or more."""

    events: int
    #: Seconds since the oldest of them was written.
    oldest: float
    #: Keys whose first event failed: to be tried again, and waiting to be unblocked.
    retrying: int
    blocked: int
    dead: int


class Beside(NamedTuple):
    """An INSERT, UPDATE or DELETE; its parameters are counted from `$6`."""

    statement: str
    parameters: Sequence[object]


class Outbox:
    """The outbox of one schema; `create_sql` makes it. `db` is whom it notifies by.

    `publish`, `publish_many` and `processed_once` want a session of a tenant, as the application's role; the
    others one of the system, as the dispatcher's.
    """

    def __init__(self, db: Database, *, schema: str = "outbox", tenant_column: str = "tenant_id") -> None:
        self.names = names = Names.of(schema, tenant_column, db.tenant_type)
        self.channel = schema
        self.wake = WakeUp(db, self.channel)
        self._publish = f"""
INSERT INTO {names.table("events")} (event, {names.tenant}, topic, key, payload)
SELECT e.event, $1::{names.tenant_type}, e.topic, e.key, e.payload::jsonb
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
       AS e(event, topic, key, payload, place)
 ORDER BY e.place"""
        self._note = (
            f"INSERT INTO {names.table('inbox')} ({names.tenant}, consumer, event)"
            f" VALUES ($1::{names.tenant_type}, $2::text, $3::uuid) ON CONFLICT DO NOTHING"
        )

    async def publish(self, session: Session, topic: str, key: str, payload: Any = None) -> uuid.UUID:
        """Adds an event to the session's transaction; its id. Raises UsageError, TenantError, OutboxError.

        From here to the end of the transaction, events that others commit are held back: publish late in it.
        """
        return (await self.publish_many(session, [NewEvent(topic, key, payload)]))[0]

    async def publish_many(
        self, session: Session, events: Sequence[NewEvent], *, beside: Beside | None = None
    ) -> list[uuid.UUID]:
        """The same for several, in their order, by one statement for 5,000 of them.

        What is written `beside` them goes in the first of these, and costs no round trip.
        """
        if session.tenant is None:
            raise TenantError("an event belongs to a tenant; publish in a session of one")
        if beside is not None and not events:
            raise UsageError("what is written beside events needs one that it goes with")
        rows = [encoded(event) for event in events]
        for start in range(0, len(rows), EVENTS_PER_STATEMENT):
            part = rows[start : start + EVENTS_PER_STATEMENT]
            columns = [list(column) for column in zip(*part, strict=True)]
            if beside is not None and start == 0:
                statement = f"WITH beside AS ({beside.statement}){self._publish}"
                await self._sent(session, statement, session.tenant, *columns, *beside.parameters)
            else:
                await self._sent(session, self._publish, session.tenant, *columns)
        if rows:
            session.after_commit(self.wake, also_in_doubt=True)
        return [row[0] for row in rows]

    async def processed_once(self, session: Session, consumer: str, event: Event) -> bool:
        """True once for each event and consumer, whatever is delivered again: then do what is to be done.

        It is noted in the session's transaction, so that the work and the note are committed together. Who
        comes while another is at it waits for how that ends.
        """
        if session.tenant != event.tenant:
            raise TenantError("the event is of another tenant than the session")
        return await self._sent(session, self._note, session.tenant, consumer, event.id) == 1

    # --- for operators -------------------------------------------------------------------------------

    async def backlog(self, session: Session) -> Backlog:
        """Five small questions to indexes, whatever there is."""
        table = self.names.table

        async def counted(name: str, condition: str = "true") -> int:
            statement = (
                f"SELECT count(*) FROM (SELECT FROM {table(name)} WHERE {condition} LIMIT {MOST_COUNTED}) t"
            )
            return int(await session.fetch_value(statement))

        oldest = await session.fetch_value(
            f"SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM {table('events')}"
            " ORDER BY id LIMIT 1"
        )
        return Backlog(
            events=await counted("events"),
            oldest=max(0.0, oldest or 0.0),
            retrying=await counted("retries", "due_at < 'infinity'"),
            blocked=await counted("retries", "due_at = 'infinity'"),
            dead=await counted("dead"),
        )

    async def replay(
        self,
        session: Session,
        topic: str,
        *,
        tenant: object = None,
        key: str | None = None,
        limit: int = 1000,
    ) -> int:
        """Publishes dead events again, the oldest first, with the ids they had; the number of them.

        Those of a key are delivered in their old order, after the events of the key that wait already.
        """
        names = self.names
        if key is not None and tenant is None:
            raise UsageError("a key is one of a tenant; name the tenant, too")
        statement = f"""
WITH chosen AS (
  SELECT id FROM {names.table("dead")}
   WHERE topic = $1::text AND ($2::{names.tenant_type} IS NULL OR {names.tenant} = $2)
     AND ($3::text IS NULL OR key = $3)
   ORDER BY id LIMIT $4::bigint
), moved AS (
  DELETE FROM {names.table("dead")} WHERE id IN (SELECT id FROM chosen)
  RETURNING id, event, {names.tenant}, topic, key, payload, created_at
)
INSERT INTO {names.table("events")} (event, {names.tenant}, topic, key, payload, created_at)
SELECT event, {names.tenant}, topic, key, payload, created_at FROM moved ORDER BY id"""
        session.after_commit(self.wake, also_in_doubt=True)
        return await self._sent(session, statement, topic, tenant, key, limit)

    async def unblock(
        self, session: Session, topic: str, *, tenant: object = None, key: str | None = None
    ) -> int:
        """Has keys that wait tried again now, with all their attempts before them; the number of keys."""
        names = self.names
        if key is not None and tenant is None:
            raise UsageError("a key is one of a tenant; name the tenant, too")
        statement = f"""
UPDATE {names.table("retries")} SET due_at = clock_timestamp(), attempts = 0
 WHERE topic = $1::text AND ($2::{names.tenant_type} IS NULL OR {names.tenant} = $2)
   AND ($3::text IS NULL OR key = $3)"""
        session.after_commit(self.wake, also_in_doubt=True)
        return await self._sent(session, statement, topic, tenant, key)

    async def forget_processed(self, session: Session, older_than: float) -> int:
        """Deletes the notes of `processed_once` that are older than so many seconds; the number of them.

        Keep them longer than an event may wait, dead ones that are to be replayed included.
        """
        return await self._sent(
            session,
            f"DELETE FROM {self.names.table('inbox')}"
            " WHERE seen_at < clock_timestamp() - make_interval(secs => $1::float8)",
            older_than,
        )

    async def _sent(self, session: Session, statement: str, *parameters: object) -> int:
        try:
            return await session.execute(statement, *parameters)
        except Exception as error:
            told = explained(error, self.names.schema)
            if told is None:
                raise
            raise told from error
