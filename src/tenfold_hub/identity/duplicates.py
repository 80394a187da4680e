"""People who may be one: with the same e-mail, the same phone, or names that sound alike.

All three are compared by `=`, for which indexes serve under row-level security. A page of groups reads a
bounded number of entries of one index, in its order: it takes as long for a million people as for thousands.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from tenfold.runtime import Row, Session
from tenfold.runtime.paging import Cursors, Order, Position, Query, asc
from tenfold_hub.identity.names import similarity
from tenfold_hub.kit.records import Records

By: TypeAlias = Literal["email", "phone", "name"]
WAYS: tuple[By, ...] = get_args(By)
_COLUMNS: dict[By, str] = {"email": "email_normal", "phone": "phone_normal", "name": "name_key"}

#: How sure each makes that two are one. Families share a phone, and strangers a name.
_SURE: dict[By, float] = {"email": 0.9, "phone": 0.7, "name": 0.5}
#: Names that sound alike and are less alike than this are of different people: Jane and John.
_ALIKE = 0.8
#: Suggested for one person, shown of one group, and entries of an index that one page reads.
MOST_OF_ONE, MOST_OF_GROUP, MOST_READ = 50, 10, 10_000

_OF_ONE = " UNION ALL ".join(
    f"(SELECT '{by}' AS by, id FROM identity.people WHERE organization_id = $1 AND archived_at IS NULL"
    f" AND {_COLUMNS[by]} = ${place} AND id <> $2 ORDER BY id LIMIT {MOST_OF_ONE})"
    for place, by in enumerate(WAYS, 3)
)
_GROUPS = {
    by: f"""
WITH entries AS (
    SELECT {column} AS key, id FROM identity.people
     WHERE organization_id = $1 AND archived_at IS NULL AND {column} > $2
     ORDER BY {column}, id LIMIT {MOST_READ}
)
SELECT NULL AS key, NULL::uuid[] AS ids, count(*) AS people, max(key) AS last,
       (SELECT max(key) FROM entries WHERE key < (SELECT max(key) FROM entries)) AS before
  FROM entries
UNION ALL
(SELECT key, (array_agg(id ORDER BY id))[1:{MOST_OF_GROUP}], count(*), NULL, NULL FROM entries
  GROUP BY key HAVING count(*) > 1)
 ORDER BY key NULLS FIRST
"""
    for by, column in _COLUMNS.items()
}
_ORDER = Order(asc("by", nullable=False), key="key")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Of somebody who may be the person that was asked for. `sure` is from 0 to 1."""

    person: Row
    by: tuple[By, ...]
    sure: float


@dataclass(frozen=True, slots=True)
class Group:
    """People of whom some may be one; the first few of them."""

    by: By
    people: tuple[Row, ...]
    count: int


class Duplicates:
    def __init__(self, people: Records, cursors: Cursors) -> None:
        self._people, self._cursors = people, cursors

    async def of(self, session: Session, id: uuid.UUID) -> list[Suggestion]:
        """The likeliest first. Raises Problem `not_found`."""
        person = self._people.rows.values(await self._people.get(session, id))
        keys = [person[_COLUMNS[by]] for by in WAYS]
        found: dict[uuid.UUID, list[By]] = {}
        for row in await session.fetch(_OF_ONE, session.tenant, person["id"], *keys):
            found.setdefault(row["id"], []).append(row["by"])
        others = await self._people.get_many(session, list(found))
        suggestions = []
        for other, ways in found.items():
            alike = tuple(by for by in ways if by != "name" or _alike(person, others[other]))
            if alike:
                suggestions.append(Suggestion(others[other], alike, _sure(alike)))
        suggestions.sort(key=lambda each: (-each.sure, each.person["id"]))
        return suggestions[:MOST_OF_ONE]

    async def page(
        self, session: Session, ways: Sequence[By], limit: int, cursor: str | None
    ) -> tuple[list[Group], str | None]:
        """Groups, way by way, and where the next page begins.

        A page ends after `MOST_READ` entries, too, and may have few groups, or none: there is another as long
        as there is a cursor. Raises CursorError.
        """
        query = Query("people/duplicates", ",".join(ways))
        by, key = ways[0], ""
        if cursor is not None:
            position = self._cursors.open(cursor, session.tenant, _ORDER, query)
            by, key = _place(position.values)
        summary, *rows = await session.fetch(_GROUPS[by], session.tenant, key)
        next_: tuple[By, str] | None = None
        if summary["people"] == MOST_READ:
            # The last group may go on beyond what was read: the next page begins with it, unless it is all.
            next_ = (by, summary["before"] or summary["last"])
            rows = [row for row in rows if summary["before"] is None or row["key"] != summary["last"]]
        elif by != ways[-1]:
            next_ = (ways[ways.index(by) + 1], "")
        if len(rows) > limit:
            rows = rows[:limit]
            next_ = (by, rows[-1]["key"])
        groups = await self._shown(session, by, rows)
        sealed = None
        if next_ is not None:
            sealed = self._cursors.seal(Position(next_), session.tenant, _ORDER, query)
        return groups, sealed

    async def _shown(self, session: Session, by: By, rows: Sequence[Row]) -> list[Group]:
        people = await self._people.get_many(session, [id for row in rows for id in row["ids"]])
        groups = []
        for row in rows:
            members = [people[id] for id in row["ids"] if id in people]
            if by == "name":
                members = [each for each in members if _alike_any(each, members)]
            if len(members) > 1:
                groups.append(Group(by, tuple(members), row["people"]))
        return groups


def _place(values: Iterable[object]) -> tuple[By, str]:
    by, key = values
    found = next(way for way in WAYS if way == by)
    return found, str(key)


def _alike(one: Mapping[str, Any] | Row, other: Mapping[str, Any] | Row) -> bool:
    return similarity(_name(one), _name(other)) >= _ALIKE


def _alike_any(person: Row, others: Iterable[Row]) -> bool:
    return any(other["id"] != person["id"] and _alike(person, other) for other in others)


def _name(person: Mapping[str, Any] | Row) -> str:
    return f"{person['given_name'] or ''} {person['family_name'] or ''}"


def _sure(ways: Iterable[By]) -> float:
    doubt = 1.0
    for by in ways:
        doubt *= 1 - _SURE[by]
    return round(1 - doubt, 3)
