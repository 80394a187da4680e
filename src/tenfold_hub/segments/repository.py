"""Statements of segments: each for any number of things and segments."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tenfold.runtime import Session
from tenfold_hub.kit.ids import new_id

#: A segment and a thing.
Pair: TypeAlias = tuple[uuid.UUID, uuid.UUID]
#: Things by the segments that they leave, or enter.
_Ways: TypeAlias = Mapping[tuple[uuid.UUID, ...], Sequence[uuid.UUID]]

# Segments by their place in what was asked for: of many pairs, numbers are read faster than ids.
_MEMBERSHIPS = """
SELECT m.object_id, array_agg(w.place::int4) AS places
  FROM unnest($3::uuid[]) WITH ORDINALITY AS w (id, place)
  JOIN crm.segment_members AS m ON m.segment_id = w.id
 WHERE m.organization_id = $1 AND m.object_id = ANY($2::uuid[])
 GROUP BY m.object_id
"""
_PICKS = """
SELECT segment_id, object_id FROM crm.segment_picks
 WHERE organization_id = $1 AND object_id = ANY($2::uuid[])
"""
# Counts are what their rows add up to. Whoever adds takes the rows that nobody holds together to one, and has
# one of its own where others hold all: so nobody waits, and there are no more rows than writers at once.
_COUNTED = """
given AS (
    SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS g (segment_id, id, members)
), free AS MATERIALIZED (
    SELECT c.segment_id, c.id FROM crm.segment_counts AS c
     WHERE c.organization_id = $1 AND c.segment_id = ANY($2::uuid[])
       FOR UPDATE SKIP LOCKED
), kept AS (
    SELECT DISTINCT ON (segment_id) segment_id, id FROM free ORDER BY segment_id, id
), folded AS (
    DELETE FROM crm.segment_counts AS c USING free AS f
     WHERE c.organization_id = $1 AND c.segment_id = f.segment_id AND c.id = f.id
       AND NOT EXISTS (SELECT FROM kept AS k WHERE k.segment_id = f.segment_id AND k.id = f.id)
    RETURNING c.segment_id, c.members
), added AS (
    UPDATE crm.segment_counts AS c SET members = c.members + n.members
      FROM (SELECT k.segment_id, k.id, g.members + coalesce(sum(o.members), 0)::bigint AS members
              FROM kept AS k JOIN given AS g ON g.segment_id = k.segment_id
              LEFT JOIN folded AS o ON o.segment_id = k.segment_id
             GROUP BY k.segment_id, k.id, g.members) AS n
     WHERE c.organization_id = $1 AND c.segment_id = n.segment_id AND c.id = n.id
)
INSERT INTO crm.segment_counts (organization_id, segment_id, id, members)
SELECT $1, g.segment_id, g.id, g.members FROM given AS g
 WHERE NOT EXISTS (SELECT FROM kept AS k WHERE k.segment_id = g.segment_id)
"""
_COUNT = f"WITH {_COUNTED.strip()}"
# Things that go the same way are named once, and so are the segments that they go to: pairs may be many.
_PAIRS = """(
    SELECT s.id AS segment_id, o.id AS object_id
      FROM unnest({}::uuid[], {}::int4[]) AS s (id, way) JOIN unnest({}::uuid[], {}::int4[]) AS o (id, way)
        ON o.way = s.way)"""
_MOVE = f"""
WITH gone AS (
    DELETE FROM crm.segment_members AS m USING {_PAIRS.format("$5", "$6", "$7", "$8")} AS g
     WHERE m.organization_id = $1 AND m.segment_id = g.segment_id AND m.object_id = g.object_id
), come AS (
    INSERT INTO crm.segment_members (organization_id, segment_id, object_id)
    SELECT $1, n.segment_id, n.object_id FROM {_PAIRS.format("$9", "$10", "$11", "$12")} AS n
), {_COUNTED.strip()}
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
_HOLD = """
SELECT count(*) FROM (
    SELECT FROM crm.segments AS s
      JOIN unnest($2::uuid[], $3::uuid[], $4::text[]) AS g (id, computation, state)
        ON s.id = g.id AND s.computation = g.computation AND s.state = g.state
     WHERE s.organization_id = $1 ORDER BY s.id FOR NO KEY UPDATE OF s) AS held
"""
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


@dataclass(slots=True)
class Moves:
    """Things that leave and enter segments, by the thing."""

    left: dict[uuid.UUID, list[uuid.UUID]] = field(default_factory=dict)
    entered: dict[uuid.UUID, list[uuid.UUID]] = field(default_factory=dict)

    def of(self, object: uuid.UUID) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
        """What to add the segments to that it leaves, and those that it enters."""
        return self.left.setdefault(object, []), self.entered.setdefault(object, [])


