"""Lists by custom fields: filtered, sorted, paged, and shown as far as somebody asks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tenfold.runtime.telemetry import Telemetry
from tests.hub.objects.conftest import define, made

PEOPLE: list[dict[str, Any]] = [
    {"city": "Oslo", "shoe": 41, "height": "1.82", "born": "1990-05-01", "vip": True, "likes": ["a", "b"]},
    {"city": "oslo", "shoe": 39, "height": "1.70", "born": "1985-01-31", "vip": False, "likes": ["b"]},
    {"city": "Rome", "shoe": 44, "height": "1.9", "seen": "2026-01-31T12:00:00Z", "spent": 12_50},
    {"shoe": -3, "height": "-0.01", "seen": "2026-02-01T00:00:00+05:00", "spent": -1},
    {},
]


@pytest.fixture
async def people(client: httpx.AsyncClient) -> list[str]:
    """The ids of those above, in their order."""
    options = [{"value": value, "label": value} for value in "abc"]
    for key, type_, more in (
        ("city", "text", {}),
        ("shoe", "number", {}),
        ("height", "decimal", {}),
        ("born", "date", {}),
        ("seen", "datetime", {}),
        ("vip", "boolean", {}),
        ("likes", "checkbox", {"options": options}),
        ("spent", "currency", {"rules": {"currency": "EUR"}}),
    ):
        await define(client, "people", key, type_, filterable=True, **more)
    await define(client, "people", "note", "textarea")
    return [(await made(client, "people", custom=custom))["id"] for custom in PEOPLE]


async def listed(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/people?{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


FOUND: list[tuple[str, list[int]]] = [
    ("filter[custom.city]=Oslo", [1, 0]),
    ("filter[custom.city][in]=OSLO,Rome", [2, 1, 0]),
    ("filter[custom.city][null]=true", [4, 3]),
    ("filter[custom.city][null]=false", [2, 1, 0]),
    ("filter[custom.shoe]=41", [0]),
    ("filter[custom.shoe][gte]=39&filter[custom.shoe][lt]=44", [1, 0]),
    ("filter[custom.shoe][lt]=0", [3]),
    ("filter[custom.height]=1.820", [0]),
    ("filter[custom.height][gt]=1.7", [2, 0]),
    ("filter[custom.height][lte]=-0.01", [3]),
    ("filter[custom.born][gte]=1985-02-01", [0]),
    ("filter[custom.seen][lt]=2026-01-31T20:00:00Z", [3, 2]),
    ("filter[custom.seen]=2026-01-31T19:00:00Z", [3]),
    ("filter[custom.vip]=false", [1]),
    ("filter[custom.likes]=b", [1, 0]),
    ("filter[custom.likes]=b&filter[custom.likes]=a", [0]),
    ("filter[custom.likes][in]=a,b", [1, 0]),
    ("filter[custom.likes][null]=true", [4, 3, 2]),
    ("filter[custom.spent][gte]=0", [2]),
    ("filter[custom.city]=oslo&filter[custom.vip]=true", [0]),
    ("filter[custom.city]=oslo&filter[lifecycle_stage]=lead", []),
    ("filter[custom.city]=oslo&filter[lifecycle_stage]=subscriber&sort=created_at", [0, 1]),
    ("filter[custom.vip]=true&sort=custom.shoe", [0]),
    ("sort=custom.city", [0, 1, 2, 3, 4]),
    ("sort=-custom.city", [4, 3, 2, 1, 0]),
    ("sort=custom.shoe", [3, 1, 0, 2, 4]),
    ("sort=-custom.height&filter[custom.height][null]=false", [2, 0, 1, 3]),
    ("sort=custom.shoe&filter[custom.shoe][gt]=0&filter[custom.city]=oslo", [1, 0]),
    ("sort=id&filter[custom.city]=oslo", [0, 1]),
]


async def test_a_list_by_custom_fields(client: httpx.AsyncClient, people: list[str]) -> None:
    for query, found in FOUND:
        assert await listed(client, query) == [people[place] for place in found], query


async def test_pages_by_a_custom_field_skip_nothing_and_lead_back(
    client: httpx.AsyncClient, people: list[str]
) -> None:
    for by in ("custom.shoe", "-custom.shoe", "custom.city", "-custom.city", "-created_at"):
        for only in ("", "&filter[custom.likes][null]=true"):
            await paged(client, f"sort={by}{only}", 3 if only else 5)


async def paged(client: httpx.AsyncClient, query: str, count: int) -> None:
    whole = await listed(client, query)
    assert len(whole) == count
    seen, cursor, back = [], "", ""
    while True:
        page = (await client.get(f"/people?{query}&limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        back = page["previous_cursor"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == whole, query
    before = (await client.get(f"/people?{query}&limit=2&cursor={back}")).json()["items"]
    last = (count - 1) % 2 + 1
    assert [item["id"] for item in before] == whole[: count - last][-2:], query


async def test_lists_follow_what_becomes_of_things(client: httpx.AsyncClient, people: list[str]) -> None:
    await client.patch(f"/people/{people[2]}", json={"custom": {"city": "Oslo", "likes": ["c"]}})
    assert await listed(client, "filter[custom.city]=oslo") == [people[2], people[1], people[0]]
    await client.patch(f"/people/{people[0]}", json={"custom": {"likes": ["b"]}})
    assert await listed(client, "filter[custom.likes]=a") == []
    await client.patch(f"/people/{people[1]}", json={"custom": {"city": None}})
    assert await listed(client, "filter[custom.city][null]=true") == [people[4], people[3], people[1]]
    await client.delete(f"/people/{people[2]}")
    assert await listed(client, "filter[custom.city]=oslo") == [people[0]]
    assert await listed(client, "filter[custom.city]=oslo&archived=true") == [people[2]]
    assert await listed(client, "sort=custom.city&archived=true") == [people[2]]
    await client.post(f"/people/{people[2]}/restore")
    assert await listed(client, "filter[custom.city]=oslo&count=capped") == [people[2], people[0]]
    items = [{"id": id, "item": {"custom": {"city": "Bergen"}}} for id in people]
    assert (await client.post("/people/batch/update", json={"items": items})).status_code == 200
    assert await listed(client, "filter[custom.city]=bergen") == people[::-1]


async def test_a_search_by_custom_fields_and_a_capped_count(
    client: httpx.AsyncClient, people: list[str]
) -> None:
    body = {"filters": [["custom.shoe", "gte", 39], ["custom.city", "in", ["oslo"]]], "sort": "custom.shoe"}
    found = await client.post("/people/search", json=body)
    assert [item["id"] for item in found.json()["items"]] == [people[1], people[0]]
    counted = await client.get("/people?filter[custom.shoe][gte]=0&sort=custom.shoe&count=capped")
    assert counted.json()["count"] == {"value": 3, "capped": False}


async def test_merged_people_are_found_by_what_the_survivor_has(
    client: httpx.AsyncClient, people: list[str]
) -> None:
    merge = await client.post(f"/people/{people[0]}/merge", json={"ids": [people[2]]})
    assert merge.status_code in (200, 201), merge.text
    shown = (await client.get(f"/people/{people[0]}")).json()["custom"]
    assert shown["spent"] == {"minor": 1250, "currency": "EUR"}
    assert await listed(client, "filter[custom.spent]=1250") == [people[0]]
    assert sorted(await listed(client, "sort=custom.city")) == sorted({*people} - {people[2]})


REFUSED = [
    ("filter[custom.note]=x", "not_filterable", "filter[custom.note]"),
    ("filter[custom.nothing]=x", "not_filterable", "filter[custom.nothing]"),
    ("filter[custom.city][gt]=x", "not_filterable", "filter[custom.city]"),
    ("filter[custom.shoe]=x", "invalid_request", "filter[custom.shoe]"),
    ("filter[custom.shoe][null]=x", "invalid_request", "filter[custom.shoe]"),
    ("filter[custom.likes]=z", "invalid_request", "filter[custom.likes]"),
    ("sort=custom.note", "not_sortable", "sort"),
    ("sort=custom.likes", "not_sortable", "sort"),
    ("fields=custom.nothing", "invalid_request", "fields"),
    ("fields=custom.", "invalid_request", "fields"),
]


async def test_what_cannot_be_is_refused_by_its_name(client: httpx.AsyncClient, people: list[str]) -> None:
    for query, code, pointer in REFUSED:
        answer = await client.get(f"/people?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, code), query
        assert answer.json()["errors"][0]["pointer"] == pointer, query


async def test_fields_shows_those_keys_alone(client: httpx.AsyncClient, people: list[str]) -> None:
    answer = await client.get("/people?fields=given_name,custom.city,custom.vip&limit=1")
    assert answer.json()["items"] == [
        {"id": people[4], "given_name": None, "custom": {"city": None, "vip": None}}
    ]
    one = await client.get(f"/people/{people[0]}?fields=custom.city")
    assert one.json() == {"id": people[0], "custom": {"city": "Oslo"}}


async def test_500_fields_do_not_slow_the_page_that_shows_ten(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    keys = [f"k{n}" for n in range(500)]
    for first in (0, 250):
        items = [
            {"item": {"object": "people", "key": key, "label": key, "type": "text"}}
            for key in keys[first : first + 250]
        ]
        answer = await client.post("/fields/batch/create", json={"items": items})
        assert answer.status_code == 200, answer.text
    items = [{"item": {"custom": {key: f"{key} of {n}" for key in keys}}} for n in range(20)]
    assert (await client.post("/people/batch/create", json={"items": items})).status_code == 200
    ten = ",".join(f"custom.{key}" for key in keys[:10])
    await client.get(f"/people?fields={ten}")
    with telemetry.recording("page") as record:
        page = await client.get(f"/people?fields={ten}&limit=20")
    assert [len(item["custom"]) for item in page.json()["items"]] == [10] * 20
    assert len(page.content) < 20 * 1_000, "the other 490 do not leave the server"
    assert record.queries == 2, record  # who asks, and the page: definitions are known
