"""A source with one of everything, on a server of its own: it has roles and settings of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.model.query_plan import QueryPlan, decode_plan
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect
from tenfold.pg.embedded import EmbeddedServer

if TYPE_CHECKING:
    from tests.db.twin.queries import Asked

HERE = Path(__file__).parent
#: Settings that decide plans, other than the defaults.
SETTINGS: dict[str, str | int | bool] = {
    "autovacuum": False,
    "effective_cache_size": "1GB",
    "seq_page_cost": 0.9,
    "min_parallel_table_scan_size": "1MB",
    "max_parallel_workers_per_gather": 3,
    "hash_mem_multiplier": 1.5,
    "enable_partitionwise_join": True,
    "enable_partitionwise_aggregate": True,
}


class Source(NamedTuple):
    server: EmbeddedServer
    snapshot: Snapshot

    def explain(self, asked: Asked) -> QueryPlan:
        """What the source's own planner says."""
        dsn = self.server.dsn("rich", user=asked.role or "postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name, value in asked.settings:
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            cursor = psycopg.RawCursor(connection)
            cursor.execute(f"EXPLAIN (FORMAT JSON) {asked.sql}".encode(), asked.parameters, binary=True)
            row = cursor.fetchone()
            assert row is not None
            import json

            return decode_plan(json.dumps(row[0]))


@contextlib.contextmanager
def rich_source(binaries: Path | None = None) -> Iterator[Source]:
    with EmbeddedServer.temporary(settings=SETTINGS, binaries=binaries) as server:
        dsn = server.create_database("rich")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ALTER DATABASE rich SET join_collapse_limit = 7")
            connection.execute((HERE / "rich.sql").read_bytes())
            for since in (14, 15, 18):
                if server.major >= since:
                    connection.execute((HERE / f"rich_{since}.sql").read_bytes())
            connection.execute("VACUUM ANALYZE")
        with contextlib.closing(connect(dsn)) as reader:
            yield Source(server, read_snapshot(reader))


@pytest.fixture(scope="session")
def rich() -> Iterator[Source]:
    with rich_source() as source:
        yield source
