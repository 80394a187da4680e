"""Objects of an organization's own, and their records."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import DOMAINS
from tenfold_hub.kit.conditions import Condition
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.objects import api
from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define, made


async def vehicles(client: httpx.AsyncClient) -> dict[str, Any]:
    found = await made(client, "objects", name="vehicles", singular="Vehicle", plural="Vehicles")
    await define(client, "vehicles", "plate", "text", unique=True, required=True)
    await define(client, "vehicles", "seats", "number", filterable=True)
    return found


async def test_records_of_an_object_are_things_like_others(client: httpx.AsyncClient) -> None:
    definition = await vehicles(client)
    van = await made(client, "objects/vehicles/records", custom={"plate": "B-1", "seats": 9})
    assert van["id"].startswith("rec_")
    assert (van["definition_id"], van["custom"]) == (definition["id"], {"plate": "B-1", "seats": 9})
    items = [{"item": {"custom": {"plate": f"C-{n}", "seats": n}}} for n in range(1, 6)]
    batch = await client.post("/objects/vehicles/records/batch/create", json={"items": items})
    assert batch.status_code == 200, batch.text
    path = f"/objects/vehicles/records/{van['id']}"
    changed = await client.patch(path, json={"custom": {"seats": 3}}, headers={"If-Match": '"1"'})
    assert changed.json()["custom"] == {"plate": "B-1", "seats": 3}
    query = "filter[custom.seats][gte]=3&sort=custom.seats&fields=custom.plate"
    listed = (await client.get(f"/objects/vehicles/records?{query}")).json()["items"]
    assert [item["custom"]["plate"] for item in listed] == ["C-3", "B-1", "C-4", "C-5"] or [
        item["custom"]["plate"] for item in listed
    ] == ["B-1", "C-3", "C-4", "C-5"]
    body = {"filters": [["custom.plate", "eq", "b-1"]]}
    found = await client.post("/objects/vehicles/records/search", json=body)
    assert [item["id"] for item in found.json()["items"]] == [van["id"]]
    assert (await client.delete(path)).json()["archived_at"] is not None
    assert len((await client.get("/objects/vehicles/records")).json()["items"]) == 5
    assert (await client.post(f"{path}/restore")).json()["archived_at"] is None
    refused = await client.post("/objects/vehicles/records", json={"custom": {"seats": 1}})
    assert refused.json()["errors"][0]["pointer"] == "/custom/plate"


async def test_an_objects_records_are_of_no_other_object(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    await vehicles(client)
    await made(client, "objects", name="houses", singular="House", plural="Houses")
    van = await made(client, "objects/vehicles/records", custom={"plate": "B-1"})
    house = await made(client, "objects/houses/records")
    assert [item["id"] for item in (await client.get("/objects/houses/records")).json()["items"]] == [
        house["id"]
    ]
    for each, object in ((client, "houses"), (other, "vehicles")):
        path = f"/objects/{object}/records"
        answers = [
            await each.get(f"{path}/{van['id']}"),
            await each.patch(f"{path}/{van['id']}", json={"custom": {}}),
            await each.delete(f"{path}/{van['id']}"),
            await each.post(f"{path}/{van['id']}/restore"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
    for path in ("", "/search", "/batch/create", "/batch/archive"):
        body = {"items": [{"item": {}}]} if path == "/batch/create" else {}
        body = {"items": [{"id": van["id"]}]} if path == "/batch/archive" else body
        method = "POST" if path else "GET"
        answer = await other.request(method, f"/objects/vehicles/records{path}", json=body or None)
        if path == "/search":
            answer = await other.post("/objects/vehicles/records/search", json={})
        assert answer.status_code == 404, path
    batch = await client.post("/objects/houses/records/batch/archive", json={"items": [{"id": van["id"]}]})
    assert batch.json()["items"][0]["problem"]["code"] == "not_found"
    assert (await client.get(f"/objects/vehicles/records/{van['id']}")).json() == van


async def test_a_definition_of_another_organization_is_not_there(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    path = f"/objects/{(await vehicles(client))['id']}"
    answers = [
        await other.get(path),
        await other.patch(path, json={"plural": "Mine"}),
        await other.delete(path),
        await other.post(f"{path}/restore"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    await vehicles(other)


async def test_an_object_that_is_archived_has_no_records_until_it_is_back(client: httpx.AsyncClient) -> None:
    path = f"/objects/{(await vehicles(client))['id']}"
    van = await made(client, "objects/vehicles/records", custom={"plate": "B-1"})
    await client.delete(path)
    assert (await client.get(f"/objects/vehicles/records/{van['id']}")).status_code == 404
    assert (await client.post("/objects/vehicles/records", json={})).status_code == 404
    again = await client.post("/objects", json={"name": "vehicles", "singular": "V", "plural": "V"})
    assert again.json()["code"] == "taken"
    await client.post(f"{path}/restore")
    assert (await client.get(f"/objects/vehicles/records/{van['id']}")).json() == van


async def test_names_and_label_fields_that_cannot_be_are_refused(client: httpx.AsyncClient) -> None:
    for name in ("people", "fields", "records"):
        answer = await client.post("/objects", json={"name": name, "singular": "X", "plural": "X"})
        assert answer.json()["errors"][0]["pointer"] == "/name", name
    path = f"/objects/{(await vehicles(client))['id']}"
    assert (await client.patch(path, json={"label_field": "colour"})).status_code == 422
    assert (await client.patch(path, json={"label_field": "plate"})).json()["label_field"] == "plate"


async def test_other_domains_create_and_query_records_through_the_api(
    client: httpx.AsyncClient, db: Database, acme: Organization
) -> None:
    await vehicles(client)
    cursors = Cursors(b"x" * 32)
    platform = Platform(db, cursors, Journal())
    for join in DOMAINS[:2]:
        join(platform)
    objects = api.of(platform)
    principal = Principal(organization=acme.id, id=acme.id, kind="api_key", scopes=frozenset({"*"}))
    async with db.tenant(acme.id) as session:
        for n in range(3):
            await objects.create_record(session, principal, "vehicles", {"plate": f"B-{n}", "seats": n})
        asked = [Condition("custom.seats", "gte", 1)]
        page = await objects.query_records(session, "vehicles", asked, cursors, sort="-custom.seats")
        assert [row["custom.seats"] for row in page.items] == [2, 1]
        assert (await objects.fields(session, "vehicles")).keys == {"plate", "seats"}
        with pytest.raises(Problem) as refused:
            await objects.create_record(session, principal, "boats", {})
    assert refused.value.code == "not_found"
