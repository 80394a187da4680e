"""Pipelines, deals, leads: stages and their history, the board, and a lead that becomes all of it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.crm.sales import routes


async def post(client: httpx.AsyncClient, path: str, **body: object) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def pipeline(client: httpx.AsyncClient, name: str = "Sales") -> tuple[str, dict[str, str]]:
    id = (await post(client, "/pipelines", name=name))["id"]
    stages = (await get(client, f"/pipelines/{id}?expand=stages"))["stages"]
    return id, {stage["name"]: stage["id"] for stage in stages}


async def contact(client: httpx.AsyncClient, email: str = "ada@engines.example") -> dict[str, Any]:
    return await post(client, "/contacts", person={"given_name": "Ada", "email": email})


async def test_a_pipeline_is_made_with_its_stages_in_order(client: httpx.AsyncClient) -> None:
    stages = [{"name": "Talk", "probability": 10}, {"name": "Done", "probability": 100, "outcome": "won"}]
    id = (await post(client, "/pipelines", name="Mine", stages=stages))["id"]
    found = (await get(client, f"/stages?filter[pipeline_id]={id}"))["items"]
    assert [(each["name"], each["probability"], each["outcome"]) for each in found] == [
        ("Talk", 10, "open"),
        ("Done", 100, "won"),
    ]
    assert len((await pipeline(client, "Usual"))[1]) == 6


async def test_a_deal_begins_in_the_first_stage_and_keeps_its_history(client: httpx.AsyncClient) -> None:
    id, stages = await pipeline(client)
    deal = await post(client, "/deals", name="Engine", amount_minor=500, currency="EUR")
    assert (deal["pipeline_id"], deal["stage_id"]) == (id, stages["Appointment scheduled"])
    path = f"/deals/{deal['id']}"
    won = (await client.patch(path, json={"stage_id": stages["Won"]})).json()
    assert (won["status"], won["closed_at"]) == ("won", won["stage_entered_at"])
    again = (await client.patch(path, json={"stage_id": stages["Qualified to buy"]})).json()
    assert (again["status"], again["closed_at"]) == ("open", None)
    moves = (await get(client, f"{path}/stages"))["items"]
    assert [(each["from_stage_id"], each["stage_id"]) for each in moves] == [
        (None, stages["Appointment scheduled"]),
        (stages["Appointment scheduled"], stages["Won"]),
        (stages["Won"], stages["Qualified to buy"]),
    ]
    assert moves[0]["seconds"] is None
    assert all(each["seconds"] >= 0 for each in moves[1:])
    # What is no change of the stage is none of the history.
    await client.patch(path, json={"name": "Engines"})
    assert len((await get(client, f"{path}/stages"))["items"]) == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount_minor": 5}, "/currency"),
        ({"stage_id": "stg_00000000000000000000000000"}, "/stage_id"),
        ({"pipeline_id": "pip_00000000000000000000000000"}, "/pipeline_id"),
        ({"contact_ids": ["con_00000000000000000000000000"]}, "/contact_ids"),
        ({"contact_ids": ["com_00000000000000000000000000"]}, "/contact_ids"),
        ({"company_id": "com_00000000000000000000000000"}, "/company_id"),
        ({"owner_id": "usr_00000000000000000000000000"}, "/owner_id"),
    ],
)
async def test_a_deal_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    await pipeline(client)
    answer = await client.post("/deals", json={"name": "x"} | body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await get(client, "/deals"))["items"] == []


async def test_a_stage_is_of_the_deals_pipeline(client: httpx.AsyncClient) -> None:
    one, _ = await pipeline(client, "one")
    two, stages = await pipeline(client, "two")
    answer = await client.post("/deals", json={"name": "x", "pipeline_id": one, "stage_id": stages["Won"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/stage_id")
    deal = await post(client, "/deals", name="x", pipeline_id=one)
    moved = (await client.patch(f"/deals/{deal['id']}", json={"pipeline_id": two})).json()
    assert moved["stage_id"] == stages["Appointment scheduled"]


async def test_the_board_counts_and_sums_up_and_shows_the_newest(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    id, stages = await pipeline(client)
    items = [
        {"item": {"name": f"d{n}", "amount_minor": n, "currency": "EUR" if n % 2 else "USD"}}
        for n in range(10)
    ]
    assert (await client.post("/deals/batch/create", json={"items": items})).status_code == 200
    await post(client, "/deals", name="won", stage_id=stages["Won"])
    board = await get(client, f"/pipelines/{id}/board?limit=3")
    first = board["stages"][0]
    assert (first["count"], first["capped"], len(first["deals"])) == (10, False, 3)
    assert first["amounts"] == [
        {"currency": "EUR", "amount_minor": 25},
        {"currency": "USD", "amount_minor": 20},
    ]
    assert [(each["stage"]["name"], each["count"]) for each in board["stages"] if each["count"]] == [
        ("Appointment scheduled", 10),
        ("Won", 1),
    ]
    with telemetry.recording("board") as record:
        await get(client, f"/pipelines/{id}/board")
    few = record.queries
    stages = [{"name": f"s{n}"} for n in range(40)]
    other = (await post(client, "/pipelines", name="other", stages=stages))["id"]
    items = [{"item": {"name": f"d{n}", "pipeline_id": other}} for n in range(30)]
    assert (await client.post("/deals/batch/create", json={"items": items})).status_code == 200
    with telemetry.recording("board") as record:
        board = await get(client, f"/pipelines/{other}/board")
    assert (len(board["stages"]), board["stages"][0]["count"]) == (40, 30)
    assert record.queries == few


async def test_lists_and_batches_send_as_many_statements_for_few_as_for_many(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    await pipeline(client)
    ada, engines = await contact(client), await post(client, "/companies", name="Engines")
    of_one = {"company_id": engines["id"]}
    for path, expand, item in (
        ("/companies", "tags", {"name": "x"}),
        ("/contacts", "person,company,tags", {"person": {"given_name": "x"}, **of_one}),
        ("/leads", "tags", {"name": "x", "labels": ["a", "b"]}),
        (
            "/deals",
            "pipeline,stage,company,contacts,tags",
            {"name": "x", "contact_ids": [ada["id"]], **of_one},
        ),
        ("/addresses", "company", {"city": "x", **of_one}),
    ):

        async def made(count: int, path: str = path, item: dict[str, Any] = item) -> int:
            with telemetry.recording("batch") as record:
                answer = await client.post(f"{path}/batch/create", json={"items": [{"item": item}] * count})
            assert answer.status_code == 200, answer.text
            return record.queries

        async def listed(count: int, path: str = path, expand: str = expand) -> int:
            with telemetry.recording("list") as record:
                found = await get(client, f"{path}?limit={count}&expand={expand}")
            assert len(found["items"]) == count
            return record.queries

        await made(2)
        assert await made(2) == await made(40), path
        assert await listed(2) == await listed(40), path


async def test_a_total_says_when_it_is_capped(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "COUNTED", 2)
    id, _ = await pipeline(client)
    for n in range(3):
        await post(client, "/deals", name=f"d{n}")
    first = (await get(client, f"/pipelines/{id}/board"))["stages"][0]
    assert (first["count"], first["capped"]) == (2, True)


async def test_deals_have_contacts(client: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    await pipeline(client)
    ada, bob = await contact(client), await contact(client, "bob@engines.example")
    deal = await post(client, "/deals", name="x", contact_ids=[ada["id"]])
    path = f"/deals/{deal['id']}"
    changed = await post(client, f"{path}/contacts", add=[bob["id"]], remove=[ada["id"]])
    assert [each["id"] for each in changed["contacts"]] == [bob["id"]]
    assert [each["id"] for each in (await get(client, f"{path}?expand=contacts"))["contacts"]] == [bob["id"]]
    stranger = await contact(other)
    answer = await client.post(f"{path}/contacts", json={"add": [stranger["id"]]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/add")
    log = (await get(client, f"/audit?object={deal['id']}"))["items"]
    assert "contact_ids" not in log[-1]["after"]


async def test_a_lead_becomes_contact_company_and_deal_at_once(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    lead = await post(
        client,
        "/leads",
        name="Ada of Engines",
        given_name="Ada",
        family_name="Lovelace",
        email="ada@engines.example",
        company_name="Engines",
        source="fair",
        labels=["hot"],
    )
    deal = {"amount_minor": 900, "currency": "EUR"}
    found = await post(client, f"/leads/{lead['id']}/convert", deal=deal)
    assert (found["status"], found["labels"]) == ("converted", ["hot"])
    shown = await get(client, f"/leads/{lead['id']}?expand=contact,company,deal")
    assert shown["company"]["name"] == "Engines"
    assert shown["contact"]["company_id"] == shown["company"]["id"]
    assert (shown["deal"]["name"], shown["deal"]["amount_minor"]) == ("Ada of Engines", 900)
    (of_deal,) = (await get(client, f"/deals/{shown['deal']['id']}?expand=contacts"))["contacts"]
    assert of_deal["id"] == shown["contact"]["id"]
    again = await client.post(f"/leads/{lead['id']}/convert", json={})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_a_lead_of_somebody_known_becomes_no_second_contact(client: httpx.AsyncClient) -> None:
    ada = await contact(client)
    engines = await post(client, "/companies", name="Engines")
    lead = await post(client, "/leads", name="Ada", email="ADA@engines.example", company_name="ENGINES")
    found = await post(client, f"/leads/{lead['id']}/convert", deal=None)
    assert (found["contact_id"], found["company_id"], found["deal_id"]) == (ada["id"], engines["id"], None)
    assert len((await get(client, "/companies"))["items"]) == 1


async def test_a_conversion_that_fails_leaves_nothing(client: httpx.AsyncClient) -> None:
    lead = await post(client, "/leads", name="Ada", email="ada@engines.example", company_name="Engines")
    # There is no pipeline for the deal.
    answer = await client.post(f"/leads/{lead['id']}/convert", json={})
    assert answer.status_code == 422
    for path in ("/companies", "/contacts", "/people", "/deals"):
        assert (await get(client, path))["items"] == []
    assert (await get(client, f"/leads/{lead['id']}"))["status"] == "new"


async def test_converted_twice_at_once_it_is_converted_once(client: httpx.AsyncClient) -> None:
    lead = await post(client, "/leads", name="Ada", email="ada@engines.example")
    path = f"/leads/{lead['id']}/convert"
    answers = await asyncio.gather(*(client.post(path, json={"deal": None}) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409]
    assert len((await get(client, "/contacts"))["items"]) == 1


async def test_leads_and_deals_are_found_by_search(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    await post(client, "/leads", name="Trade fair", email="grace@navy.example", company_name="Navy")
    await post(client, "/deals", name="Compiler licences")
    for q, kind in (("grace@navy.example", "leads"), ("navvy", "leads"), ("compilr", "deals")):
        found = (await get(client, f"/search?q={q}&kinds=leads,deals"))["items"]
        assert [each["kind"] for each in found] == [kind]


async def test_another_organization_has_no_part_in_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    id, stages = await pipeline(client)
    deal = await post(client, "/deals", name="x")
    lead = await post(client, "/leads", name="x")
    answers = [
        await other.get(f"/pipelines/{id}/board"),
        await other.get(f"/deals/{deal['id']}/stages"),
        await other.post(f"/deals/{deal['id']}/contacts", json={"add": []}),
        await other.post(f"/leads/{lead['id']}/convert", json={"deal": None}),
    ]
    for kind, one in (
        ("pipelines", id),
        ("stages", stages["Won"]),
        ("deals", deal["id"]),
        ("leads", lead["id"]),
    ):
        path = f"/{kind}/{one}"
        answers += [
            await other.get(path),
            await other.patch(path, json={"name": "x"}),
            await other.delete(path),
        ]
    assert {answer.status_code for answer in answers} == {404}
    await pipeline(other)
    for body in ({"pipeline_id": id}, {"stage_id": stages["Won"]}):
        assert (await other.post("/deals", json={"name": "x"} | body)).status_code == 422
    assert (
        await other.post("/stages", json={"name": "x", "position": 1, "pipeline_id": id})
    ).status_code == 422
    assert (await get(client, f"/leads/{lead['id']}"))["status"] == "new"


async def test_leads_are_listed_by_their_labels(client: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    items = [
        {"item": {"name": f"l{n}", "labels": ["hot", "fair"] if n < 2 else ["fair", "fair"]}}
        for n in range(4)
    ]
    assert (await client.post("/leads/batch/create", json={"items": items})).status_code == 200
    await post(other, "/leads", name="x", labels=["hot"])

    async def named(query: str) -> list[str]:
        return [each["name"] for each in (await get(client, f"/leads?{query}&sort=created_at"))["items"]]

    assert await named("filter[label]=hot") == ["l0", "l1"]
    first, *_ = (await get(client, "/leads?filter[label]=hot&sort=created_at"))["items"]
    await client.patch(f"/leads/{first['id']}", json={"labels": ["cold"]})
    assert await named("filter[label]=hot") == ["l1"]
    assert await named("filter[label][in]=hot,cold") == ["l0", "l1"]
    assert await named("filter[label]=fair&filter[status]=new") == ["l1", "l2", "l3"]
    assert (await client.get("/leads?filter[label][gt]=a")).json()["code"] == "not_filterable"


async def test_deals_are_listed_by_their_contacts(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    await pipeline(client)
    ada, bob = await contact(client), await contact(client, "bob@engines.example")
    for name, contacts in (("both", [ada, bob]), ("one", [ada]), ("none", [])):
        await post(client, "/deals", name=name, contact_ids=[each["id"] for each in contacts])

    async def named(client: httpx.AsyncClient, query: str) -> list[str]:
        return [each["name"] for each in (await get(client, f"/deals?{query}&sort=created_at"))["items"]]

    assert await named(client, f"filter[contact_id]={ada['id']}") == ["both", "one"]
    assert await named(client, f"filter[contact_id][in]={bob['id']},{ada['id']}&filter[status]=open") == [
        "both", "one"
    ]  # fmt: skip
    assert await named(other, f"filter[contact_id]={ada['id']}") == []
