"""When activities took place, for rules that ask what was done about a thing.

A task took place when it was completed, and not before; any other activity when it was completed, or begins,
or else when it was written down. Activities that are archived never did.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from tenfold.runtime import Session
from tenfold_hub.crm.activities.activities import Kind
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal

#: By resource: the column of activities that names its things.
_COLUMNS = {"contacts": "contact_id", "companies": "company_id"}
#: What decides when, and of what, an activity is one.
_DECIDING = ("kind", "starts_at", "completed_at", "archived_at", *_COLUMNS.values())

# Each list is the beginning of a range of an index, however many activities there are.
_TIMES = """
SELECT t.object_id, t.kind, t.past, t.next
  FROM (SELECT o.id AS object_id, k.kind,
               ARRAY(SELECT a.took_place_at FROM crm.activities AS a
                      WHERE a.organization_id = $1 AND a.{column} = o.id AND a.kind = k.kind
                        AND a.archived_at IS NULL AND a.took_place_at <= $4
                      ORDER BY a.took_place_at DESC LIMIT $5) AS past,
               ARRAY(SELECT a.took_place_at FROM crm.activities AS a
                      WHERE a.organization_id = $1 AND a.{column} = o.id AND a.kind = k.kind
                        AND a.archived_at IS NULL AND a.took_place_at > $4
                      ORDER BY a.took_place_at LIMIT $5) AS next
          FROM unnest($2::uuid[]) AS o (id) CROSS JOIN unnest($3::text[]) AS k (kind)) AS t
 WHERE t.past <> '{{}}' OR t.next <> '{{}}'
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Of activities of one kind about one thing."""

    #: Until now, the latest first.
    past: Sequence[datetime.datetime] = ()
    #: From now on, the earliest first.
    next: Sequence[datetime.datetime] = ()


#: Told of things of a resource, with the kinds of those of their activities that came, went or moved in time,
#: after that was written and in the same transaction.
OccurrenceFollow: TypeAlias = Callable[[Session, str, Mapping[uuid.UUID, Collection[str]]], Awaitable[None]]


class Occurrences:
    """Of a hub."""

    #: Of activities, and resources that they are about.
    kinds: tuple[str, ...] = get_args(Kind)
    resources: tuple[str, ...] = tuple(_COLUMNS)

    def __init__(self) -> None:
        self.follow: list[OccurrenceFollow] = []

    async def times(
        self,
        session: Session,
        resource: str,
        objects: Collection[uuid.UUID],
        kinds: Collection[str],
        now: datetime.datetime,
        count: int,
    ) -> dict[uuid.UUID, dict[str, Times]]:
        """The latest `count` before `now` and the next ones after it, of each thing and kind that has some.

        One statement.
        """
        found: dict[uuid.UUID, dict[str, Times]] = {}
        for row in await session.fetch(
            statement(resource), session.tenant, list(objects), sorted(kinds), now, count
        ):
            found.setdefault(row["object_id"], {})[row["kind"]] = Times(row["past"], row["next"])
        return found

    async def written(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """What follows the writes of activities."""
        touched: dict[str, dict[uuid.UUID, set[str]]] = {name: {} for name in _COLUMNS}
        for change in changes:
            images = [each for each in (change.before, change.after) if each is not None]
            if len(images) == 2 and all(images[0][name] == images[1][name] for name in _DECIDING):
                continue
            for image in images:
                for name, column in _COLUMNS.items():
                    if image.get(column) is not None:
                        touched[name].setdefault(image[column], set()).add(image["kind"])
        for name, things in touched.items():
            if things:
                for follow in self.follow:
                    await follow(session, name, things)


def statement(resource: str) -> Any:
    return _TIMES.format(column=_COLUMNS[resource])
