"""What a dispatcher reads and writes of events: each statement, and the rows it gives."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tenfold.runtime.outbox.horizon import Look
from tenfold.runtime.outbox.schema import Names
from tenfold.runtime.session import Session
from tenfold.runtime.tenant import TenantId


class Stored(NamedTuple):
    #: Its place in the order.
    id: int
    event: uuid.UUID
    tenant: TenantId
    topic: str
    lane: int
    key: str
    payload: str
    created_at: datetime


class Due(NamedTuple):
    """A key whose first event failed, and when it is tried again: in so many seconds."""

    topic: str
    lane: int
    tenant: TenantId
    key: str
    event_id: int
    attempts: int
    seconds: float


class Failure(NamedTuple):
    event: Stored
    attempts: int
    error: str
    #: Seconds to wait; None: until somebody unblocks the key.
    pause: float | None


class Store:
    def __init__(self, names: Names) -> None:
        table, tenant, type_ = names.table, names.tenant, names.tenant_type
        columns = f"e.id, e.event, e.{tenant}, e.topic, e.lane, e.key, e.payload::text, e.created_at"
        regclass = table("events").replace("'", "''")
        # Whoever holds the lock in this mode may have added events, or deletes some.
        lock = (
            "FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'"
            f" AND l.granted AND l.relation = '{regclass}'::regclass AND l.database ="
            " (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        )
        self._look = f"""
SELECT (SELECT max(id) FROM {table("events")} WHERE id > $1::bigint),
       locks.names, locks.prepared, extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text
  FROM (SELECT coalesce(array_agg(l.virtualtransaction) FILTER (WHERE l.pid IS NOT NULL), '{{}}') AS names,
               coalesce(array_agg(l.virtualtransaction) FILTER (WHERE l.pid IS NULL), '{{}}') AS prepared
          {lock}) locks"""
        self._read = f"""
SELECT {columns}
  FROM unnest($1::text[], $2::int[], $3::bigint[]) AS l(topic, lane, cursor)
 CROSS JOIN LATERAL (
   SELECT * FROM {table("events")} e
    WHERE e.topic = l.topic AND e.lane = l.lane AND e.id > l.cursor AND e.id <= $4::bigint
      AND NOT EXISTS (SELECT FROM {table("retries")} r
                       WHERE r.{tenant} = e.{tenant} AND r.topic = e.topic AND r.key = e.key)
    ORDER BY e.id LIMIT $5::int) e
 ORDER BY e.id"""
        self._read_keys = f"""
SELECT {columns}
  FROM unnest($1::text[], $2::{type_}[], $3::text[], $4::bigint[], $5::bigint[])
       AS k(topic, tenant, key, last, bound)
 CROSS JOIN LATERAL (
   SELECT * FROM {table("events")} e
    WHERE e.{tenant} = k.tenant AND e.topic = k.topic AND e.key = k.key AND e.id > k.last AND e.id <= k.bound
    ORDER BY e.id LIMIT $6::int) e
 ORDER BY e.id"""
        self._due = f"""
SELECT l.topic, l.lane, r.{tenant}, r.key, r.event_id, r.attempts,
       extract(epoch FROM r.due_at - clock_timestamp())::float8
  FROM unnest($1::text[], $2::int[]) AS l(topic, lane)
 CROSS JOIN LATERAL (
   SELECT * FROM {table("retries")} r
    WHERE r.topic = l.topic AND r.lane = l.lane AND r.due_at < 'infinity' AND r.event_id <> ALL ($3::bigint[])
    ORDER BY r.due_at LIMIT $4::int) r
 ORDER BY 7"""
        self._delete = f"DELETE FROM {table('events')} WHERE id = ANY ($1::bigint[])"
        self._clear = f"""
DELETE FROM {table("retries")} r
 USING unnest($1::{type_}[], $2::text[], $3::text[], $4::bigint[]) AS c(tenant, topic, key, event_id)
 WHERE r.{tenant} = c.tenant AND r.topic = c.topic AND r.key = c.key AND r.event_id = c.event_id"""
        self._held = f"SELECT topic, lane, token FROM {table('lanes')} WHERE holder = $1::uuid FOR SHARE"
        self._fail = f"""
