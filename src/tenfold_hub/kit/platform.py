"""What the domains of one hub share, and what each of them adds to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litestar.handlers import BaseRouteHandler

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.routes import Expander, ResourceRoutes


@dataclass(slots=True)
class Platform:
    """Of one process. Domains are made in the order of their layers, each with what those before it added."""

    db: Database
    cursors: Cursors
    journal: Journal
    expander: Expander = field(default_factory=Expander)
    records: dict[str, Records] = field(default_factory=dict)
    handlers: list[BaseRouteHandler] = field(default_factory=list)
    #: By topic of the outbox: who is told, after the commit, at least once.
    consumers: dict[str, list[Callable[[Any], Awaitable[None]]]] = field(default_factory=dict)
    #: Entered when the hub starts, and left in the opposite order: refreshers, dispatchers, clients.
    running: list[Any] = field(default_factory=list)

    def add(self, resource: Resource, *, routes: bool = True) -> Records:
        """The things of a resource, with the routes that every resource has."""
        records = self.records[resource.name] = Records(resource, self.journal)
        self.expander.knows(records)
        if routes:
            self.handlers += ResourceRoutes(records, self.cursors, self.expander).handlers()
        return records

    def route(self, handlers: Sequence[BaseRouteHandler]) -> None:
        """Routes of a domain's own, under /v1."""
        self.handlers += handlers

    def consume(self, consumers: Mapping[str, Callable[[Any], Awaitable[None]]]) -> None:
        for topic, consumer in consumers.items():
            self.consumers.setdefault(topic, []).append(consumer)
