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
from tenfold_hub.kit.ids import new_id, shown
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal

_ADD = """
INSERT INTO crm.timeline (organization_id, id, object_id, at, kind, source, source_id, summary)
SELECT $1, e.* FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::uuid[],
                           $8::jsonb[]) AS e
"""
_FORGET = "DELETE FROM crm.timeline WHERE organization_id = $1 AND source_id = ANY($2::uuid[])"
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
                [new_id() for _ in told],
                [object for object, _ in told],
                [event.at for _, event in told],
                [event.kind for _, event in told],
                [event.source for _, event in told],
                [event.source_id for _, event in told],
                [msgspec.json.encode(event.summary).decode() for _, event in told],
            )

    async def replace(self, session: Session, sources: Sequence[uuid.UUID], events: Sequence[Event]) -> None:
        """What was told of these is told as it is now, or no longer."""
        if sources:
            await session.execute(_FORGET, session.tenant, list(sources))
        await self.add(session, events)

    async def people_written(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """A merge, and its undoing, is an event of whoever stays."""
        now = datetime.datetime.now(datetime.UTC)
        await self.add(
            session,
            [
                Event(
                    at=now,
                    kind=f"person_{change.action}",
                    source=str(change.details.get("merge_id") or shown("per", change.id)),
                    source_id=change.id,
                    about=(change.id,),
                    summary={"merged": change.details.get("merged", [])},
                )
                for change in changes
                if change.action in ("merged", "unmerged") and change.after is not None
            ],
        )
