"""The work beside requests, as a process of its own: `python -m tenfold_hub.work`, from the environment.

`tenfold hub serve` starts one. It dispatches events, delivers webhooks, does imports and exports, and prunes.
Any number may run, on any machine: what one is at is no other's, and what one leaves another takes up.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import assemble
from tenfold_hub.exchange.background import Background
from tenfold_hub.exchange.maintenance import Maintenance
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.serving import database
from tenfold_hub.settings import Settings


@asynccontextmanager
async def working(settings: Settings, *, lease: float | None = None) -> AsyncGenerator[None]:
    """What is configured: without the dispatcher's DSN events wait, without the other nothing is pruned."""
    db = database(settings)
    platform = assemble(db, Cursors(settings.key), settings)
    background: Background = platform.services["background"]
    if lease is not None:
        background = replace(background, lease=lease)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(db)
        if settings.dispatcher:
            await stack.enter_async_context(background.running(_across(settings.dispatcher)))
        if settings.maintenance:
            maintenance = Maintenance(_across(settings.maintenance), audit_months=settings.audit_months)
            await stack.enter_async_context(maintenance.running())
        yield


def _across(dsn: str) -> Database:
    """As a role that works across organizations."""
    return Database(dsn, tenant_type=uuid.UUID, setting=SETTING, application="tenfold hub, work")


async def _main() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with working(Settings.from_environment()):
        # A chunk of an import makes some hundred thousand objects, and no cycles: with Python's thresholds
        # two fifths of its time go into looking through them, and through the hub, for garbage.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        await stopped.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(_main())
