"""Works for a hub until it is killed: with a short lease, so that another one soon takes up what it left."""

from __future__ import annotations

import asyncio

from tenfold_hub.settings import Settings
from tenfold_hub.work import working


async def main() -> None:
    async with working(Settings.from_environment(), lease=4.0):
        await asyncio.Event().wait()


asyncio.run(main())
