"""What the domains of one hub share, and what each of them adds to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litestar.handlers import BaseRouteHandler

from tenfold.runtime import Database
from tenfold.runtime.cache import Cache
from tenfold.runtime.paging import Cursors
from tenfold_hub.kit.expanding import Expander
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.records import Records, Resolve
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.routes import ResourceRoutes
from tenfold_hub.settings import Settings


@dataclass(slots=True)
class Platform:
    """Of one process. Domains are made in the order of their layers, each with what those before it added."""

    db: Database
    cursors: Cursors
    journal: Journal
    expander: Expander = field(default_factory=Expander)
    records: dict[str, Records] = field(default_factory=dict)
    #: By the prefix of ids: what says which thing an id stands for, where things are merged.
    aliases: dict[str, Resolve] = field(default_factory=dict)
    #: What domains offer to those above them, by their name; the `of` of a domain's api gives it its type.
    services: dict[str, Any] = field(default_factory=dict)
    #: What keeps answers for a while; None where processes could not tell each other of changes.
    cache: Cache | None = None
    #: By topic of the outbox: who is told, after the commit, at least once.
    consumers: dict[str, list[Callable[[Any], Awaitable[None]]]] = field(default_factory=dict)
    #: Entered when the hub starts, and left in the opposite order: refreshers, dispatchers, clients.
    running: list[Any] = field(default_factory=list)
    #: What the hub was told when it started; None where it is put together without, as tools do.
    settings: Settings | None = None
    _routed: list[ResourceRoutes] = field(default_factory=list)
    _handlers: list[BaseRouteHandler] = field(default_factory=list)
    _at_records: list[Callable[[Records], None]] = field(default_factory=list)

    def add(self, resource: Resource, *, routes: bool = True) -> Records:
        """The things of a resource, with the routes that every resource has."""
        records = self.records[resource.name] = Records(resource, self.journal, aliases=self.aliases)
        self.expander.knows(records)
        for hook in self._at_records:
            hook(records)
        if routes:
            self._routed.append(ResourceRoutes(records, self.cursors, self.expander))
        return records

    def at_records(self, hook: Callable[[Records], None]) -> None:
        """Has `hook` meet the things of every resource: of those that are there, and of those that come."""
        self._at_records.append(hook)
        for records in self.records.values():
            hook(records)

    def route(self, handlers: Sequence[BaseRouteHandler]) -> None:
        """Routes of a domain's own, under /v1."""
        self._handlers += handlers

    def handlers(self) -> list[BaseRouteHandler]:
        """All routes, once every domain has joined: what things are expanded by may be of a later one."""
        return [*(handler for routes in self._routed for handler in routes.handlers()), *self._handlers]

    def consume(self, consumers: Mapping[str, Callable[[Any], Awaitable[None]]]) -> None:
        for topic, consumer in consumers.items():
            self.consumers.setdefault(topic, []).append(consumer)
