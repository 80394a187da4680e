"""Whether a process lives, and whether it can serve: for who restarts it, and who sends it requests."""

from __future__ import annotations

import asyncio
import logging

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from tenfold.errors import TenfoldError
from tenfold.runtime import Database
from tenfold_hub.migrate import head

_REVISION = "SELECT version_num FROM hub_migrations.migrations"
_SECONDS = 3.0
_log = logging.getLogger("tenfold_hub")


def handlers(db: Database) -> list[BaseRouteHandler]:
    """`/health`, which asks nobody, and `/ready`, which asks the database for its revision."""
    needed = head()

    @get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @get("/ready", include_in_schema=False)
    async def ready() -> Response[dict[str, str]]:
        try:
            async with asyncio.timeout(_SECONDS), db.system("readiness") as session:
                row = await session.fetch_row(_REVISION)
        except (TenfoldError, TimeoutError, OSError) as error:
            _log.warning("not ready: the database does not answer: %s", type(error).__name__)
            return Response({"status": "unready", "database": "unavailable"}, status_code=503)
        found = "" if row is None else row["version_num"]
        if found != needed:
            said = {"status": "unready", "database": "ok", "migrations": f"at {found}, needs {needed}"}
            return Response(said, status_code=503)
        return Response({"status": "ok", "database": "ok", "migrations": found})

    return [health, ready]
