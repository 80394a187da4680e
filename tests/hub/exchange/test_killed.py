"""Kill -9 in the middle of a job: another process goes on, nothing is missing and nothing there twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.exchange.conftest import until

ROWS = 6_000


@pytest.fixture
def workers(settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("work_process.py"))], env=environment
    )


@pytest.mark.timeout(180)
async def test_an_import_whose_process_is_killed_is_resumed_by_another(
    client: httpx.AsyncClient,
    acme: Organization,
    settings: Settings,
    owner: str,
    workers: list[subprocess.Popen[bytes]],
) -> None:
    text = "email,given_name\n" + "".join(f"p{n}@example.com,n{n}\n" for n in range(ROWS))
    text += "wrong,x\n"
    job = (await client.post("/imports?kind=people", content=text)).json()

    async def done() -> int:
        return int((await client.get(f"/imports/{job['id']}")).json()["rows_done"])

    for least in (1, 2_500):
        workers.append(start(settings))

        async def came(least: int = least) -> bool:
            return await done() >= least

        await until(came, 60)
        workers[-1].kill()
        assert await done() < ROWS
    workers.append(start(settings))

    async def over() -> bool:
        return (await client.get(f"/imports/{job['id']}")).json()["status"] == "done"

    await until(over, 90)
    found = (await client.get(f"/imports/{job['id']}")).json()
    assert (found["rows_done"], found["rows_created"], found["rows_failed"]) == (ROWS + 1, ROWS, 1)
    with psycopg.connect(owner) as connection:
        people, emails = connection.execute(
            "SELECT count(*), count(DISTINCT email) FROM identity.people WHERE organization_id = %s",
            [acme.id],
        ).fetchone() or (0, 0)
        audited = connection.execute(
            "SELECT count(*), count(DISTINCT object_id) FROM hub.audit_entries WHERE resource = 'people'"
        ).fetchone()
    assert (people, emails, audited) == (ROWS, ROWS, (ROWS, ROWS))
