"""Associations: made once, seen from either side, limited by their type, and never lost."""

from __future__ import annotations

from typing import Any

import httpx

from tests.hub.objects.conftest import made


async def works_at(client: httpx.AsyncClient, **values: object) -> dict[str, Any]:
    labels = {"label": "works at", "inverse_label": "employs"}
    ends = {"from_object": "people", "to_object": "companies"}
    return await made(client, "association-types", **({"name": "works_at"} | labels | ends | values))


async def ends(client: httpx.AsyncClient) -> tuple[str, str]:
    person = await made(client, "people", given_name="Ada")
    company = await made(client, "companies", name="Engines")
    return person["id"], company["id"]


async def seen_from(client: httpx.AsyncClient, thing: str, query: str = "") -> list[tuple[str, str]]:
    answer = await client.get(f"/associations/of/{thing}{query}")
    assert answer.status_code == 200, answer.text
    return [(item["id"], item["label"]) for item in answer.json()["items"]]


async def test_an_association_is_seen_from_either_side(client: httpx.AsyncClient) -> None:
    await works_at(client)
    person, company = await ends(client)
    found = await made(client, "associations", type="works_at", from_id=person, to_id=company)
    assert (found["from_object"], found["from_id"]) == ("people", person)
    assert (found["to_object"], found["to_id"]) == ("companies", company)
    assert await seen_from(client, person) == [(company, "works at")]
    assert await seen_from(client, company) == [(person, "employs")]
    await client.patch(f"/associations/{found['id']}", json={"label": "founded"})
    assert await seen_from(client, company, "?type=works_at") == [(person, "founded")]
    assert await seen_from(client, company, "?type=other") == []
    for query in (f"filter[from_id]={person}", f"filter[to_id]={company}", "filter[type]=works_at"):
        listed = (await client.get(f"/associations?{query}&fields=from_id,to_id")).json()["items"]
        assert [(item["from_id"], item["to_id"]) for item in listed] == [(person, company)]
    twice = await client.post("/associations", json={"type": "works_at", "from_id": person, "to_id": company})
    assert twice.json()["code"] == "taken"


async def test_they_survive_the_archiving_of_what_they_join(client: httpx.AsyncClient) -> None:
    await works_at(client)
    person, company = await ends(client)
    found = await made(client, "associations", type="works_at", from_id=person, to_id=company)
    await client.delete(f"/companies/{company}")
    assert await seen_from(client, person) == [(company, "works at")]
    await client.post(f"/companies/{company}/restore")
    await client.delete(f"/associations/{found['id']}")
    assert await seen_from(client, person) == []
    await client.post(f"/associations/{found['id']}/restore")
    assert await seen_from(client, company) == [(person, "employs")]


async def test_they_follow_merged_people_and_come_back(client: httpx.AsyncClient) -> None:
    await works_at(client)
    person, company = await ends(client)
    another, second = await ends(client)
    for who, where in ((person, company), (another, company), (another, second)):
        await made(client, "associations", type="works_at", from_id=who, to_id=where)
    merge = await client.post(f"/people/{person}/merge", json={"ids": [another]})
    assert merge.status_code in (200, 201), merge.text
    assert {id for id, _ in await seen_from(client, person)} == {company, second}
    assert await seen_from(client, another) == await seen_from(client, person)
    assert [id for id, _ in await seen_from(client, company)] == [person]
    third = await made(client, "companies", name="Third")
    late = await made(client, "associations", type="works_at", from_id=another, to_id=third["id"])
    assert late["from_id"] == person, "an id of who was merged stands for the survivor"


async def test_limits_of_a_type_hold_on_both_sides_and_in_a_batch(client: httpx.AsyncClient) -> None:
    await works_at(client, most_from=1, most_to=2)
    company = (await made(client, "companies", name="Engines"))["id"]
    people = [(await made(client, "people"))["id"] for _ in range(4)]
    items = [{"item": {"type": "works_at", "from_id": who, "to_id": company}} for who in people[:3]]
    batch = await client.post("/associations/batch/create", json={"items": items})
    assert [item["status"] for item in batch.json()["items"]] == [200, 200, 422]
    elsewhere = (await made(client, "companies", name="Mills"))["id"]
    again = await client.post(
        "/associations", json={"type": "works_at", "from_id": people[0], "to_id": elsewhere}
    )
    assert (again.json()["code"], again.json()["errors"][0]["pointer"]) == ("limit_reached", "/from_id")
    first = batch.json()["items"][0]["item"]["id"]
    await client.delete(f"/associations/{first}")
    await made(client, "associations", type="works_at", from_id=people[3], to_id=company)
    assert (await client.post(f"/associations/{first}/restore")).json()["code"] == "limit_reached"


async def test_records_are_associated_like_all_else(client: httpx.AsyncClient) -> None:
    for name in ("vehicles", "houses"):
        await made(client, "objects", name=name, singular=name, plural=name)
    van = (await made(client, "objects/vehicles/records"))["id"]
    house = (await made(client, "objects/houses/records"))["id"]
    person = (await made(client, "people"))["id"]
    await works_at(client, name="drives", from_object="people", to_object="vehicles")
    await made(client, "associations", type="drives", from_id=person, to_id=van)
    assert await seen_from(client, van) == [(person, "employs")]
    wrong = await client.post("/associations", json={"type": "drives", "from_id": person, "to_id": house})
    assert wrong.json()["errors"][0]["pointer"] == "/to_id"
    unknown = await client.post(
        "/association-types",
        json={
            "name": "x", "label": "x", "inverse_label": "x", "from_object": "boats", "to_object": "people"
        },
    )  # fmt: skip
    assert unknown.json()["errors"][0]["pointer"] == "/from_object"


async def test_a_side_is_paged(client: httpx.AsyncClient) -> None:
    await works_at(client)
    company = (await made(client, "companies", name="Engines"))["id"]
    people = [(await made(client, "people"))["id"] for _ in range(5)]
    items = [{"item": {"type": "works_at", "from_id": who, "to_id": company}} for who in people]
    assert (await client.post("/associations/batch/create", json={"items": items})).status_code == 200
    seen, cursor = [], ""
    while True:
        page = (await client.get(f"/associations/of/{company}?limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(people)
    assert (await client.get(f"/associations/of/{company}?limit=0")).status_code == 400


async def test_another_organizations_things_are_not_there(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    type_ = await works_at(client)
    await works_at(other)
    person, company = await ends(client)
    theirs, _ = await ends(other)
    found = await made(client, "associations", type="works_at", from_id=person, to_id=company)
    for path in (f"/associations/{found['id']}", f"/association-types/{type_['id']}"):
        answers = [
            await other.get(path),
            await other.patch(path, json={"label": "mine"}),
            await other.delete(path),
            await other.post(f"{path}/restore"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4, path
    assert (await other.get(f"/associations/of/{person}")).status_code == 404
    assert (await other.get(f"/associations?filter[from_id]={person}")).json()["items"] == []
    body = {"type": "works_at", "from_id": theirs, "to_id": company}
    refused = await other.post("/associations", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/to_id")
    batch = await other.post("/associations/batch/archive", json={"items": [{"id": found["id"]}]})
    assert batch.json()["items"][0]["status"] == 404
    assert await seen_from(client, person) == [(company, "works at")]
    assert (await client.get(f"/associations/{found['id']}")).json() == found
