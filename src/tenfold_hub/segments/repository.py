"""Statements of segments: each for any number of things and segments."""

from __future__ import annotations

import datetime
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from tenfold.runtime import Session
from tenfold_hub.kit.ids import new_id

#: A segment and a thing.
Pair: TypeAlias = tuple[uuid.UUID, uuid.UUID]

_MEMBERSHIPS = """
SELECT segment_id, object_id FROM crm.segment_members
 WHERE organization_id = $1 AND object_id = ANY($2::uuid[]) AND segment_id = ANY($3::uuid[])
"""
_PICKS = """
SELECT segment_id, object_id FROM crm.segment_picks
 WHERE organization_id = $1 AND object_id = ANY($2::uuid[])
"""
_MOVE = """
WITH gone AS (
    DELETE FROM crm.segment_members AS m USING unnest($2::uuid[], $3::uuid[]) AS g (segment_id, object_id)
     WHERE m.organization_id = $1 AND m.segment_id = g.segment_id AND m.object_id = g.object_id
), come AS (
    INSERT INTO crm.segment_members (organization_id, segment_id, object_id)
    SELECT $1, n.segment_id, n.object_id FROM unnest($4::uuid[], $5::uuid[]) AS n (segment_id, object_id)
)
INSERT INTO crm.segment_counts (organization_id, segment_id, id, members)
SELECT $1, c.segment_id, c.id, c.members
  FROM unnest($6::uuid[], $7::uuid[], $8::bigint[]) AS c (segment_id, id, members)
"""
_DUES = """
WITH gone AS (
    DELETE FROM crm.segment_dues AS d USING unnest($2::uuid[], $3::uuid[]) AS g (segment_id, object_id)
     WHERE d.organization_id = $1 AND d.segment_id = g.segment_id AND d.object_id = g.object_id
)
INSERT INTO crm.segment_dues AS d (organization_id, segment_id, object_id, due_at)
SELECT $1, n.segment_id, n.object_id, n.due_at
  FROM unnest($4::uuid[], $5::uuid[], $6::timestamptz[]) AS n (segment_id, object_id, due_at)
ON CONFLICT (organization_id, segment_id, object_id) DO UPDATE SET due_at = EXCLUDED.due_at
 WHERE d.due_at <> EXCLUDED.due_at
"""
_DUE = """
SELECT segment_id, object_id FROM crm.segment_dues
 WHERE organization_id = $1 AND due_at <= $2 ORDER BY due_at, segment_id, object_id LIMIT $3
"""
_DONE = """
DELETE FROM crm.segment_dues AS d USING unnest($2::uuid[], $3::uuid[]) AS g (segment_id, object_id)
 WHERE d.organization_id = $1 AND d.segment_id = g.segment_id AND d.object_id = g.object_id AND d.due_at <= $4
"""
_SIZES = """
SELECT segment_id, sum(members)::bigint AS members FROM crm.segment_counts
 WHERE organization_id = $1 AND segment_id = ANY($2::uuid[]) GROUP BY segment_id
"""
_FOLD = """
WITH old AS (
    DELETE FROM crm.segment_counts WHERE organization_id = $1 AND segment_id = ANY($2::uuid[])
    RETURNING segment_id, members
)
INSERT INTO crm.segment_counts (organization_id, segment_id, id, members)
SELECT $1, segment_id, gen_random_uuid(), sum(members) FROM old GROUP BY segment_id
"""
_PICK = """
INSERT INTO crm.segment_picks (organization_id, segment_id, object_id, resource)
SELECT $1, $2, o.id, $4 FROM unnest($3::uuid[]) AS o (id)
ON CONFLICT DO NOTHING
"""
_DROP = """
DELETE FROM crm.segment_picks WHERE organization_id = $1 AND segment_id = $2 AND object_id = ANY($3::uuid[])
"""
_CLEAR = """
DELETE FROM crm.segment_members WHERE organization_id = $1 AND segment_id = $2 AND object_id IN (
    SELECT object_id FROM crm.segment_members WHERE organization_id = $1 AND segment_id = $2 LIMIT $3)
"""
_CLEAR_DUES = """
DELETE FROM crm.segment_dues WHERE organization_id = $1 AND segment_id = $2 AND object_id IN (
    SELECT object_id FROM crm.segment_dues WHERE organization_id = $1 AND segment_id = $2 LIMIT $3)
"""
_CLEAR_COUNTS = "DELETE FROM crm.segment_counts WHERE organization_id = $1 AND segment_id = $2"
_UNFINISHED = """
SELECT id, resource, state, computed_to, computation FROM crm.segments
 WHERE organization_id = $1 AND state IN ('computing', 'clearing')
 ORDER BY computed_to NULLS FIRST, id
"""
_ADVANCE = """
UPDATE crm.segments AS s
   SET computed_to = $4, computed = computed + $5, state = $6
  FROM unnest($2::uuid[], $3::uuid[]) AS g (id, computation)
 WHERE s.organization_id = $1 AND s.id = g.id AND s.computation = g.computation AND s.state = $7
   AND s.computed_to IS NOT DISTINCT FROM $8 AND s.archived_at IS NULL
"""
_STATE = """
UPDATE crm.segments SET state = $4
 WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND state = $3
"""
_AGAIN = """
UPDATE crm.segments SET state = 'computing', computed = 0, computed_to = NULL, computation = $3
 WHERE organization_id = $1 AND id = $2 AND archived_at IS NULL
"""


