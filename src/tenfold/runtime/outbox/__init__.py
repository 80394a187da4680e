"""Events written with what they tell of, delivered at least once, in order per key."""

from __future__ import annotations

from tenfold.runtime.outbox.dispatcher import Dispatcher, DispatcherStatistics
from tenfold.runtime.outbox.event import Event, NewEvent
from tenfold.runtime.outbox.outbox import Backlog, Beside, Outbox
from tenfold.runtime.outbox.retrying import Retry, Subscription
from tenfold.runtime.outbox.schema import create_sql

__all__ = [
    "Backlog",
    "Beside",
    "Dispatcher",
    "DispatcherStatistics",
    "Event",
    "NewEvent",
    "Outbox",
    "Retry",
    "Subscription",
    "create_sql",
]
