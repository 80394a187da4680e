"""Behind PgBouncer in transaction mode, where each transaction may be on another connection of the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database, PoolSettings
from tests.conftest import patient
from tests.db.pg.test_pooler import PROGRAM, pooler

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="sharing of PostgreSQL connections: pgbouncer is not here; install that package"
)
BEHIND = PoolSettings(min_size=0, max_size=8, behind_pooler=True)


@pytest.mark.parametrize("size", [1, 3])
async def test_tenants_that_share_connections_see_their_own_rows(
    server: EmbeddedServer, notes: str, role: str, reachable_path: Path, driver: Any, size: int
) -> None:
    with pooler(server, reachable_path, "transaction", size, user=role) as port:
        async with Database(_through(port, notes), driver=driver, pool=BEHIND) as db:

            async def work(tenant: int) -> list[Any]:
                seen = []
                for turn in range(10):
                    async with db.tenant(tenant) as session:
                        rows = await session.fetch("SELECT DISTINCT team_id FROM notes WHERE id > $1", 0)
                        seen += [row[0] for row in rows]
                        if turn % 3 == 0:
                            await session.connection.execute("SET app.tenant_id = '8'", ())
                            await session.execute("CREATE TEMP TABLE notes AS SELECT 99 AS team_id, 1 AS id")
                return seen

            for tenant, seen in zip(
                (7, 8, 7, 8), await asyncio.gather(*map(work, (7, 8, 7, 8))), strict=True
            ):
                assert seen == [tenant] * 10


def _through(port: int, dsn: str) -> str:
    found = conninfo_to_dict(dsn)
    return patient(f"host=127.0.0.1 port={port} user={found['user']} dbname={found['dbname']}")