INSERT INTO {table("retries")} AS r ({tenant}, topic, key, lane, event_id, attempts, due_at, error)
SELECT f.tenant, f.topic, f.key, f.lane, f.event_id, f.attempts,
       coalesce(clock_timestamp() + make_interval(secs => f.pause), 'infinity'), f.error
  FROM unnest($1::{type_}[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::int[], $7::float8[],
              $8::text[]) AS f(tenant, topic, key, lane, event_id, attempts, pause, error)
    ON CONFLICT ({tenant}, topic, key) DO UPDATE
   SET lane = excluded.lane, event_id = excluded.event_id, attempts = excluded.attempts,
       due_at = excluded.due_at, error = excluded.error"""
        self._bury = f"""
WITH moved AS (
  DELETE FROM {table("events")} e USING unnest($1::bigint[], $2::int[], $3::text[]) AS b(id, attempts, error)
   WHERE e.id = b.id
  RETURNING e.id, e.event, e.{tenant}, e.topic, e.key, e.payload, e.created_at, b.attempts, b.error)
INSERT INTO {table("dead")} (id, event, {tenant}, topic, key, payload, created_at, attempts, error)
SELECT * FROM moved"""

    # --- reading -------------------------------------------------------------------------------------

    async def look(self, session: Session, known: int) -> Look:
        """`known`: ids up to here need not be looked at. They may be many that are deleted, but not gone."""
        (row,) = await session.fetch(self._look, known)
        return Look(str(row[3]), row[0], frozenset(row[1]), frozenset(row[2]))

    async def read(
        self, session: Session, lanes: Sequence[tuple[str, int, int]], safe: int, limit: int
    ) -> list[Stored]:
        """Of each lane, by topic, number and cursor, the next events of keys that do not wait."""
        columns = _columns(lanes, 3)
        rows: Any = await session.fetch(self._read, *columns, safe, limit)
        return [Stored._make(row) for row in rows]

    async def read_keys(
        self, session: Session, keys: Sequence[tuple[str, TenantId, str, int, int]], limit: int
    ) -> list[Stored]:
        """Of each key, by topic, tenant, key, last id and bound, the next events up to the bound."""
        rows: Any = await session.fetch(self._read_keys, *_columns(keys, 5), limit)
        return [Stored._make(row) for row in rows]

    async def due(
        self, session: Session, lanes: Sequence[tuple[str, int]], but: Sequence[int], limit: int
    ) -> list[Due]:
        """Of each lane those that are due next, or were, except for those whose event is named."""
        rows: Any = await session.fetch(self._due, *_columns(lanes, 2), list(but), limit)
        return [Due._make(row) for row in rows]

    # --- writing -------------------------------------------------------------------------------------

    async def delete(self, session: Session, ids: Sequence[int]) -> None:
        await session.execute(self._delete, list(ids))

    async def clear(self, session: Session, keys: Sequence[tuple[TenantId, str, str, int]]) -> None:
        await session.execute(self._clear, *_columns(keys, 4))

    async def held(self, session: Session, dispatcher: uuid.UUID) -> dict[tuple[str, int], int]:
        """The lanes that are this dispatcher's, with their tokens, until the transaction ends."""
        return {(row[0], row[1]): row[2] for row in await session.fetch(self._held, dispatcher)}

    async def fail(self, session: Session, failures: Sequence[Failure]) -> None:
        rows = [
            (
                f.event.tenant,
                f.event.topic,
                f.event.key,
                f.event.lane,
                f.event.id,
                f.attempts,
                f.pause,
                f.error,
            )
            for f in failures
        ]
        await session.execute(self._fail, *_columns(rows, 8))

    async def bury(self, session: Session, failures: Sequence[Failure]) -> None:
        await session.execute(self._bury, *_columns([(f.event.id, f.attempts, f.error) for f in failures], 3))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(width)]
