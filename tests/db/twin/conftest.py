"""A source with one of everything, on a server of its own: it has roles and settings of its own."""

from __future__ import annotations

import contextlib
import json
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
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin

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
    "TimeZone": "Asia/Kolkata",
    "search_path": '"$user", public, app',
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
            generic = ", GENERIC_PLAN" if "$" in asked.sql and asked.parameters is None else ""
            cursor = psycopg.RawCursor(connection)
            cursor.execute(
                f"EXPLAIN (FORMAT JSON{generic}) {asked.sql}".encode(), asked.parameters, binary=not generic
            )
            row = cursor.fetchone()
            assert row is not None
            return decode_plan(json.dumps(row[0]))


@contextlib.contextmanager
def rich_source(binaries: Path | None = None) -> Iterator[Source]:
    with EmbeddedServer.temporary(settings=SETTINGS, binaries=binaries) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            # Not sorted by bytes, as most are.
            connection.execute("CREATE DATABASE rich TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        dsn = server.dsn("rich")
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


@pytest.fixture(scope="session")
def twin_of_rich(rich: Source) -> Iterator[Scale]:
    with Twin(rich.snapshot) as twin:
        yield twin.scale()


def explain(scale: Scale, asked: Asked) -> QueryPlan:
    """What the twin's planner says."""
    return scale.explain(asked.sql, asked.parameters, role=asked.role, settings=dict(asked.settings))
