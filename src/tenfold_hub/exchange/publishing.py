"""From the journal to the outbox: each change as one event for the webhooks, and one for each consumer.

An outbox delivers in order those events that share a topic and a key, and gives each to one consumer. So all
changes of a thing travel under one topic, whatever they are called, and every consumer has a topic of its
own: one that fails holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tenfold.runtime import Session
from tenfold.runtime.outbox import Beside, Event, NewEvent, Outbox, Subscription
from tenfold_hub.exchange.topics import matches
from tenfold_hub.kit import journal

Consumer: TypeAlias = Callable[[Any], Awaitable[None]]

#: The topic of the outbox under which changes reach the webhooks.
CHANGES = "changes"


class Changes:
    """Publishes what the journal tells. `consumers` may grow while the domains of a hub join."""

    def __init__(self, outbox: Outbox, consumers: Mapping[str, Sequence[Consumer]]) -> None:
        self._outbox, self._consumers = outbox, consumers
        self._queues: dict[str, list[str]] = {}

    async def publish_many(
        self, session: Session, events: Sequence[journal.Event], /, *, beside: Beside | None = None
    ) -> None:
        """One statement, in the session's transaction."""
        await self._outbox.publish_many(
            session,
            [
                NewEvent(queue, event.key, {"topic": event.topic, "data": event.payload})
                for event in events
                for queue in self._queues_of(event.topic)
            ],
            beside=beside,
        )

    def subscriptions(self) -> dict[str, Subscription]:
        """Of the consumers, by their topic of the outbox."""
        found: dict[str, Subscription] = {}
        for consumer in _unique(self._consumers):
            found[queue_of(consumer)] = Subscription(call=_unwrapping(consumer))
        return found

    def _queues_of(self, topic: str) -> list[str]:
        queues = self._queues.get(topic)
        if queues is None:
            wanted = {p: each for p, each in self._consumers.items() if matches([p], topic)}
            queues = self._queues[topic] = [CHANGES, *map(queue_of, _unique(wanted))]
        return queues


def queue_of(consumer: Consumer) -> str:
    """The consumer's topic of the outbox: its name, which is to stay what it is while events wait for it."""
    named: Any = getattr(consumer, "__func__", consumer)
    if not hasattr(named, "__qualname__"):
        named = type(consumer)
    return f"{named.__module__}.{named.__qualname__}"


def _unique(consumers: Mapping[str, Sequence[Consumer]]) -> list[Consumer]:
    return list({queue_of(each): each for several in consumers.values() for each in several}.values())


def _unwrapping(consumer: Consumer) -> Consumer:
    async def call(event: Event) -> None:
        told = event.payload
        await consumer(msgspec.structs.replace(event, topic=told["topic"], payload=told["data"]))

    return call
