"""A process that dispatches: it notes in a table what it was given, and can be killed in the middle of it.

Arguments: the connection strings of the dispatcher's role and of the application's, and the lease in seconds.
An event with the payload `hold` is noted as begun, and never ends.
"""

from __future__ import annotations

import asyncio
import os
import sys

from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Event, Outbox, Subscription


async def main(dispatcher: str, application: str, lease: float) -> None:
    async with Database(dispatcher) as across, Database(application) as app:

        async def note(event: Event) -> None:
            async with app.tenant(event.tenant) as session:
                await session.execute(
                    "INSERT INTO given (pid, key, payload) VALUES ($1::int, $2::text, $3::text)",
                    os.getpid(),
                    event.key,
                    str(event.payload),
                )
            if event.payload == "hold":
                await asyncio.Event().wait()

        subscription = Subscription(call=note, timeout=lease / 2)
        await Dispatcher(across, Outbox(app), {"t": subscription}, lease=lease, poll=0.05).run()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
