"""Tags: given to many things at once, and what lists are filtered by."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.crm.companies import COMPANIES
from tenfold_hub.crm.sales.deals import DEALS, WITH_CONTACT
from tenfold_hub.crm.sales.leads import LABELLED, LEADS
from tenfold_hub.crm.tags import SET
from tenfold_hub.kit.listing import listing
from tests.hub.conftest import Organization
from tests.hub.crm.test_sales import contact, get, pipeline, post
from tests.hub.crm.test_search import _scans


async def companies(client: httpx.AsyncClient, count: int) -> list[str]:
    items = [{"item": {"name": f"c{n}"}} for n in range(count)]
    answer = await client.post("/companies/batch/create", json={"items": items})
    return [each["item"]["id"] for each in answer.json()["items"]]


async def test_tags_are_given_and_taken_and_lists_are_filtered_by_them(client: httpx.AsyncClient) -> None:
    vip = (await post(client, "/tags", name="VIP", colour="#ff0000"))["id"]
    named = await companies(client, 3)
    ada = await contact(client)
    assert await post(client, f"/tags/{vip}/assign", ids=[*named[:2], ada["id"]]) == {"changed": 3}
    assert await post(client, f"/tags/{vip}/assign", ids=named) == {"changed": 1}
    await post(client, f"/tags/{vip}/remove", ids=[named[0]])
    found = (await get(client, f"/companies?filter[tag][eq]={vip}&sort=created_at"))["items"]
    assert [each["id"] for each in found] == named[1:]
    assert len((await get(client, f"/contacts?filter[tag]={vip}"))["items"]) == 1
    shown = await get(client, f"/contacts/{ada['id']}?expand=tags")
    assert [(each["name"], each["colour"]) for each in shown["tags"]] == [("VIP", "#ff0000")]
    log = (await get(client, f"/audit?object={named[0]}"))["items"]
    assert [(each["before"], each["after"]) for each in log[:2]] == [
        ({"tag": vip}, {"tag": None}),
        ({"tag": None}, {"tag": vip}),
    ]


async def test_people_have_tags_like_all_else_and_keep_them_when_they_are_merged(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    vip, new = [(await post(client, "/tags", name=name))["id"] for name in ("VIP", "New")]
    ada, augusta, bob = [
        (await post(client, "/people", given_name=n))["id"] for n in ("Ada", "Augusta", "Bob")
    ]

    async def tagged(tag: str) -> set[str]:
        return {each["id"] for each in (await get(client, f"/people?filter[tag]={tag}"))["items"]}

    assert await post(client, f"/tags/{vip}/assign", ids=[ada, augusta]) == {"changed": 2}
    await post(client, f"/tags/{new}/assign", ids=[augusta])
    assert (await tagged(vip), await tagged(new)) == ({ada, augusta}, {augusta})
    found = await client.post(
        "/people/search", json={"filters": [["tag", "in", [vip, new]]], "expand": ["tags"]}
    )
    assert {each["id"]: [tag["name"] for tag in each["tags"]] for each in found.json()["items"]} == {
        ada: ["VIP"],
        augusta: ["New", "VIP"],
    }
    merge = await client.post(f"/people/{ada}/merge", json={"ids": [augusta]})
    assert merge.status_code == 200, merge.text
    assert (await tagged(vip), await tagged(new)) == ({ada}, {ada})
    # An id that stands for the survivor is tagged as the survivor.
    assert await post(client, f"/tags/{new}/assign", ids=[augusta, bob]) == {"changed": 1}
    merges = (await get(client, "/merges"))["items"]
    assert (await client.post(f"/merges/{merges[0]['id']}/undo")).status_code == 200
    assert (await tagged(vip), await tagged(new)) == ({ada, augusta}, {augusta, bob})
    (stranger,) = [(await post(other, "/people", given_name="x"))["id"]]
    answer = await client.post(f"/tags/{vip}/assign", json={"ids": [stranger]})
    assert answer.status_code == 422
    assert (await get(other, f"/people?filter[tag]={vip}"))["items"] == []


async def test_a_name_is_one_tag_however_it_is_written(client: httpx.AsyncClient) -> None:
    await post(client, "/tags", name="Very  Important")
    answer = await client.post("/tags", json={"name": "very important"})
    assert (answer.status_code, answer.json()["code"]) == (409, "taken")
    assert len((await get(client, "/tags?filter[name]=VERY important"))["items"]) == 1


async def test_where_a_thing_is_not_there_nothing_is_changed(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    vip = (await post(client, "/tags", name="VIP"))["id"]
    (mine,) = await companies(client, 1)
    (stranger,) = await companies(other, 1)
    answer = await client.post(f"/tags/{vip}/assign", json={"ids": [mine, stranger, "nonsense"]})
    assert answer.status_code == 422
    assert sorted(each["pointer"] for each in answer.json()["errors"]) == ["/ids/1", "/ids/2"]
    assert (await get(client, f"/companies?filter[tag]={vip}"))["items"] == []


async def test_another_organization_has_no_part_in_a_tag(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    vip = (await post(client, "/tags", name="VIP"))["id"]
    await post(client, f"/tags/{vip}/assign", ids=await companies(client, 1))
    (theirs,) = await companies(other, 1)
    answers = [
        await other.get(f"/tags/{vip}"),
        await other.patch(f"/tags/{vip}", json={"name": "x"}),
        await other.delete(f"/tags/{vip}"),
        await other.post(f"/tags/{vip}/assign", json={"ids": [theirs]}),
        await other.post(f"/tags/{vip}/remove", json={"ids": [theirs]}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert (await get(other, f"/companies?filter[tag]={vip}"))["items"] == []


async def test_many_things_are_tagged_in_the_same_few_statements(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    vip = (await post(client, "/tags", name="VIP"))["id"]

    async def statements(count: int) -> int:
        named = await companies(client, count)
        with telemetry.recording("tag") as record:
            await post(client, f"/tags/{vip}/assign", ids=named)
        return record.queries

    assert await statements(2) == await statements(1000)


async def test_an_index_serves_each_set_of_things_as_the_applications_role(
    client: httpx.AsyncClient, db: Database, acme: Organization
) -> None:
    await pipeline(client)
    vip, ada = (await post(client, "/tags", name="VIP"))["id"], (await contact(client))["id"]
    await post(client, f"/tags/{vip}/assign", ids=(await companies(client, 500))[:5])
    await post(client, "/leads", name="x", labels=["hot"])
    await post(client, "/deals", name="x", contact_ids=[ada])
    for resource, name, value, set_ in (
        (COMPANIES, "tag", vip, SET),
        (LEADS, "label", "hot", LABELLED),
        (DEALS, "contact_id", ada, WITH_CONTACT),
    ):
        asked = replace(listing(resource, [(f"filter[{name}]", value)]), sets={name: set_})
        query = asked.query(acme.id)
        async with db.tenant(acme.id) as session:
            # Of a few rows a scan of all is cheap; whether the index can serve is what is asked.
            await session.execute("SET LOCAL enable_seqscan = off")
            plan = await session.fetch(f"EXPLAIN (FORMAT JSON) {query.text}", *query.parameters)
        conditions = [
            scan.get("Index Cond", "")
            for scan in _scans(json.loads(plan[0][0])[0]["Plan"])
            if set_.table in scan.get("Relation Name", "") + scan.get("Index Name", "")
        ]
        assert any(set_.column in each and "organization_id" in each for each in conditions), conditions
