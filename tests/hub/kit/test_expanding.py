"""What things refer to is shown with them, two levels deep, at one statement for each kind and level."""

from __future__ import annotations

from typing import Any

import httpx

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tests.hub.conftest import client_of, organization


async def note(client: httpx.AsyncClient, n: int) -> dict[str, Any]:
    """Of a contact and a company of its own; every other contact is of no company."""
    company = (await client.post("/companies", json={"name": f"Company {n}"})).json()
    contact = await client.post(
        "/contacts",
        json={"person": {"given_name": f"P{n}"}, "company_id": company["id"] if n % 2 == 0 else None},
    )
    answer = await client.post(
        "/notes",
        json={"body": f"Note {n}", "contact_id": contact.json()["id"], "company_id": company["id"]},
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_two_levels_at_a_statement_for_each_kind_and_level(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    tag = (await client.post("/tags", json={"name": "VIP"})).json()["id"]
    counts = []
    for size in (2, 6):
        made = [await note(client, n) for n in range(size)]
        companies = [each["company_id"] for each in made]
        await client.post(f"/tags/{tag}/assign", json={"ids": companies})
        expand = "contact,contact.person,contact.company,company,company.tags,contact.tags"
        with telemetry.recording("plain") as plain:
            await client.get("/notes")
        with telemetry.recording("expanded") as record:
            answer = await client.get(f"/notes?sort=created_at&expand={expand}")
        counts.append(record.queries - plain.queries)
        items = answer.json()["items"][-size:]
    # Contacts and companies; then people, companies again, tags of contacts and of companies.
    assert counts == [6, 6]
    for n, item in enumerate(items):
        assert item["contact"]["person"]["given_name"] == f"P{n}"
        assert item["company"]["name"] == f"Company {n}"
        assert [each["name"] for each in item["company"]["tags"]] == ["VIP"]
        assert item["contact"]["tags"] == []
        if n % 2:
            assert item["contact"]["company"] is None
        else:
            # The same company, by another path: without what was asked for by the first.
            assert item["contact"]["company"]["id"] == item["company"]["id"]
            assert "tags" not in item["contact"]["company"]
    # The path alone is enough; and so it is of one thing, and of a search.
    id = items[0]["id"]
    one = (await client.get(f"/notes/{id}?expand=contact.person&fields=body")).json()
    assert one.keys() == {"id", "body", "contact"}
    assert one["contact"]["person"]["given_name"] == "P0"
    found = await client.post("/notes/search", json={"expand": ["contact.person"], "limit": 1})
    assert "person" in found.json()["items"][0]["contact"]


async def test_a_path_that_is_none_is_refused_by_its_name(client: httpx.AsyncClient) -> None:
    for expand, said in (
        ("contact.persn", "contact.person"),
        ("contct", "contact"),
        ("contact.company.tags", ""),
        ("tags.name", ""),
        ("contact.", ""),
    ):
        for answer in (
            await client.get(f"/notes?expand={expand}"),
            await client.post("/notes/search", json={"expand": [expand]}),
        ):
            assert answer.status_code == 400
            (fault,) = answer.json()["errors"]
            assert (fault["pointer"], fault["code"]) == ("expand", "unknown_field")
            assert expand in fault["detail"] and said in fault["detail"]


async def test_what_credentials_may_not_read_they_do_not_expand(
    client: httpx.AsyncClient, owner: str, db: Database, app: httpx.ASGITransport
) -> None:
    await note(client, 0)
    acme = await organization(
        owner, db, "initech", ("notes:read", "notes:write", "contacts:*", "companies:read")
    )
    async with client_of(app, acme.key) as narrow:
        for expand, status in (
            ("contact,company", 200),
            ("contact.company", 200),
            ("contact.person", 403),
            ("contact,deal", 403),
        ):
            assert (await narrow.get(f"/notes?expand={expand}")).status_code == status, expand
            search = await narrow.post("/notes/search", json={"expand": expand.split(",")})
            assert search.status_code == status
        answer = await narrow.get("/notes?expand=contact.person")
        assert "people:read" in answer.json()["detail"]
