"""What works for a hub beside its requests: events are dispatched, webhooks delivered, jobs done."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Outbox, Retry, Subscription
from tenfold_hub.exchange.delivering import WAKE, Deliverer, FanOut, Times
from tenfold_hub.exchange.jobs import ATTEMPTS, JOBS, Jobs
from tenfold_hub.exchange.publishing import CHANGES, Changes

#: Changes that one call of the fan-out takes, in a transaction for each organization among them.
_BATCH = 200
#: Webhooks that are served at once, by one process.
_WEBHOOKS = 200
#: A webhook with deliveries that wait is looked at after 1, 2, 4 ... seconds, and for ever.
_PATIENCE = Retry(attempts=1_000_000_000, first=1.0, longest=15.0)
#: An event that cannot be told to a consumer is tried for about three days.
_PERSISTENT = Retry(attempts=300, first=1.0, longest=900.0)

#: Jobs that go on side by side in one process, and how a step is tried again.
_JOBS_AT_ONCE = 2
_JOBS = Retry(attempts=ATTEMPTS + 2, first=0.5, longest=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Of one process. Any number of processes may run it: each event and each job is one's."""

    outbox: Outbox
    changes: Changes
    fan_out: FanOut
    deliverer: Deliverer
    jobs: Jobs
    patience: Retry = _PATIENCE
    poll: float = 1.0
    #: Seconds after which the work of a process that died is another's.
    lease: float = 30.0

    @asynccontextmanager
    async def running(self, dispatching: Database) -> AsyncGenerator[None]:
        """`dispatching` is connected as the dispatcher's role; the hub's own database is open already."""
        deliver = Subscription(call=self.deliverer, timeout=28.0, retry=self.patience)
        told = {
            CHANGES: Subscription(call=self.fan_out, timeout=28.0, retry=_PERSISTENT, batch=_BATCH),
            **self.changes.subscriptions(),
        }
        jobs = Subscription(call=self.jobs, timeout=self.lease / 2 - 0.5, retry=_JOBS)
        # Apart from the others: webhooks that are slow hold the places of webhooks only.
        async with (
            dispatching,
            Dispatcher(dispatching, self.outbox, told, lease=60.0, poll=self.poll),
            Dispatcher(
                dispatching,
                self.outbox,
                {WAKE: deliver},
                concurrency=_WEBHOOKS,
                lease=60.0,
                poll=self.poll,
                stop_within=25.0,
            ),
            Dispatcher(
                dispatching,
                self.outbox,
                {JOBS: jobs},
                concurrency=_JOBS_AT_ONCE,
                lease=self.lease,
                poll=self.poll,
            ),
        ):
            yield

    def hurried(self, times: Times, back_off: Sequence[float]) -> Background:
        """The same with other pauses, for tests."""
        hasty = Retry(attempts=1_000_000_000, first=0.02, longest=0.05)
        deliverer = self.deliverer.hurried(times, back_off)
        return replace(self, patience=hasty, poll=0.05, deliverer=deliverer)
