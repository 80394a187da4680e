"""Which lanes are whose. A dispatcher is entered in a table for some seconds, and again and again.

Who is found expired is struck off, and its lanes are free; who finds itself struck off has lost them. A lane
has a token, which grows with each holder: what a former one writes late is refused by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tenfold.runtime.outbox.schema import Names
from tenfold.runtime.session import Session

LaneName: TypeAlias = tuple[str, int]


class Holding(NamedTuple):
    #: The lanes that are this dispatcher's, with their tokens.
    lanes: dict[LaneName, int]
    #: How many dispatchers serve each topic.
    dispatchers: dict[str, int]


def shares(
    topics: Sequence[str], lanes: int, dispatchers: Mapping[str, int], held: Mapping[str, int]
) -> dict[str, int]:
    """By topic, how many lanes are to be taken, or, where negative, given up: each has its share of them."""
    return {topic: -(-lanes // max(1, dispatchers.get(topic, 1))) - held.get(topic, 0) for topic in topics}


class Leases:
    def __init__(self, names: Names, lease: float) -> None:
        self._lease = lease
        dispatchers, lanes = names.table("dispatchers"), names.table("lanes")
        expiry = "clock_timestamp() + make_interval(secs => $2::float8)"
        self._make = f"""
INSERT INTO {lanes} (topic, lane)
SELECT t.topic, n.lane FROM unnest($1::text[]) AS t(topic), generate_series(0, $2::int - 1) AS n(lane)
 ORDER BY 1, 2 ON CONFLICT DO NOTHING"""
        self._count = f"SELECT {names.table('lane_count')}()"
        self._enter = f"INSERT INTO {dispatchers} (id, topics, expires_at) VALUES ($1, $3::text[], {expiry})"
        self._renew = f"UPDATE {dispatchers} SET expires_at = {expiry} WHERE id = $1::uuid"
        # Nobody waits here for another, so that no two wait for each other.
        self._strike = f"""
DELETE FROM {dispatchers}
 WHERE id IN (SELECT id FROM {dispatchers} WHERE expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED)"""
        self._leave = f"DELETE FROM {dispatchers} WHERE id = $1::uuid"
        self._others = f"""
SELECT t.topic, count(*) FROM {dispatchers}, unnest(topics) AS t(topic)
 WHERE t.topic = ANY ($1::text[]) GROUP BY 1"""
        self._mine = f"SELECT topic, lane, token FROM {lanes} WHERE holder = $1::uuid"
        self._claim = f"""
UPDATE {lanes} l SET holder = $1::uuid, token = token + 1
  FROM (SELECT topic, lane FROM {lanes} WHERE topic = $2::text AND holder IS NULL
         ORDER BY lane LIMIT $3::int FOR UPDATE SKIP LOCKED) free
 WHERE l.topic = free.topic AND l.lane = free.lane
RETURNING l.topic, l.lane, l.token"""
        self._release = f"""
UPDATE {lanes} l SET holder = NULL FROM unnest($2::text[], $3::int[]) AS g(topic, lane)
 WHERE l.topic = g.topic AND l.lane = g.lane AND l.holder = $1::uuid"""

    async def enter(self, session: Session, dispatcher: uuid.UUID, topics: Sequence[str]) -> int:
        """The number of lanes that each topic has."""
        count = int(await session.fetch_value(self._count))
        await session.execute(self._make, list(topics), count)
        await session.execute(self._enter, dispatcher, self._lease, list(topics))
        return count

    async def renew(self, session: Session, dispatcher: uuid.UUID) -> bool:
        """False where it was struck off."""
        return await session.execute(self._renew, dispatcher, self._lease) == 1

    async def look(self, session: Session, dispatcher: uuid.UUID, topics: Sequence[str]) -> Holding:
        """Strikes the expired off, and sees what is left."""
        await session.execute(self._strike)
        counts = {row[0]: row[1] for row in await session.fetch(self._others, list(topics))}
        rows = await session.fetch(self._mine, dispatcher)
        return Holding({(row[0], row[1]): row[2] for row in rows}, counts)

    async def claim(
        self, session: Session, dispatcher: uuid.UUID, topic: str, number: int
    ) -> dict[LaneName, int]:
        """Lanes of the topic that were free, so many at most, with their tokens."""
        rows = await session.fetch(self._claim, dispatcher, topic, number)
        return {(row[0], row[1]): row[2] for row in rows}

    async def release(self, session: Session, dispatcher: uuid.UUID, lanes: Sequence[LaneName]) -> None:
        await session.execute(
            self._release, dispatcher, [topic for topic, _ in lanes], [lane for _, lane in lanes]
        )

    async def leave(self, session: Session, dispatcher: uuid.UUID) -> None:
        """All its lanes are free."""
        await session.execute(self._leave, dispatcher)
