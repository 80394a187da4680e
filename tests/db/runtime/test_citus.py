"""Where Citus is installed, the tenant is sent on to its workers. An extension of its name stands in here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tests.conftest import patient

FOUND = """
SELECT current_setting('citus.propagate_set_commands', true), current_setting('app.tenant_id')
"""


@pytest.fixture(scope="module")
def coordinator(reachable_base: Path) -> Iterator[EmbeddedServer]:
    folder = reachable_base / "citus" / "extension"
    folder.mkdir(parents=True)
    (folder / "citus.control").write_text("default_version = '1'\n")
    (folder / "citus--1.sql").write_text("-- nothing\n")
    path = f"{folder.parent}:$system"
    with EmbeddedServer.temporary(settings={"extension_control_path": path}) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as owner:
            owner.execute("CREATE ROLE app LOGIN")
            owner.execute("CREATE EXTENSION citus")
        yield server


async def test_the_tenant_is_sent_to_the_workers_in_the_same_transaction(
    coordinator: EmbeddedServer, driver: Any
) -> None:
    async with Database(patient(coordinator.dsn(), user="app"), driver=driver) as db:
        async with db.tenant(7) as session:
            assert tuple(await session.fetch_row(FOUND) or ()) == ("local", "7")
        async with db.tenant(8, read_only=True, isolation="repeatable read") as session:
            assert tuple(await session.fetch_row(FOUND) or ()) == ("local", "8")


async def test_without_citus_its_setting_is_let_alone(db: Database) -> None:
    async with db.tenant(7) as session:
        assert tuple(await session.fetch_row(FOUND) or ()) == (None, "7")
