"""Contact points: normal forms, one primary of each kind, and a person in step with its contact."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

ADA = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada@engines.example",
    "phone": "+491712345678",
}


async def contact(client: httpx.AsyncClient, **person: object) -> dict[str, Any]:
    answer = await client.post("/contacts", json={"person": ADA | person})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def add(client: httpx.AsyncClient, **point: object) -> dict[str, Any]:
    answer = await client.post("/contact-points", json=point)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def points(client: httpx.AsyncClient, owner: str) -> dict[str, bool]:
    name = {"con": "contact_id", "com": "company_id"}[owner[:3]]
    answer = await client.get("/contact-points", params={f"filter[{name}]": owner})
    return {item["value"]: item["is_primary"] for item in answer.json()["items"]}


async def person(client: httpx.AsyncClient, contact: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/people/{contact['person_id']}")).json()
    return found


async def titles(client: httpx.AsyncClient, q: str) -> list[str]:
    return [item["title"] for item in (await client.get("/search", params={"q": q})).json()["items"]]


async def test_a_contact_has_the_points_of_its_person(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    assert await points(client, ada["id"]) == {"ada@engines.example": True, "+491712345678": True}


async def test_another_address_becomes_the_persons_when_it_is_the_primary_one(
    client: httpx.AsyncClient,
) -> None:
    ada = await contact(client)
    point = await add(client, contact_id=ada["id"], kind="email", value="Countess@home.example", label="home")
    assert point["is_primary"] is False
    assert (await person(client, ada))["email"] == "ada@engines.example"
    await client.patch(f"/contact-points/{point['id']}", json={"is_primary": True})
    assert (await person(client, ada))["email"] == "Countess@home.example"
    found = await points(client, ada["id"])
    assert (found["Countess@home.example"], found["ada@engines.example"]) == (True, False)


async def test_a_change_of_the_person_is_one_of_the_primary_point(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    path = f"/people/{ada['person_id']}"
    await client.patch(path, json={"email": "ada@new.example"})
    assert await points(client, ada["id"]) == {"ada@new.example": True, "+491712345678": True}
    await add(client, contact_id=ada["id"], kind="email", value="other@new.example")
    await client.patch(path, json={"email": "other@new.example"})
    found = await points(client, ada["id"])
    assert (found["other@new.example"], found["ada@new.example"]) == (True, False)
    await client.patch(path, json={"phone": None})
    assert (await points(client, ada["id"]))["+491712345678"] is False


async def test_who_loses_the_primary_one_has_the_next(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    point = await add(client, contact_id=ada["id"], kind="email", value="b@b.example", is_primary=True)
    assert (await person(client, ada))["email"] == "b@b.example"
    await client.delete(f"/contact-points/{point['id']}")
    assert (await person(client, ada))["email"] == "ada@engines.example"
    # What is archived comes back when the person has it again, and is no second row.
    await client.patch(f"/people/{ada['person_id']}", json={"email": "b@b.example"})
    assert (await points(client, ada["id"]))["b@b.example"] is True


async def test_all_points_are_searched(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    await add(client, contact_id=ada["id"], kind="email", value="countess@home.example")
    await add(client, contact_id=ada["id"], kind="phone", value="+49 30 7654321")
    engines = (await client.post("/companies", json={"name": "Engines"})).json()
    point = await add(client, company_id=engines["id"], kind="phone", value="+49 40 1112223")
    assert await titles(client, "countess@home.example") == ["Ada Lovelace"]
    assert await titles(client, "030 7654322") == ["Ada Lovelace"]
    assert await titles(client, "040 1112223") == ["Engines"]
    await client.delete(f"/contact-points/{point['id']}")
    assert await titles(client, "040 1112223") == []


@pytest.mark.parametrize(
    ("point", "pointer"),
    [
        ({"kind": "email", "value": "no address"}, "/value"),
        ({"kind": "phone", "value": "12"}, "/value"),
        ({"kind": "web", "value": "javascript:alert(1)"}, "/value"),
        ({"kind": "social", "value": "@ada"}, "/provider"),
    ],
)
async def test_what_is_no_point_is_refused(
    client: httpx.AsyncClient, point: dict[str, str], pointer: str
) -> None:
    ada = await contact(client)
    answer = await client.post("/contact-points", json=point | {"contact_id": ada["id"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_point_is_of_one_contact_or_company_and_once(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    point = {"kind": "web", "value": "https://ada.example"}
    answer = await client.post("/contact-points", json=point)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/contact_id")
    await add(client, **point, contact_id=ada["id"])
    answer = await client.post("/contact-points", json=point | {"contact_id": ada["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "taken")


async def test_two_at_once_leave_one_primary(client: httpx.AsyncClient) -> None:
    engines = (await client.post("/companies", json={"name": "Engines"})).json()
    body = [
        {"company_id": engines["id"], "kind": "email", "value": f"e{n}@e.example", "is_primary": True}
        for n in range(6)
    ]
    await asyncio.gather(*(client.post("/contact-points", json=each) for each in body))
    found = await points(client, engines["id"])
    assert (len(found), sum(found.values())) == (6, 1)


async def test_addresses_have_one_primary_too(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    for city in ("London", "Paris"):
        body = {"contact_id": ada["id"], "city": city, "country": "GB", "is_primary": city == "Paris"}
        assert (await client.post("/addresses", json=body)).status_code == 201
    found = (await client.get("/addresses", params={"filter[contact_id]": ada["id"]})).json()["items"]
    assert {item["city"]: item["is_primary"] for item in found} == {"London": False, "Paris": True}


async def test_another_organization_has_no_part_in_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    ada = await contact(client)
    point = await add(client, contact_id=ada["id"], kind="web", value="https://ada.example")
    address = (await client.post("/addresses", json={"contact_id": ada["id"], "city": "London"})).json()
    for path in (f"/contact-points/{point['id']}", f"/addresses/{address['id']}"):
        answers = [
            await other.get(path),
            await other.patch(path, json={"label": "x"}),
            await other.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [404] * 3
    for path, body in (
        ("/contact-points", {"kind": "web", "value": "https://x.example"}),
        ("/addresses", {}),
    ):
        answer = await other.post(path, json=body | {"contact_id": ada["id"]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/contact_id")
    assert await points(other, ada["id"]) == {}
