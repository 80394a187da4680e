"""Things are found by what they are known by outside, and created or changed: many at once, once only."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

import httpx
import pytest

from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble
from tenfold_hub.serving import database
from tenfold_hub.settings import Settings
from tests.hub.conftest import SECRET
from tests.hub.objects.conftest import define


async def upsert(
    client: httpx.AsyncClient, kind: str, items: list[dict[str, Any]], by: str = "", **query: str
) -> httpx.Response:
    body = {"items": items} | ({"by": by} if by else {})
    return await client.post(f"/{kind}/batch/upsert", json=body, params=query)


def statuses(answer: httpx.Response) -> list[int]:
    return [each["status"] for each in answer.json()["items"]]


async def test_what_is_there_is_changed_and_the_rest_is_created(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    there = await client.post("/companies", json={"name": "Engines", "domain": "a.example", "score": 7})
    theirs = await other.post("/companies", json={"name": "Not ours", "domain": "b.example"})
    items = [
        # Compared as it is kept, and what is not named stays: nothing is reset to what a new one has.
        {"key": "A.Example.", "item": {"industry": "steam"}, "ref": "old"},
        {"key": "b.example", "item": {"name": "B"}, "ref": "new"},
        {"key": "c.example", "item": {}, "ref": "nameless"},
        {"key": "b.example", "item": {"name": "again"}},
        {"key": "no domain", "item": {"name": "x"}},
        {"key": "d.example", "item": {"name": "D", "owner_id": "usr_x"}},
    ]
    answer = await upsert(client, "companies", items)
    assert (answer.status_code, statuses(answer)) == (207, [200, 201, 422, 409, 422, 422])
    old, new, nameless, *_ = answer.json()["items"]
    assert (old["ref"], new["ref"], nameless["ref"]) == ("old", "new", "nameless")
    assert old["item"] | {"industry": None, "version": 1, "updated_at": ""} == there.json() | {
        "updated_at": ""
    }
    assert (old["item"]["score"], new["item"]["domain"]) == (7, "b.example")
    assert nameless["problem"]["errors"][0]["pointer"] == "/name"
    assert (await other.get(f"/companies/{theirs.json()['id']}")).json() == theirs.json()
    assert len((await other.get("/companies")).json()["items"]) == 1

    # The key moves, where the item says so.
    moved = await upsert(client, "companies", [{"key": "b.example", "item": {"domain": "e.example"}}])
    assert moved.json()["items"][0]["item"]["id"] == new["item"]["id"]

    # All or nothing, each thing that is wrong by its place.
    items = [{"key": "f.example", "item": {"name": "F"}}, {"key": "g.example", "item": {}}]
    refused = await upsert(client, "companies", items, atomic="true")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/items/1/name")
    assert len((await client.get("/companies")).json()["items"]) == 2

    # What is archived keeps its key: it is restored, or stays out of the way, as its owner says.
    assert (await client.delete(f"/companies/{old['item']['id']}")).status_code == 200
    archived = await upsert(client, "companies", [{"key": "a.example", "item": {"name": "A"}}])
    assert statuses(archived) == [409]
    assert archived.json()["items"][0]["problem"]["code"] == "taken"

    for by, code in (("name", "invalid"), ("custom.x", "not_filterable"), ("external:shop", "invalid")):
        strange = await upsert(client, "companies", items, by)
        assert strange.json()["code"] == code, by


async def test_a_thing_is_known_by_what_its_domain_says(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    # A contact by its person's address, in any spelling; who it is of is found, or made.
    ada = (await client.post("/people", json={"email": "ada@engines.example"})).json()
    items = [
        {"key": "Ada@Engines.Example", "item": {"job_title": "Analyst"}},
        {"key": "bob@engines.example", "item": {"person": {"given_name": "Bob"}, "score": 3}},
    ]
    made = await upsert(client, "contacts", items)
    assert statuses(made) == [201, 201]
    assert made.json()["items"][0]["item"]["person_id"] == ada["id"]
    items[1]["item"]["score"] = 4
    again = await upsert(client, "contacts", items)
    assert statuses(again) == [200, 200]
    assert [each["item"]["score"] for each in again.json()["items"]] == [0, 4]
    assert [each["item"]["id"] for each in again.json()["items"]] == [
        each["item"]["id"] for each in made.json()["items"]
    ]
    by_person = await upsert(client, "contacts", [{"key": ada["id"], "item": {"score": 9}}], "person_id")
    assert by_person.json()["items"][0]["item"]["job_title"] == "Analyst"
    # Another organization's person is nobody.
    strange = await upsert(other, "contacts", [{"key": ada["id"], "item": {"score": 1}}], "person_id")
    assert statuses(strange) == [422]

    # Whose address two people have, is nobody's.
    for name in ("Eve", "Eva"):
        await client.post("/people", json={"given_name": name, "email": "eve@engines.example"})
    people = [
        {"key": key, "item": {"family_name": "King"}}
        for key in ("eve@engines.example", "ADA@engines.example")
    ]
    answer = await upsert(client, "people", people)
    assert statuses(answer) == [409, 200]
    assert answer.json()["items"][1]["item"]["id"] == ada["id"]

    # A merged person's id stands for the survivor's, whose contact it is.
    merged = (await client.post("/people", json={"email": "a@old.example"})).json()
    assert (await client.post(f"/people/{ada['id']}/merge", json={"ids": [merged["id"]]})).status_code == 200
    alias = await upsert(client, "contacts", [{"key": merged["id"], "item": {"score": 2}}], "person_id")
    assert alias.json()["items"][0]["item"]["person_id"] == ada["id"]
    assert statuses(alias) == [200]

    for kind, key, item in (
        ("products", "S-1", {"name": "Loom"}),
        ("tags", " VIP ", {"colour": "#aabbcc"}),
        ("customers", ada["id"], {"note": "x"}),
        ("teams", "Sales", {}),
        ("objects", "ships", {"singular": "Ship", "plural": "Ships"}),
    ):
        found = [await upsert(client, kind, [{"key": key, "item": item}]) for _ in range(2)]
        assert list(map(statuses, found)) == [[201], [200]], found[0].text
        ids = {each.json()["items"][0]["item"]["id"] for each in found}
        assert len(ids) == 1


async def test_records_are_known_by_a_unique_field(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    for each in (client, other):
        body = {"name": "ships", "singular": "Ship", "plural": "Ships"}
        assert (await each.post("/objects", json=body)).status_code == 201
        await define(each, "ships", "imo", "number", unique=True)
        await define(each, "ships", "flag", "text", filterable=True)
    items = [{"key": str(n), "item": {"custom": {"flag": "no"}}} for n in range(3)]
    made = await upsert(client, "objects/ships/records", items, "custom.imo")
    assert statuses(made) == [201] * 3, made.text
    assert made.json()["items"][2]["item"]["custom"] == {"imo": 2, "flag": "no"}
    assert statuses(await upsert(other, "objects/ships/records", items[:1], "custom.imo")) == [201]
    items = [{"key": "2", "item": {"custom": {"flag": "se"}}}, {"key": "two", "item": {}}]
    again = await upsert(client, "objects/ships/records", items, "custom.imo")
    assert statuses(again) == [200, 422]
    assert again.json()["items"][0]["item"]["custom"] == {"imo": 2, "flag": "se"}
    ours = await client.get("/objects/ships/records?filter[custom.imo]=2")
    assert [each["custom"]["flag"] for each in ours.json()["items"]] == ["se"]
    assert (await upsert(client, "objects/ships/records", items, "custom.flag")).status_code == 422


async def test_the_statements_do_not_grow_and_a_key_is_answered_once(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    counts = []
    for size in (4, 300):
        # Half of them are there.
        await upsert(client, "products", [{"key": f"p{n}", "item": {"name": "x"}} for n in range(size // 2)])
        items = [{"key": f"p{n}", "item": {"name": "y"}} for n in range(size)]
        with telemetry.recording("upsert") as record:
            answer = await upsert(client, "products", items)
        assert statuses(answer) == [200] * (size // 2) + [201] * (size // 2)
        counts.append(record.queries)
    assert counts[0] == counts[1]
    body = {"items": [{"key": "new", "item": {"name": "z"}}]}
    headers = {"Idempotency-Key": "one"}
    kept = [await client.post("/products/batch/upsert", json=body, headers=headers) for _ in range(2)]
    assert [statuses(each) for each in kept] == [[201], [201]]
    assert kept[1].headers["idempotent-replayed"] == "true"
    many = [{"key": str(n), "item": {"name": "x"}} for n in range(1_001)]
    assert (await upsert(client, "products", many)).status_code == 400


@pytest.mark.parametrize(
    ("kind", "by", "item"),
    [
        ("companies", "domain", {"name": "x"}),
        ("contacts", "email", {}),
        ("people", "email", {}),
        ("people", "external:shop", {}),
        ("people", "custom.number", {}),
    ],
)
async def test_of_two_at_the_same_moment_one_creates(
    client: httpx.AsyncClient, kind: str, by: str, item: dict[str, Any]
) -> None:
    await define(client, "people", "number", "text", unique=True)
    keys = [f"k{n}.example" if by == "domain" else f"k{n}@x.example" for n in range(40)]
    forth = [{"key": key, "item": item} for key in keys]
    answers = await asyncio.gather(
        *(upsert(client, kind, forth if turn % 2 else forth[::-1], by) for turn in range(6))
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(chain.from_iterable(map(statuses, answers))) == [200] * 200 + [201] * 40
    things = {tuple(sorted(each["item"]["id"] for each in answer.json()["items"])) for answer in answers}
    assert len(things) == 1
    assert len((await client.get(f"/{kind}?limit=200")).json()["items"]) == 40


async def test_who_creates_without_asking_for_the_key_comes_between(client: httpx.AsyncClient) -> None:
    """A plain create holds no keys: what it made meanwhile is changed then."""
    for turn in range(4):
        items = [{"key": f"{turn}-{n}", "item": {"name": "upserted"}} for n in range(20)]
        news = [{"item": {"sku": f"{turn}-{n}", "name": "created"}} for n in range(20)]
        both = await asyncio.gather(
            upsert(client, "products", items),
            client.post("/products/batch/create", json={"items": news}),
        )
        assert set(statuses(both[0])) <= {200, 201}
        assert set(statuses(both[1])) <= {200, 409}
        found = (await client.get("/products?limit=200")).json()["items"]
        assert len(found) == 20 * (turn + 1)
        assert all(each["name"] == "upserted" for each in found)


async def test_keys_that_cannot_be_are_refused_for_themselves(client: httpx.AsyncClient) -> None:
    await define(client, "deals", "number", "number", unique=True)
    await define(client, "deals", "code", "text", unique=True)
    strange = [
        "\0",
        " ",
        "x" * 2_000,
        "9" * 400,
        "com_",
        "per_" + "z" * 26,
        "\U0001f600@\u00e9",
        "-",
        "a\u0001b",
    ]
    for kind, by in (
        ("companies", "domain"),
        ("contacts", "email"),
        ("contacts", "person_id"),
        ("people", "email"),
        ("people", "external:shop"),
        ("products", "sku"),
        ("customers", "person_id"),
        ("tags", "name"),
        ("teams", "name"),
        ("objects", "name"),
        ("association-types", "name"),
        ("deals", "custom.number"),
        ("deals", "custom.code"),
    ):
        answer = await upsert(client, kind, [{"key": key, "item": {}} for key in strange], by)
        assert answer.status_code in (200, 207), (kind, by, answer.text)
        assert answer.json()["items"][0]["status"] in (400, 422), (kind, by)
        assert all(each["status"] < 500 for each in answer.json()["items"]), (kind, by)
    for by in ("external:", "external:\0", "\0", "custom.", "custom.\0", "email:x"):
        answer = await upsert(client, "people", [{"key": "a@x.example", "item": {}}], by)
        assert 400 <= answer.status_code < 500, by


def test_what_things_are_known_by_is_unique_and_lists_are_filtered_by_it() -> None:
    settings = Settings(database="postgresql://nobody@127.0.0.1:1/none", secret=SECRET)
    platform = assemble(database(settings, []), Cursors(settings.key), settings)
    known = {name: each for name, each in platform.records.items() if each.resource.keys}
    assert len(known) >= 9
    for name, records in known.items():
        unique = {each.pointer for each in records.resource.constraints.values() if each.code == "taken"}
        for field in records.resource.keys:
            if field in records.keys:
                continue
            assert "eq" in records.resource.filters[field].operators, (name, field)
            # Two people may have one address: whoever asks for it holds it.
            assert f"/{field}" in unique or (name, field) == ("people", "email")