async def memberships(
    session: Session, objects: Collection[uuid.UUID], segments: Collection[uuid.UUID]
) -> set[Pair]:
    rows = await session.fetch(_MEMBERSHIPS, session.tenant, list(objects), list(segments))
    return {(row["segment_id"], row["object_id"]) for row in rows}


async def picks(session: Session, objects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, set[uuid.UUID]]:
    found: dict[uuid.UUID, set[uuid.UUID]] = {}
    for row in await session.fetch(_PICKS, session.tenant, list(objects)):
        found.setdefault(row["object_id"], set()).add(row["segment_id"])
    return found


async def move(session: Session, left: Sequence[Pair], entered: Sequence[Pair]) -> None:
    """One statement; the things are held, so that nobody else moves them."""
    counts = Counter(segment for segment, _ in entered)
    counts.subtract(segment for segment, _ in left)
    added = {segment: members for segment, members in sorted(counts.items()) if members}
    await session.execute(
        _MOVE,
        session.tenant,
        *_columns(left),
        *_columns(sorted(entered)),
        list(added),
        [new_id() for _ in added],
        list(added.values()),
    )


async def dues(
    session: Session, gone: Sequence[Pair], due: Sequence[tuple[uuid.UUID, uuid.UUID, datetime.datetime]]
) -> None:
    pairs = [(segment, object) for segment, object, _ in due]
    await session.execute(_DUES, session.tenant, *_columns(gone), *_columns(pairs), [at for _, _, at in due])


async def due(session: Session, now: datetime.datetime, limit: int) -> list[Pair]:
    rows = await session.fetch(_DUE, session.tenant, now, limit)
    return [(row["segment_id"], row["object_id"]) for row in rows]


async def done(session: Session, pairs: Sequence[Pair], now: datetime.datetime) -> None:
    await session.execute(_DONE, session.tenant, *_columns(pairs), now)


async def sizes(session: Session, segments: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, int]:
    rows = await session.fetch(_SIZES, session.tenant, list(segments))
    return {row["segment_id"]: row["members"] for row in rows}


async def fold(session: Session, segments: Iterable[uuid.UUID]) -> None:
    """Makes one row of the rows that writers added."""
    await session.execute(_FOLD, session.tenant, sorted(segments))


async def pick(session: Session, segment: uuid.UUID, objects: Sequence[uuid.UUID], resource: str) -> int:
    """How many were not in it."""
    return await session.execute(_PICK, session.tenant, segment, sorted(objects), resource)


async def drop(session: Session, segment: uuid.UUID, objects: Sequence[uuid.UUID]) -> int:
    """How many were in it."""
    return await session.execute(_DROP, session.tenant, segment, sorted(objects))


async def clear(session: Session, segment: uuid.UUID, limit: int) -> int:
    """Takes members away, and what is due; how many at most of one kind."""
    members = await session.execute(_CLEAR, session.tenant, segment, limit)
    waiting = await session.execute(_CLEAR_DUES, session.tenant, segment, limit)
    await session.execute(_CLEAR_COUNTS, session.tenant, segment)
    return max(members, waiting)


class Unfinished:
    """A segment that is being computed or cleared."""

    __slots__ = ("computation", "computed_to", "id", "resource", "state")

    def __init__(
        self, id: uuid.UUID, resource: str, state: str, to: uuid.UUID | None, computation: uuid.UUID
    ) -> None:
        self.id, self.resource, self.state, self.computed_to = id, resource, state, to
        self.computation = computation


async def unfinished(session: Session) -> list[Unfinished]:
    """Those that are behind come first."""
    return [
        Unfinished(row["id"], row["resource"], row["state"], row["computed_to"], row["computation"])
        for row in await session.fetch(_UNFINISHED, session.tenant)
    ]


async def advance(
    session: Session, group: Sequence[Unfinished], to: uuid.UUID | None, count: int, state: str
) -> int:
    """How many of them were still where they had been."""
    first = group[0]
    return await session.execute(
        _ADVANCE,
        session.tenant,
        [each.id for each in group],
        [each.computation for each in group],
        to,
        count,
        state,
        first.state,
        first.computed_to,
    )


async def put_state(session: Session, segments: Iterable[uuid.UUID], was: str, state: str) -> None:
    await session.execute(_STATE, session.tenant, sorted(segments), was, state)


async def compute_again(session: Session, segment: uuid.UUID) -> None:
    """From the first thing on."""
    await session.execute(_AGAIN, session.tenant, segment, new_id())


def _columns(pairs: Sequence[Pair]) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    return [segment for segment, _ in pairs], [object for _, object in pairs]
