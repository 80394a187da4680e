"""Everything that happened to a thing, in one list: a row for each thing that an event is about.

A contact's events are kept with its person, so that orders and merges of the person are among them, and what
follows a person in a merge follows the contact.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.kit.ids import new_id

_ADD = """
INSERT INTO crm.timeline (organization_id, id, object_id, at, kind, source, source_id, summary)
SELECT $1, e.* FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::uuid[],
                           $8::jsonb[]) AS e
"""
_FORGET = """
DELETE FROM crm.timeline WHERE organization_id = $1 AND source_id = ANY($2::uuid[])
RETURNING id, source_id, object_id
"""
_PEOPLE = "SELECT id, person_id FROM crm.contacts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
OF_OBJECT = """
SELECT id, at, kind, source, summary FROM crm.timeline WHERE organization_id = $1 AND object_id = $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `source` is the id, as it is shown, of what tells more: an order, a note."""

    at: datetime.datetime
    #: Such as `order_placed`.
    kind: str
    source: str
    #: What the event is replaced by, when it is told again: the id of what it was made of.
    source_id: uuid.UUID
    #: Things that it is about: people, companies, deals, or any other; None is nothing.
    about: tuple[uuid.UUID | None, ...] = ()
    contacts: tuple[uuid.UUID, ...] = ()
    #: What a list shows of it; plain values.
    summary: Mapping[str, Any] = field(default_factory=dict)


class Timeline:
    """Of a hub. Other domains add to it by `crm.api`, in their own transaction."""

    async def add(self, session: Session, events: Sequence[Event]) -> None:
        """Two statements at most, for any number of events."""
        await self._add(session, events, {})

    async def replace(self, session: Session, sources: Sequence[uuid.UUID], events: Sequence[Event]) -> None:
        """What was told of these is told as it is now, or no longer.

        Rows keep their ids, by which the undoing of a merge finds those that it is to give back.
        """
        known: dict[tuple[uuid.UUID, uuid.UUID], uuid.UUID] = {}
        if sources:
            rows = await session.fetch(_FORGET, session.tenant, list(sources))
            known = {(row["source_id"], row["object_id"]): row["id"] for row in rows}
        await self._add(session, events, known)

    async def _add(
        self,
        session: Session,
        events: Sequence[Event],
        known: Mapping[tuple[uuid.UUID, uuid.UUID], uuid.UUID],
    ) -> None:
        contacts = {each for event in events for each in event.contacts}
        person: dict[uuid.UUID, uuid.UUID] = {}
        if contacts:
            rows = await session.fetch(_PEOPLE, session.tenant, list(contacts))
            person = {row["id"]: row["person_id"] for row in rows}
        told = [
            (object, event)
            for event in events
            for object in dict.fromkeys([*event.about, *(person.get(each) for each in event.contacts)])
            if object is not None
        ]
        if told:
            await session.execute(
                _ADD,
                session.tenant,
                [known.get((event.source_id, object)) or new_id() for object, event in told],
                [object for object, _ in told],
                [event.at for _, event in told],
                [event.kind for _, event in told],
                [event.source for _, event in told],
                [event.source_id for _, event in told],
                [msgspec.json.encode(event.summary).decode() for _, event in told],
            )
