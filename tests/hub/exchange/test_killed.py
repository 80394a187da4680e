"""Kill -9 in the middle of a job: another process goes on, nothing is missing and nothing there twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tenfold_hub.exchange import uploads
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.exchange.conftest import until

ROWS, CHUNK = 1_000, 50
_WAITING = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'identity.people'::regclass
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_END = f"SELECT pg_terminate_backend(pid) FROM pg_locks {_WAITING[_WAITING.index('WHERE') :]}"


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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "ROWS_AT_ONCE", CHUNK)
    text = "email,given_name\n" + "".join(f"p{n}@example.com,n{n}\n" for n in range(ROWS))
    text += "wrong,x\n"
    job = (await client.post("/imports?kind=people", content=text)).json()

    async def found() -> dict[str, Any]:
        answer: dict[str, Any] = (await client.get(f"/imports/{job['id']}")).json()
        return answer

    async def begun() -> bool:
        return (await found())["rows_done"] > 0

    async def over() -> bool:
        return (await found())["status"] == "done"

    with psycopg.connect(owner, autocommit=True) as connection:

        def one(statement: str) -> tuple[Any, ...]:
            return connection.execute(statement).fetchone() or ()

        workers.append(start(settings))
        await until(begun, 60)
        with connection.transaction():
            # Whoever writes people waits, in the midst of a chunk.
            connection.execute("LOCK TABLE identity.people IN SHARE MODE")
            await until(lambda: one(_WAITING)[0], 60)
            workers.append(start(settings))
            workers[0].kill()
            workers[0].wait()
            done = (await found())["rows_done"]
            assert 0 < done < ROWS and one("SELECT count(*) FROM identity.people") == (done,)
            # The server would learn of the death when the statement is over.
            connection.execute(_END)
        await until(over, 90)
        end = await found()
        assert (end["rows_done"], end["rows_created"], end["rows_failed"]) == (ROWS + 1, ROWS, 1)
        people = one("SELECT count(*), count(DISTINCT email) FROM identity.people")
        audited = one(
            "SELECT count(*), count(DISTINCT object_id) FROM hub.audit_entries WHERE resource = 'people'"
        )
        assert (people, audited) == ((ROWS, ROWS), (ROWS, ROWS))
