"""Segments of an organization, as a client makes them, and a hub whose computations a test waits for."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble
from tenfold_hub.roles import ROLES
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


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", ()) for node in _nodes(each))]


def explained(owner: str, acme: Organization, text: str, *parameters: object) -> list[dict[str, Any]]:
    """The plan that the application's role gets."""
    for number in range(len(parameters), 0, -1):
        text = text.replace(f"${number}", f"%(p{number})s")
    named = {f"p{number}": value for number, value in enumerate(parameters, 1)}
    with psycopg.connect(owner) as connection:
        connection.execute(f"SET ROLE {ROLES.application}")
        connection.execute("SELECT set_config('app.organization_id', %s, false)", [str(acme.id)])
        cursor = psycopg.ClientCursor(connection)
        (row,) = cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", named).fetchall()
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return _nodes(plan[0]["Plan"])


def served(nodes: list[dict[str, Any]], relation: str) -> bool:
    """It is read through an index whose condition says more than the organization."""
    found = [node for node in nodes if node.get("Relation Name") == relation]
    indexed = [node for node in nodes if "Index Cond" in node]
    assert found
    return not [each for each in nodes if each["Node Type"] == "Seq Scan"] and all(
        " AND " in each["Index Cond"]
        for each in indexed
        if each.get("Relation Name") == relation or relation in each.get("Index Name", "")
    )
