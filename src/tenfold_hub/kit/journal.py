"""What was changed, by whom: one entry of the audit log and one event for each, in the transaction itself."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from tenfold.runtime import Session
from tenfold.runtime.telemetry import request_id
from tenfold_hub.kit.ids import new_id, shown
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.resource import Resource

Action: TypeAlias = Literal[
    "created",
    "updated",
    "archived",
    "restored",
    "merged",
    "unmerged",
    "placed",
    "paid",
    "fulfilled",
    "cancelled",
    "refunded",
]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing, before and after; None where it was not there."""

    action: Action
    id: uuid.UUID
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    #: What its event says besides: plain values, and nothing personal.
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that differ."""
        before, after = self.before or {}, self.after or {}
        return tuple(name for name in after if name not in _OF_ALL and before.get(name) != after.get(name))


class Publisher(Protocol):
    """The outbox, as far as writing goes."""

    async def publish_many(self, session: Session, events: Sequence[Event], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """`crm.contacts.updated` of one thing. It names the fields that changed, and none of their values."""

    topic: str
    key: str
    payload: Mapping[str, Any]


_OF_ALL = frozenset({"version", "updated_at"})
_ENTRY = """
INSERT INTO hub.audit_entries
       (organization_id, at, id, actor_kind, actor_id, request_id, action, resource, object_id, before, after)
SELECT $1, now(), e.id, $2, $3, $4, e.action, $5, e.object_id, e.before, e.after
  FROM unnest($6::uuid[], $7::text[], $8::uuid[], $9::jsonb[], $10::jsonb[])
       AS e (id, action, object_id, before, after)
"""


class Journal:
    """Of a hub: where changes are told."""

    def __init__(self, publisher: Publisher | None = None) -> None:
        self._publisher = publisher

    def publish_by(self, publisher: Publisher) -> None:
        """From now on, for whoever joins later than the journal is made."""
        self._publisher = publisher

    async def wrote(
        self,
        session: Session,
        principal: Principal,
        resource: Resource,
        changes: Sequence[Change],
    ) -> None:
        """Two statements, however many changes there are."""
        if not changes:
            return
        await session.execute(
            _ENTRY,
            principal.organization,
            principal.kind,
            principal.id,
            request_id() or "",
            resource.name,
            [new_id() for _ in changes],
            [change.action for change in changes],
            [change.id for change in changes],
            [_json(change.before, change) for change in changes],
            [_json(change.after, change) for change in changes],
        )
        await self.publish(session, [_event(resource, change) for change in changes])

    async def publish(self, session: Session, events: Sequence[Event]) -> None:
        """Events of a domain's own, which the audit log does not have: one statement."""
        if self._publisher is not None and events:
            await self._publisher.publish_many(session, events)


def _event(resource: Resource, change: Change) -> Event:
    id = shown(resource.prefix, change.id)
    return Event(
        f"{resource.schema}.{resource.name}.{change.action}",
        id,
        {
            "id": id,
            "fields": list(change.fields),
            "version": (change.after or {}).get("version"),
            **change.details,
        },
    )


def _json(values: Mapping[str, Any] | None, change: Change) -> str | None:
    """What differs, as JSON; all of it where the thing was not there before, or is not after."""
    if values is None:
        return None
    names = change.fields if change.before and change.after else tuple(values)
    return msgspec.json.encode({name: _plain(values[name]) for name in names}).decode()


def _plain(value: object) -> object:
    return value if not isinstance(value, datetime.datetime) else value.isoformat()
