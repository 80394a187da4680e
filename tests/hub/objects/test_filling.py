"""A field that becomes filterable, or is so no more: batch by batch, while others write, and after a kill."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import DOMAINS
from tenfold_hub.kit import ids
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.platform import Platform
from tenfold_hub.objects.catalog import Catalog
from tenfold_hub.objects.filling import Filler
from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define, made


@pytest.fixture
async def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests leave the work to whoever asks for it."""

    async def leave(*_: object) -> None:
        pass

    monkeypatch.setattr(Filler, "_quietly", leave)


def filler(db: Database, batch: int) -> Filler:
    platform = Platform(db, Cursors(b"x" * 32), Journal())
    for join in DOMAINS[:2]:
        join(platform)
    return Filler(db, Catalog(), platform.records, batch)


async def filled(client: httpx.AsyncClient, count: int) -> list[str]:
    items = [{"item": {"custom": {"city": f"c{n % 3}"} if n % 4 else {}}} for n in range(count)]
    answer = await client.post("/people/batch/create", json={"items": items})
    assert answer.status_code == 200, answer.text
    return [item["item"]["id"] for item in answer.json()["items"]]


async def turned(client: httpx.AsyncClient, field: dict[str, Any], filterable: bool) -> uuid.UUID:
    answer = await client.patch(f"/fields/{field['id']}", json={"filterable": filterable})
    assert answer.json()["state"] == ("filling" if filterable else "clearing"), answer.text
    return ids.read("fld", field["id"])


def values(owner: str) -> int:
    with psycopg.connect(owner) as connection:
        row = connection.execute("SELECT count(*) FROM objects.text_values").fetchone()
        assert row is not None
        return int(row[0])


async def test_a_field_becomes_filterable_in_batches_and_says_how_far(
    idle: None, client: httpx.AsyncClient, db: Database, acme: Organization, owner: str
) -> None:
    field = await define(client, "people", "city", "text")
    people = await filled(client, 25)
    await client.delete(f"/people/{people[1]}")
    id, work = await turned(client, field, True), filler(db, 10)
    answer = await client.get("/people?filter[custom.city]=c2")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert await work.step(acme.id, id)
    shown = (await client.get(f"/fields/{field['id']}")).json()
    assert (shown["state"], shown["filled"], shown["version"]) == ("filling", 10, 2)
    # What is written meanwhile is written with its rows, before the walk comes by or after it did.
    late = await made(client, "people", custom={"city": "c2"})
    for changed in (people[2], people[20]):
        await client.patch(f"/people/{changed}", json={"custom": {"city": "moved"}})
    # Another process begins where this one was killed.
    await filler(db, 10).fill(acme.id, id)
    shown = (await client.get(f"/fields/{field['id']}")).json()
    assert (shown["state"], shown["filled"]) == ("ready", 26)
    assert values(owner) == 26
    expected = [late["id"], *(people[n] for n in reversed(range(25)) if n % 3 == 2 and n % 4)]
    expected = [id for id in expected if id not in (people[2], people[20])]
    assert await listed(client, "filter[custom.city]=c2") == expected
    assert await listed(client, "filter[custom.city]=moved") == [people[20], people[2]]
    assert await listed(client, "filter[custom.city]=c1&archived=true") == [people[1]]


