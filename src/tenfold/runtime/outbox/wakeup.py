"""Tells dispatchers that there is something to deliver: after the commit, and not once a commit.

A transaction that notifies holds a lock of the whole server while it commits, so the publishers' own never
do: another one notifies for all that were committed in the meantime. What is lost, a poll makes up for.
"""

from __future__ import annotations

import asyncio
import contextvars

from tenfold.runtime.database import Database

#: Seconds between two notifications of one process.
GAP = 0.01


class WakeUp:
    def __init__(self, db: Database, channel: str, gap: float = GAP) -> None:
        self._db, self._channel, self._gap = db, channel, gap
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        #: Notifications sent, and those that could not be.
        self.sent = self.lost = 0

    def __call__(self) -> None:
        self._wanted = True
        if self._task is None or self._task.done():
            # Of no session and no tenant, whoever's commit it was.
            self._task = asyncio.get_running_loop().create_task(
                self._send(), name="tenfold: notifies of events", context=contextvars.Context()
            )

    async def _send(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                async with self._db.recurring() as session:
                    await session.fetch_value("SELECT pg_catalog.pg_notify($1, '')", self._channel)
                self.sent += 1
            except Exception:  # noqa: BLE001 - nobody waits for it; a poll finds what it would have told
                self.lost += 1
            await asyncio.sleep(self._gap)
