"""Contacts, with their person in one request and opt-ins with their time; companies; wide rows in part."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tests.hub.conftest import Organization

ADA = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada@engines.example",
    "phone": "+491712345678",
}


async def test_a_contact_is_created_with_its_person(client: httpx.AsyncClient) -> None:
    answer = await client.post("/contacts", json={"person": ADA, "job_title": "Analyst"})
    assert answer.status_code == 201, answer.text
    found = await client.get(f"/contacts/{answer.json()['id']}", params={"expand": "person"})
    assert found.json()["person"]["given_name"] == "Ada"
    assert found.json()["job_title"] == "Analyst"
    assert len((await client.get("/people")).json()["items"]) == 1


async def test_a_person_who_is_there_is_found_by_the_address(client: httpx.AsyncClient) -> None:
    person = (await client.post("/people", json=ADA)).json()
    answer = await client.post("/contacts", json={"person": {"email": "ADA@engines.example"}})
    assert answer.json()["person_id"] == person["id"]
    again = await client.post("/contacts", json={"person": ADA})
    assert (again.status_code, again.json()["code"]) == (409, "taken")
    assert len((await client.get("/people")).json()["items"]) == 1


async def test_it_takes_either_a_person_or_its_id(client: httpx.AsyncClient) -> None:
    person = (await client.post("/people", json=ADA)).json()
    for body in ({}, {"person_id": person["id"], "person": ADA}):
        answer = await client.post("/contacts", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/person_id")


async def test_what_is_wrong_with_the_person_is_said_and_nothing_is_written(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/contacts", json={"person": {"email": "no address"}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/person/email")
    company = "com_00000000000000000000000000"
    answer = await client.post("/contacts", json={"person": ADA, "company_id": company})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/company_id")
    assert (await client.get("/people")).json()["items"] == []


async def test_a_batch_makes_people_in_the_same_few_statements(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    async def made(count: int, host: str) -> int:
        items = [{"item": {"person": {"email": f"p{n}@{host}.example"}}} for n in range(count)]
        with telemetry.recording("batch") as record:
            assert (await client.post("/contacts/batch/create", json={"items": items})).status_code == 200
        return record.queries

    assert await made(3, "one") == await made(200, "two")
    assert (
        len((await client.get("/contacts?limit=200&filter[status]=active&count=capped")).json()["items"])
        == 200
    )


async def test_two_requests_at_once_make_one_person(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/contacts", json={"person": ADA}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len((await client.get("/people")).json()["items"]) == 1


async def test_another_organizations_person_is_nobodys(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    person = (await client.post("/people", json=ADA)).json()
    answer = await other.post("/contacts", json={"person_id": person["id"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/person_id")
    answer = await other.post("/contacts", json={"person": ADA})
    assert answer.json()["person_id"] != person["id"]


async def test_opting_in_and_out_has_a_time_and_a_source(client: httpx.AsyncClient) -> None:
    body = {"person": ADA, "email_opt_in": True, "email_opt_in_source": "fair"}
    contact = (await client.post("/contacts", json=body)).json()
    assert contact["email_opt_in_at"] is not None
    assert (contact["email_opt_in_source"], contact["sms_opt_in_at"]) == ("fair", None)
    said = "2020-01-01T00:00:00Z"
    path = f"/contacts/{contact['id']}"
    changed = (await client.patch(path, json={"sms_opt_in": True, "sms_opt_in_at": said})).json()
    assert changed["sms_opt_in_at"] == said
    out = (await client.patch(path, json={"email_opt_in": False})).json()
    assert out["email_opt_in_at"] > contact["email_opt_in_at"]
    assert len((await client.get("/contacts?filter[sms_opt_in]=true")).json()["items"]) == 1
    assert (await client.get("/contacts?filter[email_opt_in]=true")).json()["items"] == []


async def test_a_list_shows_a_part_of_a_wide_row(client: httpx.AsyncClient) -> None:
    await client.post(
        "/companies", json={"name": "Engines", "description": "long", "website": "https://e.example"}
    )
    (item,) = (await client.get("/companies")).json()["items"]
    assert "description" not in item
    (item,) = (await client.get("/companies?fields=name,description")).json()["items"]
    assert item == {"id": item["id"], "name": "Engines", "description": "long"}


async def test_companies_are_filtered_and_sorted_by_size_and_who_looks_after_them(
    client: httpx.AsyncClient,
) -> None:
    for n, employees in enumerate((5, None, 500)):
        body = {"name": f"c{n}", "employees": employees, "size": "small" if n < 2 else "big"}
        assert (await client.post("/companies", json=body)).status_code == 201
    big = (await client.get("/companies?filter[employees][gte]=100")).json()["items"]
    assert [item["name"] for item in big] == ["c2"]
    ordered = (await client.get("/companies?sort=-employees&filter[size]=small")).json()["items"]
    assert {item["name"] for item in ordered} == {"c0", "c1"}


async def test_no_company_is_its_own_parent(client: httpx.AsyncClient) -> None:
    company = (await client.post("/companies", json={"name": "Engines"})).json()
    path = f"/companies/{company['id']}"
    answer = await client.patch(path, json={"parent_id": company["id"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/parent_id")


@pytest.mark.parametrize("table", ["contacts", "companies", "deals", "leads", "pipelines", "tags"])
async def test_the_check_of_a_foreign_key_reads_one_row_before_anything_was_analyzed(
    db: Database, acme: Organization, table: str
) -> None:
    async with db.tenant(acme.id) as session:
        plan = await session.fetch(
            f"EXPLAIN SELECT 1 FROM ONLY crm.{table} AS x"
            " WHERE organization_id = $1 AND id = $2 FOR KEY SHARE OF x",
            acme.id,
            acme.id,
        )
    assert f"{table}_pkey" in "\n".join(row[0] for row in plan)


async def test_a_company_is_found_by_its_name_however_it_is_written(client: httpx.AsyncClient) -> None:
    engines = (await client.post("/companies", json={"name": "Analytical  Engines"})).json()
    found = await client.get("/companies", params={"filter[name]": "ANALYTICAL engines"})
    assert [each["id"] for each in found.json()["items"]] == [engines["id"]]
