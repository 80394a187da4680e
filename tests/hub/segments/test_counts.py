"""How many members segments have, whoever writes at once, and while segments come and go."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold_hub.kit import ids
from tenfold_hub.segments import computing, repository
from tenfold_hub.segments.computing import Worker
from tests.hub.conftest import Organization
from tests.hub.segments.conftest import dynamic, made, members

HIGH = {"field": "score", "operator": "gt", "value": 5}


async def contacts(client: httpx.AsyncClient, count: int, score: int = 0) -> list[str]:
    items = [
        {"item": {"person": {"email": f"{uuid.uuid4().hex}@x.example"}, "score": score}} for _ in range(count)
    ]
    answer = (await client.post("/contacts/batch/create", json={"items": items})).json()
    return [each["item"]["id"] for each in answer["items"]]


async def count(client: httpx.AsyncClient, segment: str) -> int:
    return int((await client.get(f"/segments/{segment}")).json()["members"]["count"])


def rows(owner: str) -> list[int]:
    """What the counts of all segments are made of."""
    with psycopg.connect(owner) as connection:
        found = connection.execute("SELECT members FROM crm.segment_counts ORDER BY members").fetchall()
    return [row[0] for row in found]


async def test_writers_at_once_neither_wait_for_each_other_nor_lose_a_member(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, db: Database, owner: str
) -> None:
    segment = await dynamic(client, worker, acme, HIGH)
    named = await contacts(client, 24)
    id = ids.read("seg", segment)

    async with db.tenant(acme.id) as first:
        await repository.count(first, {id: 5})
        # While one holds the row that there is not yet, and another one of its own.
        async with db.tenant(acme.id) as second:
            await repository.count(second, {id: 7})
        await asyncio.gather(*(client.patch(f"/contacts/{each}", json={"score": 10}) for each in named))
        # What is not committed is counted by nobody.
        assert await count(client, segment) == 7 + 24
        assert len(rows(owner)) < 24
    assert await count(client, segment) == 5 + 7 + 24
    # Whoever writes next takes together what nobody holds.
    await client.patch(f"/contacts/{named[0]}", json={"score": 0})
    assert rows(owner) == [5 + 7 + 23]

    async def flipped(each: str) -> None:
        for score in (0, 10, 0, 10, 0):
            await client.patch(f"/contacts/{each}", json={"score": score})

    await asyncio.gather(*map(flipped, named[1:]))
    assert await count(client, segment) == 5 + 7
    assert await members(client, segment) == set()


async def _nothing(*_: object) -> None:
    """In place of a computation."""


async def test_a_segment_that_is_restored_while_it_is_cleared_has_all_its_members(
    client: httpx.AsyncClient,
    worker: Worker,
    acme: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segment = await dynamic(client, worker, acme, HIGH)
    named = await contacts(client, 5, score=9)
    monkeypatch.setattr(computing, "CLEARED", 2)
    assert await count(client, segment) == 5
    # The application's own worker is not to be the one that clears.
    monkeypatch.setattr(Worker, "_quietly", _nothing)
    await client.delete(f"/segments/{segment}")
    assert await worker.step(acme.id)
    assert await count(client, segment) == 3

    # Between a look at what is to be cleared and the clearing of it.
    looked = repository.unfinished

    async def overtaken(session: object) -> object:
        found = await looked(session)  # type: ignore[arg-type] # as it is given
        if found and found[0].state == "clearing":
            assert (await client.post(f"/segments/{segment}/restore")).status_code == 200
        return found

    monkeypatch.setattr(repository, "unfinished", overtaken)
    assert await worker.step(acme.id)
    assert await count(client, segment) == 3
    await worker.finish(acme.id)
    assert await members(client, segment) == set(named)
    assert await count(client, segment) == 5

    await client.delete(f"/segments/{segment}")
    monkeypatch.setattr(repository, "unfinished", looked)
    await worker.finish(acme.id)
    assert (await client.get(f"/segments/{segment}")).json()["state"] == "cleared"
    assert await count(client, segment) == 0


async def test_what_is_begun_while_the_last_look_ends_is_computed(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that has seen nothing to do, and has not ended yet, does what is asked for meanwhile."""
    await contacts(client, 1, score=9)
    finished, added = worker.finish, list[str]()

    async def slowly(organization: uuid.UUID) -> None:
        await finished(organization)
        if not added:
            segment = await made(client, "segments", name="s", kind="dynamic", resource="contacts", rule=HIGH)
            added.append(segment["id"])
            worker.begin(organization)

    monkeypatch.setattr(worker, "finish", slowly)
    await worker.begin(acme.id)
    assert (await client.get(f"/segments/{added[0]}")).json()["state"] == "ready"


async def test_who_changes_a_rule_and_who_computes_it_come_after_each_other(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """The one holds the segment and waits for the rules; so the other is not to have these before that."""
    segment = await dynamic(client, worker, acme, HIGH)
    catalog, changed = worker._keeper.catalog, list["asyncio.Task[httpx.Response]"]()
    held = catalog.held

    async def slowly(session: object) -> object:
        found = await held(session)  # type: ignore[arg-type] # as it is given
        if not changed:
            body = {"rule": {"field": "score", "operator": "gt", "value": 3}}
            changed.append(asyncio.create_task(client.patch(f"/segments/{segment}", json=body)))
            with psycopg.connect(owner, autocommit=True) as connection:
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                while connection.execute(f"{waiting} AND wait_event_type = 'Lock'").fetchone() == (0,):
                    await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(catalog, "held", slowly)
    async with worker._db.tenant(acme.id) as session:
        await repository.compute_again(session, ids.read("seg", segment))
    assert await worker.step(acme.id)
    (answer,) = await asyncio.gather(*changed)
    assert answer.status_code == 200
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        found = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(found).fetchone() == (0,)