@dataclass(slots=True)
class Dues:
    """When things are to be asked again for segments, column by column; `gone` are those that never are."""

    gone: tuple[list[uuid.UUID], list[uuid.UUID]] = field(default_factory=lambda: ([], []))
    at: tuple[list[uuid.UUID], list[uuid.UUID], list[datetime.datetime]] = field(
        default_factory=lambda: ([], [], [])
    )

    def add(self, segment: uuid.UUID, object: uuid.UUID, at: datetime.datetime | None) -> None:
        segments, objects = self.gone if at is None else self.at[:2]
        segments.append(segment)
        objects.append(object)
        if at is not None:
            self.at[2].append(at)


async def memberships(
    session: Session, objects: Collection[uuid.UUID], segments: Sequence[uuid.UUID]
) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Those of these segments that things are in, of things that are in some."""
    rows = await session.fetch(_MEMBERSHIPS, session.tenant, list(objects), segments)
    return {row["object_id"]: {segments[place - 1] for place in row["places"]} for row in rows}


async def picks(session: Session, objects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, set[uuid.UUID]]:
    found: dict[uuid.UUID, set[uuid.UUID]] = {}
    for row in await session.fetch(_PICKS, session.tenant, list(objects)):
        found.setdefault(row["object_id"], set()).add(row["segment_id"])
    return found


async def move(session: Session, moves: Moves) -> None:
    """One statement, if anything moves; the things are held, so that nobody else moves them."""
    left, entered = _ways(moves.left), _ways(moves.entered)
    if not left and not entered:
        return
    counts: dict[uuid.UUID, int] = {}
    for ways, sign in ((left, -1), (entered, 1)):
        for segments, objects in ways.items():
            for segment in segments:
                counts[segment] = counts.get(segment, 0) + sign * len(objects)
    await session.execute(_MOVE, session.tenant, *_counts(counts), *_columns_of(left), *_columns_of(entered))


async def count(session: Session, counts: Mapping[uuid.UUID, int]) -> None:
    """Adds to the members that segments have."""
    await session.execute(_COUNT, session.tenant, *_counts(counts))


async def dues(session: Session, dues: Dues) -> None:
    """One statement, if there is anything to keep."""
    if dues.gone[0] or dues.at[0]:
        await session.execute(_DUES, session.tenant, *dues.gone, *dues.at)


async def due(session: Session, now: datetime.datetime, limit: int) -> list[Pair]:
    rows = await session.fetch(_DUE, session.tenant, now, limit)
    return [(row["segment_id"], row["object_id"]) for row in rows]


async def done(session: Session, pairs: Sequence[Pair], now: datetime.datetime) -> None:
    await session.execute(_DONE, session.tenant, *_columns(pairs), now)


async def sizes(session: Session, segments: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, int]:
    rows = await session.fetch(_SIZES, session.tenant, list(segments))
    return {row["segment_id"]: row["members"] for row in rows}


async def pick(session: Session, segment: uuid.UUID, objects: Sequence[uuid.UUID], resource: str) -> int:
    """How many were not in it."""
    return await session.execute(_PICK, session.tenant, segment, sorted(objects), resource)


async def drop(session: Session, segment: uuid.UUID, objects: Sequence[uuid.UUID]) -> int:
    """How many were in it."""
    return await session.execute(_DROP, session.tenant, segment, sorted(objects))


async def clear(session: Session, segment: uuid.UUID, limit: int) -> bool:
    """Takes members away, and what is due, so many at most of each; whether that was all."""
    members = await session.execute(_CLEAR, session.tenant, segment, limit)
    waiting = await session.execute(_CLEAR_DUES, session.tenant, segment, limit)
    await count(session, {segment: -members})
    return max(members, waiting) < limit


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


async def hold(session: Session, group: Sequence[Unfinished]) -> bool:
    """Against whoever changes these segments; whether they are all as far as they were."""
    columns = zip(*((each.id, each.computation, each.state) for each in group), strict=True)
    return bool(await session.fetch_value(_HOLD, session.tenant, *map(list, columns)) == len(group))


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


def _ways(moved: Mapping[uuid.UUID, Sequence[uuid.UUID]]) -> _Ways:
    found: dict[tuple[uuid.UUID, ...], list[uuid.UUID]] = {}
    for object, segments in moved.items():
        if segments:
            found.setdefault(tuple(segments), []).append(object)
    return found


def _columns_of(ways: _Ways) -> tuple[list[uuid.UUID], list[int], list[uuid.UUID], list[int]]:
    """The segments of each way, and its things."""
    segments, their_ways, objects, ways_of_objects = (
        list[uuid.UUID](),
        list[int](),
        list[uuid.UUID](),
        list[int](),
    )
    for way, (several, things) in enumerate(ways.items()):
        segments += several
        their_ways += [way] * len(several)
        objects += things
        ways_of_objects += [way] * len(things)
    return segments, their_ways, objects, ways_of_objects


def _counts(counts: Mapping[uuid.UUID, int]) -> tuple[list[uuid.UUID], list[uuid.UUID], list[int]]:
    changed = {segment: members for segment, members in sorted(counts.items()) if members}
    return list(changed), [new_id() for _ in changed], list(changed.values())