async def listed(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/people?{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_two_that_fill_at_once_do_nothing_twice(
    idle: None, client: httpx.AsyncClient, db: Database, acme: Organization, owner: str
) -> None:
    field = await define(client, "people", "city", "text")
    await filled(client, 40)
    id = await turned(client, field, True)
    for _ in range(20):
        await asyncio.gather(*(filler(db, 4).fill(acme.id, id) for _ in range(3)))
        shown = (await client.get(f"/fields/{field['id']}")).json()
        if shown["state"] == "ready":
            break
    assert (shown["state"], shown["filled"], values(owner)) == ("ready", 40, 40)


async def test_what_is_filterable_no_more_is_cleared_away(
    idle: None, client: httpx.AsyncClient, db: Database, acme: Organization, owner: str
) -> None:
    field = await define(client, "people", "city", "text")
    await filled(client, 20)
    await filler(db, 100).fill(acme.id, await turned(client, field, True))
    id = await turned(client, field, False)
    assert (await client.get("/people?filter[custom.city]=c1")).json()["code"] == "not_filterable"
    again = await client.patch(f"/fields/{field['id']}", json={"filterable": True})
    assert again.json()["code"] == "conflict"
    await made(client, "people", custom={"city": "c1"})
    await filler(db, 2).fill(acme.id, id)
    assert (await client.get(f"/fields/{field['id']}")).json()["state"] == "none"
    assert values(owner) == 0


async def test_a_small_organization_waits_for_nothing(client: httpx.AsyncClient) -> None:
    field = await define(client, "people", "city", "text")
    people = await filled(client, 20)
    await client.patch(f"/fields/{field['id']}", json={"filterable": True})
    assert await listed(client, "filter[custom.city]=c1&sort=created_at") == [
        people[n] for n in range(20) if n % 3 == 1 and n % 4
    ]


async def test_whoever_meets_a_field_that_was_left_goes_on(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = await define(client, "people", "city", "text")
    await filled(client, 20)
    with monkeypatch.context() as patched:
        patched.setattr(Filler, "begin", lambda *_: [])
        await turned(client, field, True)
        assert (await client.get("/people?filter[custom.city]=c1")).status_code == 409
    async with asyncio.timeout(20):
        while (await client.get("/people?filter[custom.city]=c1")).status_code == 409:
            pass
    assert len(await listed(client, "filter[custom.city]=c1")) == 5


async def test_a_writer_waits_for_a_change_of_definitions_and_obeys_it(
    client: httpx.AsyncClient, db: Database, acme: Organization
) -> None:
    field = await define(client, "people", "city", "text")
    person = await made(client, "people", custom={"city": "Oslo"})
    # Another process changes the definition; this one has the old one at hand.
    async with db.tenant(acme.id) as session:
        await Catalog().hold_alone(session, {"people"})
        await session.execute(
            "UPDATE objects.fields SET rules = '{\"max_length\": 2}' WHERE organization_id = $1", acme.id
        )
        writing = asyncio.create_task(
            client.patch(f"/people/{person['id']}", json={"custom": {"city": "Rome"}})
        )
        done, _ = await asyncio.wait({writing}, timeout=0.3)
        assert not done, "it waits for the change"
        await Catalog().changed(session, {"people"})
    answer = await writing
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/custom/city")
    assert field["version"] == 1


async def test_two_writers_of_one_unique_value_at_once(client: httpx.AsyncClient) -> None:
    await define(client, "people", "badge", "text", unique=True)
    answers = await asyncio.gather(
        *(client.post("/people", json={"custom": {"badge": "A1"}}) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await listed(client, "filter[custom.badge]=A1")) == 1
    assert len((await client.get("/people")).json()["items"]) == 1


async def test_the_statements_of_a_batch_do_not_grow_with_its_items_and_fields(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    for n in range(10):
        await define(client, "people", f"t{n}", "text", filterable=True)
        await define(client, "people", f"n{n}", "number", unique=n == 0, filterable=True)

    async def statements(first: int, count: int) -> int:
        items = [
            {"item": {"custom": {f"t{n}": f"x{at}" for n in range(10)} | {f"n{n}": at for n in range(10)}}}
            for at in range(first, first + count)
        ]
        with telemetry.recording("batch") as record:
            answer = await client.post("/people/batch/create", json={"items": items})
        assert answer.status_code == 200, answer.text
        found = [item["item"]["id"] for item in answer.json()["items"]]
        with telemetry.recording("change") as changed:
            patches = [{"id": id, "item": {"custom": {"t1": "y", "n1": -1}}} for id in found]
            answer = await client.post("/people/batch/update", json={"items": patches})
        assert answer.status_code == 200, answer.text
        with telemetry.recording("archive") as archived:
            gone = [{"id": id} for id in found]
            assert (await client.post("/people/batch/archive", json={"items": gone})).status_code == 200
        return record.queries * 10_000 + changed.queries * 100 + archived.queries

    await statements(0, 2)
    assert await statements(10, 2) == await statements(100, 300)
