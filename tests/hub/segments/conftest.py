"""Segments of an organization, as a client makes them, and a hub whose computations a test waits for."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble
from tenfold_hub.segments.computing import Worker
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization


@pytest.fixture
def worker(db: Database, settings: Settings, telemetry: Telemetry) -> Worker:
    """Of another process on the same database."""
    found: Worker = assemble(db, Cursors(settings.key), settings).services["segments.worker"]
    return found


async def made(client: httpx.AsyncClient, path: str, **values: object) -> dict[str, Any]:
    answer = await client.post(f"/{path}", json=values)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def dynamic(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, rule: object, resource: str = "contacts"
) -> str:
    """A segment of this rule, computed."""
    segment = await made(
        client, "segments", name=str(uuid.uuid4()), kind="dynamic", resource=resource, rule=rule
    )
    await worker.finish(acme.id)
    return str(segment["id"])


async def members(client: httpx.AsyncClient, segment: str) -> set[str]:
    answer = await client.get(f"/segments/{segment}/members", params={"limit": 200})
    assert answer.status_code == 200, answer.text
    return {each["id"] for each in answer.json()["items"]}


async def contact(client: httpx.AsyncClient, email: str, **values: Any) -> dict[str, Any]:
    return await made(client, "contacts", person={"email": email}, **values)
