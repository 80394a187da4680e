"""Activities, notes, and the timeline of everything about a thing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import Order, Query, desc, index_serves
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.crm.activities.timeline import OF_OBJECT, Event, Timeline
from tenfold_hub.kit import ids
from tests.hub.conftest import Organization
from tests.hub.crm.test_sales import contact, get, pipeline, post


async def kinds(client: httpx.AsyncClient, path: str) -> list[str]:
    return [item["kind"] for item in (await get(client, f"{path}/timeline"))["items"]]


async def test_a_timeline_holds_everything_about_a_thing_the_latest_first(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    ada = await contact(client)
    engines = await post(client, "/companies", name="Engines")
    about = {"contact_id": ada["id"], "company_id": engines["id"]}
    await post(client, "/activities", kind="call", subject="Hello", **about)
    deal = await post(client, "/deals", name="x", company_id=engines["id"], contact_ids=[ada["id"]])
    note = await post(client, "/notes", body="Likes engines", contact_id=ada["id"], deal_id=deal["id"])
    whole = ["note", "deal_stage", "call", "contact_created"]
    assert await kinds(client, f"/contacts/{ada['id']}") == whole
    assert await kinds(client, f"/people/{ada['person_id']}") == whole
    assert await kinds(client, f"/companies/{engines['id']}") == ["deal_stage", "call"]
    assert await kinds(client, f"/deals/{deal['id']}") == ["note", "deal_stage"]
    (first, *_) = (await get(client, f"/contacts/{ada['id']}/timeline"))["items"]
    assert (first["source"], first["summary"]) == (note["id"], {"body": "Likes engines"})


async def test_what_is_changed_or_archived_is_told_as_it_is(client: httpx.AsyncClient) -> None:
    ada, bob = await contact(client), await contact(client, "bob@engines.example")
    task = await post(client, "/activities", kind="task", subject="Call", contact_id=ada["id"])
    path = f"/activities/{task['id']}"
    await client.patch(path, json={"subject": "Write", "contact_id": bob["id"]})
    assert await kinds(client, f"/contacts/{ada['id']}") == ["contact_created"]
    (item, _) = (await get(client, f"/contacts/{bob['id']}/timeline"))["items"]
    assert item["summary"]["subject"] == "Write"
    await client.delete(path)
    assert await kinds(client, f"/contacts/{bob['id']}") == ["contact_created"]
    await client.post(f"{path}/restore")
    assert await kinds(client, f"/contacts/{bob['id']}") == ["task", "contact_created"]


async def test_a_lead_is_told_of_by_its_statuses_and_goes_on_as_a_contact(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    lead = await post(client, "/leads", name="Ada from the fair", email="ada@fair.example", source="fair")
    await client.patch(f"/leads/{lead['id']}", json={"status": "contacted", "score": 3})
    await client.patch(f"/leads/{lead['id']}", json={"score": 4})
    done = (await client.post(f"/leads/{lead['id']}/convert", json={})).json()
    told = (await get(client, f"/leads/{lead['id']}/timeline"))["items"]
    assert [each["summary"]["status"] for each in told] == ["converted", "contacted", "new"]
    assert await kinds(client, f"/contacts/{done['contact_id']}") == [
        "lead_status", "deal_stage", "contact_created"
    ]  # fmt: skip


async def test_a_contact_is_told_of_deals_that_it_joins_and_leaves(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    ada, bob = await contact(client), await contact(client, "bob@engines.example")
    deal = await post(client, "/deals", name="x", contact_ids=[ada["id"]])
    path = f"/deals/{deal['id']}/contacts"
    await client.post(path, json={"add": [ada["id"], bob["id"]]})
    await client.post(path, json={"remove": [ada["id"]]})
    assert await kinds(client, f"/contacts/{ada['id']}") == ["deal_left", "deal_stage", "contact_created"]
    assert await kinds(client, f"/contacts/{bob['id']}") == ["deal_joined", "contact_created"]


async def test_tasks_are_listed_by_when_they_are_due(client: httpx.AsyncClient) -> None:
    for day in (3, 1, 2):
        await post(client, "/activities", kind="task", subject=f"{day}", due_at=f"2030-01-0{day}T00:00:00Z")
    await post(client, "/activities", kind="call", subject="none")
    found = await get(
        client, "/activities?filter[kind]=task&filter[due_at][lt]=2030-01-03T00:00:00Z&sort=due_at"
    )
    assert [each["subject"] for each in found["items"]] == ["1", "2"]


async def test_a_note_is_about_any_thing(client: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    ada = await contact(client)
    tag = await post(client, "/tags", name="vip")
    note = await post(client, "/notes", body="x", about=tag["id"])
    assert [each["id"] for each in (await get(client, f"/notes?filter[about]={tag['id']}"))["items"]] == [
        note["id"]
    ]
    # Of kinds with a field of their own it is that field.
    assert (await post(client, "/notes", body="x", about=ada["id"]))["contact_id"] == ada["id"]
    for about in ("tag_00000000000000000000000000", "xyz_00000000000000000000000000", "nonsense"):
        answer = await client.post("/notes", json={"body": "x", "about": about})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/about")
    for body in ({"about": tag["id"]}, {"contact_id": ada["id"]}):
        assert (await other.post("/notes", json={"body": "x"} | body)).status_code == 422


async def test_a_timeline_is_read_page_by_page(client: httpx.AsyncClient, telemetry: Telemetry) -> None:
    ada = await contact(client)
    items = [{"item": {"body": f"n{n}", "contact_id": ada["id"]}} for n in range(25)]
    assert (await client.post("/notes/batch/create", json={"items": items})).status_code == 200
    path = f"/contacts/{ada['id']}/timeline?limit=10"
    seen, cursor = [], ""
    while True:
        with telemetry.recording("page") as record:
            found = await get(client, path + cursor)
        # The key of who asks, the contact, and the page.
        assert record.queries == 3
        seen += [item["summary"].get("body", "") for item in found["items"]]
        if found["next_cursor"] is None:
            break
        cursor = f"&cursor={found['next_cursor']}"
    for limit in (0, 201, "x"):
        answer = await client.get(f"/contacts/{ada['id']}/timeline?limit={limit}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/limit")
    assert sorted(seen) == sorted(["", *(f"n{n}" for n in range(25))])


async def test_an_index_serves_a_timeline_as_the_applications_role(
    client: httpx.AsyncClient, db: Database, acme: Organization
) -> None:
    ada = await contact(client)
    order = Order(desc("at", nullable=False), key="id")
    async with db.tenant(acme.id) as session:
        report = await index_serves(
            session, Query(OF_OBJECT, acme.id, ids.read("per", ada["person_id"])), order
        )
    assert report.serves, report
    assert "timeline_of_object" in report.plan


async def test_other_domains_add_to_it(client: httpx.AsyncClient, db: Database, acme: Organization) -> None:
    ada = await contact(client)
    person, order = ids.read("per", ada["person_id"]), ids.new_id()
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    async with db.tenant(acme.id) as session:
        event = Event(
            at=at, kind="order_placed", source="ord_1", source_id=order, about=(person,), summary={"n": 1}
        )
        await Timeline().add(session, [event])
    (item, *_) = (await get(client, f"/contacts/{ada['id']}/timeline"))["items"]
    assert (item["kind"], item["source"], item["summary"]) == ("order_placed", "ord_1", {"n": 1})


async def test_the_statements_of_a_batch_do_not_grow(client: httpx.AsyncClient, telemetry: Telemetry) -> None:
    ada = await contact(client)

    async def made(path: str, count: int, **body: object) -> int:
        items = [{"item": body | {"contact_id": ada["id"]}} for _ in range(count)]
        with telemetry.recording("batch") as record:
            assert (await client.post(f"{path}/batch/create", json={"items": items})).status_code == 200
        return record.queries

    for path, body in (("/notes", {"body": "x"}), ("/activities", {"kind": "call", "subject": "x"})):
        assert await made(path, 2, **body) == await made(path, 200, **body)


@pytest.mark.parametrize("kind", ["people", "contacts", "companies", "deals", "leads"])
async def test_another_organization_sees_no_timeline(
    client: httpx.AsyncClient, other: httpx.AsyncClient, kind: str
) -> None:
    await pipeline(client)
    made: dict[str, dict[str, Any]] = {
        "people": {"given_name": "Ada"},
        "contacts": {"person": {"given_name": "Ada"}},
        "companies": {"name": "x"},
        "deals": {"name": "x"},
        "leads": {"name": "x"},
    }
    id = (await post(client, f"/{kind}", **made[kind]))["id"]
    assert (await client.get(f"/{kind}/{id}/timeline")).status_code == 200
    assert (await other.get(f"/{kind}/{id}/timeline")).status_code == 404
    assert (await client.get(f"/{kind}/nonsense/timeline")).status_code == 404


async def test_another_organization_changes_no_activity_or_note(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    one = await post(client, "/activities", kind="call", subject="x")
    two = await post(client, "/notes", body="x")
    for path, body in (
        (f"/activities/{one['id']}", {"subject": "y"}),
        (f"/notes/{two['id']}", {"body": "y"}),
    ):
        answers = [await other.get(path), await other.patch(path, json=body), await other.delete(path)]
        assert [answer.status_code for answer in answers] == [404] * 3
