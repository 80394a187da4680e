"""What was changed, by whom: one entry of the audit log and one event for each, in the transaction itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from tenfold.runtime import Session
from tenfold.runtime.outbox import Beside
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
        before, after = self.before, self.after or {}
        if not before:
            return tuple([name for name, value in after.items() if value is not None and name not in _OF_ALL])
        return tuple(
            [name for name, value in after.items() if name not in _OF_ALL and before.get(name) != value]
        )


class Publisher(Protocol):
    """The outbox, as far as writing goes."""

    async def publish_many(
        self, session: Session, events: Sequence[Event], /, *, beside: Beside | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """`crm.contacts.updated` of one thing. It names the fields that changed, and none of their values."""

    topic: str
    key: str
    payload: Mapping[str, Any]


_OF_ALL = frozenset({"version", "updated_at"})
_COLUMNS = {
    "id": "uuid",
    "actor_kind": "text",
    "actor_id": "uuid",
    "request_id": "text",
    "action": "text",
    "resource": "text",
    "object_id": "uuid",
    "before": "jsonb",
    "after": "jsonb",
}


class _Told(NamedTuple):
    """By one part of a transaction: rows of the audit log, in the order of the columns, and events."""

    entries: Sequence[tuple[object, ...]]
    events: Sequence[Event]


class Journal:
    """Of a hub: where changes are told.

    What the parts of a transaction tell goes out at its end, in one statement.
    """

    def __init__(self, publisher: Publisher | None = None) -> None:
        self._publisher = publisher

    def publish_by(self, publisher: Publisher) -> None:
        """From now on, for whoever joins later than the journal is made."""
        self._publisher = publisher

    def wrote(
        self,
        session: Session,
        principal: Principal,
        resource: Resource,
        changes: Sequence[Change],
    ) -> None:
        """An entry and an event for each, as the things are now."""
        request = request_id() or ""
        entries = [
            (
                new_id(),
                principal.kind,
                principal.id,
                request,
                change.action,
                resource.name,
                change.id,
                _json(change.before, change),
                _json(change.after, change),
            )
            for change in changes
        ]
        if entries:
            told = _Told(entries, [_event(resource, change) for change in changes])
            session.before_commit(self._tell, told)

    def publish(self, session: Session, events: Sequence[Event]) -> None:
        """Events of a domain's own, which the audit log does not have."""
        if events:
            session.before_commit(self._tell, _Told((), events))

    async def _tell(self, session: Session, items: list[Any], /) -> None:
        told: list[_Told] = items
        entries = [entry for each in told for entry in each.entries]
        events = [event for each in told for event in each.events]
        columns = [list(column) for column in zip(*entries, strict=True)]
        if self._publisher is None:
            if entries:
                await session.execute(_insert(1), session.tenant, *columns)
            return
        beside = Beside(_insert(6), [session.tenant, *columns]) if entries else None
        await self._publisher.publish_many(session, events, beside=beside)


@cache
def _insert(first: int) -> str:
    """Entries of the audit log; `first` is the number of the first parameter, the organization."""
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(_COLUMNS.values(), first + 1))
    names = ", ".join(_COLUMNS)
    return f"""
INSERT INTO hub.audit_entries (organization_id, at, {names})
SELECT ${first}::uuid, now(), e.* FROM unnest({arrays}) AS e ({names})
"""


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
    if change.before and change.after:
        values = {name: values[name] for name in change.fields}
    return msgspec.json.encode(values).decode()
