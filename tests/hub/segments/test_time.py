"""Conditions on the time that has passed: asked again when they turn, and only those."""

from __future__ import annotations

import datetime

import httpx
import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble
from tenfold_hub.roles import ROLES
from tenfold_hub.segments.computing import Worker
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.segments.conftest import contact, dynamic, members

QUIET = {
    "any": [
        {"field": "last_contacted_at", "operator": "null", "value": True},
        {"field": "last_contacted_at", "operator": "more_than_ago", "value": "30d"},
    ]
}
NOW = datetime.datetime.now(datetime.UTC)


def ago(days: float) -> str:
    return (NOW - datetime.timedelta(days=days)).isoformat()


async def test_who_was_not_contacted_for_a_month_comes_in_by_time_alone(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    segment = await dynamic(client, worker, acme, QUIET)
    never = (await contact(client, "a@x.example"))["id"]
    long_ago = (await contact(client, "b@x.example", last_contacted_at=ago(40)))["id"]
    lately = (await contact(client, "c@x.example", last_contacted_at=ago(29)))["id"]
    assert await members(client, segment) == {never, long_ago}

    assert await worker.sweep(acme.id) == 0
    worker._keeper.clock = lambda: NOW + datetime.timedelta(days=1, hours=1)
    assert await worker.sweep(acme.id) == 1
    assert await members(client, segment) == {never, long_ago, lately}
    assert await worker.sweep(acme.id) == 0

    await client.patch(f"/contacts/{lately}", json={"last_contacted_at": ago(0)})
    assert await members(client, segment) == {never, long_ago}


async def test_what_is_archived_or_no_longer_asked_is_due_for_nothing(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    recent = {"field": "last_contacted_at", "operator": "less_than_ago", "value": "12h"}
    segment = await dynamic(client, worker, acme, recent)
    first = (await contact(client, "a@x.example", last_contacted_at=ago(0)))["id"]
    second = (await contact(client, "b@x.example", last_contacted_at=ago(0)))["id"]
    assert await members(client, segment) == {first, second}
    await client.delete(f"/contacts/{first}")
    await client.patch(f"/segments/{segment}", json={"rule": {"field": "status", "value": "active"}})
    await worker.finish(acme.id)
    worker._keeper.clock = lambda: NOW + datetime.timedelta(days=1)
    assert await worker.sweep(acme.id) <= 1
    assert await worker.sweep(acme.id) == 0
    assert await members(client, segment) == {second}


async def test_a_sweep_asks_what_is_due_in_the_same_few_statements(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, telemetry: Telemetry
) -> None:
    await dynamic(client, worker, acme, QUIET)

    async def swept(count: int, days: int) -> int:
        items = [
            {"item": {"person": {"email": f"p{n}-{days}@x.example"}, "last_contacted_at": ago(30 - days)}}
            for n in range(count)
        ]
        assert (await client.post("/contacts/batch/create", json={"items": items})).status_code == 200
        worker._keeper.clock = lambda: NOW + datetime.timedelta(days=days, minutes=1)
        with telemetry.recording("sweep") as record:
            assert await worker.sweep(acme.id) == count
        return record.queries

    assert await swept(3, 1) == await swept(300, 2)


async def test_who_maintains_learns_whom_to_wake(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, settings: Settings, owner: str
) -> None:
    segment = await dynamic(client, worker, acme, QUIET)
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=30, seconds=-0.3)
    lately = (await contact(client, "c@x.example", last_contacted_at=moment.isoformat()))["id"]
    told = msgspec.structs.replace(settings, maintenance=make_conninfo(owner, user=ROLES.maintenance))
    waking = assemble(worker._db, Cursors(settings.key), told).services["segments.worker"]._waking
    async with waking:
        while lately not in await members(client, segment):
            await worker.wake(waking)
        with pytest.raises(Exception, match="permission denied"):
            async with waking.system("what it may not see", read_only=True) as session:
                await session.fetch("SELECT object_id FROM crm.segment_dues")
