"""What every resource does, shown at companies: the conventions of the API."""

from __future__ import annotations

import httpx
import pytest

from tenfold.runtime.telemetry import Telemetry


async def made(client: httpx.AsyncClient, **values: object) -> dict[str, object]:
    answer = await client.post("/companies", json={"name": "Engines"} | values)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_what_was_created_is_there_under_its_location(client: httpx.AsyncClient) -> None:
    answer = await client.post("/companies", json={"name": "Engines", "domain": "Engines.Example"})
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["domain"] == "engines.example"
    found = await client.get(f"http://hub{answer.headers['location']}")
    assert found.json() == answer.json()


async def test_another_organization_neither_sees_nor_changes_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    company = await made(client)
    path = f"/companies/{company['id']}"
    answers = [
        await other.get(path),
        await other.patch(path, json={"name": "Mine"}),
        await other.delete(path),
        await other.post(f"{path}/restore"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    batch = await other.post(
        "/companies/batch/update", json={"items": [{"id": company["id"], "item": {"name": "x"}}]}
    )
    assert batch.json()["items"][0]["problem"]["code"] == "not_found"
    assert (await other.get("/companies")).json()["items"] == []
    assert (await client.get(path)).json() == company


async def test_a_change_needs_the_version_that_it_was_made_from(client: httpx.AsyncClient) -> None:
    path = f"/companies/{(await made(client))['id']}"
    first = await client.patch(path, json={"score": 1}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    late = await client.patch(path, json={"score": 2}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "version_mismatch")
    assert (await client.get(path)).json()["score"] == 1
    assert (await client.get(path, headers={"If-None-Match": '"2"'})).status_code == 304


async def test_a_patch_changes_what_it_names_and_null_empties(client: httpx.AsyncClient) -> None:
    company = await made(client, industry="steam", employees=7)
    answer = await client.patch(f"/companies/{company['id']}", json={"industry": None})
    assert answer.json()["industry"] is None
    assert answer.json()["employees"] == 7


async def test_what_changes_nothing_makes_no_version(client: httpx.AsyncClient) -> None:
    company = await made(client, score=3)
    answer = await client.patch(f"/companies/{company['id']}", json={"score": 3})
    assert answer.json() == company


async def test_the_archived_leave_the_lists_and_come_back(client: httpx.AsyncClient) -> None:
    company = await made(client)
    path = f"/companies/{company['id']}"
    assert (await client.delete(path)).json()["archived_at"] is not None
    assert (await client.get("/companies")).json()["items"] == []
    assert len((await client.get("/companies?archived=true")).json()["items"]) == 1
    assert (await client.delete(path)).json()["version"] == 2
    assert (await client.post(f"{path}/restore")).json()["archived_at"] is None
    assert len((await client.get("/companies")).json()["items"]) == 1


async def test_a_request_that_is_sent_twice_is_done_once(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await client.post("/companies", json={"name": "Engines"}, headers=headers)
    again = await client.post("/companies", json={"name": "Engines"}, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await client.get("/companies")).json()["items"]) == 1
    another = await client.post("/companies", json={"name": "Other"}, headers=headers)
    assert (another.status_code, another.json()["code"]) == (422, "key_reused")


async def test_a_list_is_paged_by_cursors_that_are_its_own(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    items = [{"item": {"name": f"c{n}", "score": n % 3}} for n in range(25)]
    assert (await client.post("/companies/batch/create", json={"items": items})).status_code == 200
    seen, cursor = [], ""
    while True:
        page = (await client.get(f"/companies?sort=-score&limit=10{cursor}")).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [item["score"] for item in seen] == sorted((n % 3 for n in range(25)), reverse=True)
    assert len({item["id"] for item in seen}) == 25
    for strange in (
        await client.get(f"/companies?sort=score{cursor}"),
        await client.get(f"/companies?sort=-score&filter[status]=active{cursor}"),
        await other.get(f"/companies?sort=-score{cursor}"),
        await client.get("/companies?cursor=nonsense"),
    ):
        assert (strange.status_code, strange.json()["code"]) == (400, "invalid_cursor")


async def test_a_batch_writes_what_is_right_and_says_what_is_not(client: httpx.AsyncClient) -> None:
    items = [
        {"item": {"name": "a", "domain": "a.example"}, "ref": "1"},
        {"item": {"name": "b", "domain": "a.example"}, "ref": "2"},
        {"item": {"name": "c", "domain": "no domain"}, "ref": "3"},
        {"item": {"name": "d"}, "ref": "4"},
    ]
    answer = await client.post("/companies/batch/create", json={"items": items})
    assert answer.status_code == 207
    assert [(item["ref"], item["status"]) for item in answer.json()["items"]] == [
        ("1", 200),
        ("2", 409),
        ("3", 422),
        ("4", 200),
    ]
    assert len((await client.get("/companies")).json()["items"]) == 2


async def test_of_a_batch_ids_that_are_none_are_refused_for_themselves(client: httpx.AsyncClient) -> None:
    company = await made(client)
    items = [
        {"id": "com_nonsense", "item": {"score": 1}},
        {"id": company["id"], "item": {"score": 2}},
        {"id": company["id"].replace("com", "per"), "item": {"score": 3}},  # type: ignore[attr-defined] # a text
        {"id": company["id"], "item": {"owner_id": "nobody"}},
    ]
    answer = await client.post("/companies/batch/update", json={"items": items})
    assert (answer.status_code, [each["status"] for each in answer.json()["items"]]) == (
        207,
        [404, 200, 404, 422],
    )
    assert answer.json()["items"][3]["problem"]["errors"][0]["pointer"] == "/owner_id"
    whole = await client.post("/companies/batch/update?atomic=true", json={"items": items})
    assert whole.json()["errors"][2]["pointer"] == "/items/3/owner_id"
    assert (await client.get(f"/companies/{company['id']}")).json()["score"] == 2


async def test_an_atomic_batch_is_written_whole_or_not_at_all(client: httpx.AsyncClient) -> None:
    items = [{"item": {"name": "a"}}, {"item": {"name": "b", "domain": "no domain"}}]
    answer = await client.post("/companies/batch/create?atomic=true", json={"items": items})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/items/1/domain"
    assert (await client.get("/companies")).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("filter[website]=x", "not_filterable", "filter[website]"),
        ("filter[score][like]=x", "not_filterable", "filter[score]"),
        ("filter[score]=x", "invalid_request", "filter[score]"),
        ("sort=industry", "not_sortable", "sort"),
        ("limit=0", "invalid_request", "limit"),
        ("limit=201", "invalid_request", "limit"),
        ("fields=nmae", "invalid_request", "fields"),
        ("colour=red", "invalid_request", "colour"),
        ("count=all", "invalid_request", "count"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_the_parameters_name(
    client: httpx.AsyncClient, query: str, code: str, pointer: str
) -> None:
    answer = await client.get(f"/companies?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"nmae": "x"}, "/nmae"),
        ({"name": ""}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "x", "employees": -1}, "/employees"),
        ({"name": "x", "status": "unknown"}, "/status"),
    ],
)
async def test_a_body_that_cannot_be_is_refused_by_a_pointer(
    client: httpx.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    answer = await client.post("/companies", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_without_a_key_nothing_is_answered(app: httpx.ASGITransport) -> None:
    async with httpx.AsyncClient(transport=app, base_url="http://hub/v1") as nobody:
        for key in ("", "Bearer x", "Bearer hub_01m7yqxee4fv0rg5jbccy14d19_x", "Basic eDp5"):
            answer = await nobody.get("/companies", headers={"Authorization": key})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_changes_are_in_the_audit_log_with_what_was_before(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    company = await made(client, score=1)
    await client.patch(f"/companies/{company['id']}", json={"score": 2}, headers={"X-Request-ID": "mine"})
    log = (await client.get(f"/audit?object={company['id']}")).json()["items"]
    assert [(entry["action"], entry["object_id"]) for entry in log] == [
        ("updated", company["id"]),
        ("created", company["id"]),
    ]
    assert (log[0]["before"], log[0]["after"]) == ({"score": 1}, {"score": 2})
    assert log[0]["request_id"] == "mine"
    assert (await other.get("/audit")).json()["items"] == []
    assert (await other.get(f"/audit?object={company['id']}")).json()["items"] == []


async def test_the_statements_of_a_request_do_not_grow_with_its_items(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    async def statements(count: int) -> int:
        items = [{"item": {"name": f"c{n}"}} for n in range(count)]
        with telemetry.recording("batch") as record:
            answer = await client.post("/companies/batch/create", json={"items": items})
        assert answer.status_code == 200
        return record.queries

    assert await statements(2) == await statements(500)


async def test_what_is_expanded_need_not_be_among_the_fields(client: httpx.AsyncClient) -> None:
    person = (await client.post("/people", json={"given_name": "Ada"})).json()
    await client.post("/contacts", json={"person_id": person["id"], "score": 3})
    (found,) = (await client.get("/contacts?fields=score&expand=person,company")).json()["items"]
    assert found["score"] == 3
    assert found["person"]["given_name"] == "Ada"
    assert found["company"] is None
