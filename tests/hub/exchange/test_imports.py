"""Imports: rows become things by the resource's own rules; wrong ones come back with their reasons."""

from __future__ import annotations

import csv
import datetime
import io
import json
from typing import Any

import httpx
import pytest
from msgspec import structs

from tenfold.runtime import Database
from tenfold.runtime.outbox import Event
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble
from tenfold_hub.exchange import jobs
from tenfold_hub.exchange.background import Background
from tenfold_hub.exchange.jobs import ATTEMPTS, JOBS
from tenfold_hub.kit import ids
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.exchange.conftest import dispatching, until


async def sent(client: httpx.AsyncClient, text: str, **options: str) -> dict[str, Any]:
    answer = await client.post(
        "/imports", params=options, content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ended(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def over() -> bool:
        nonlocal found
        found = (await client.get(f"/imports/{job['id']}")).json()
        return found["status"] in ("done", "failed", "canceled")

    await until(over)
    return found


def counts(job: dict[str, Any]) -> tuple[int, int, int, int]:
    return job["rows_done"], job["rows_created"], job["rows_updated"], job["rows_failed"]


async def people(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await client.get("/people?limit=200&sort=created_at")).json()["items"]


async def test_people_are_created_and_found_again_by_their_address(
    client: httpx.AsyncClient, background: Background
) -> None:
    text = "Email;Given name;Family name\nada@example.com;Ada;Lovelace\nBOB@example.com;Bob;\n"
    first = await ended(client, await sent(client, text, kind="people"))
    assert (first["status"], counts(first)) == ("done", (2, 2, 0, 0))
    again = await ended(
        client, await sent(client, "email,family_name\nbob@example.com,Ross\n", kind="people")
    )
    assert counts(again) == (1, 0, 1, 0)
    assert [(each["email"], each["given_name"], each["family_name"]) for each in await people(client)] == [
        ("ada@example.com", "Ada", "Lovelace"),
        ("BOB@example.com", "Bob", "Ross"),
    ]


async def test_wrong_rows_come_back_as_they_were_with_a_reason_and_their_line(
    client: httpx.AsyncClient, background: Background
) -> None:
    rows = [
        ["E-mail", "Stage", "Note"],
        ["a@example.com", "lead", "keep"],
        ["no address", "lead", "x"],
        ["b@example.com", "sleeping", "two\nlines"],
        ["c@example.com", "lead"],
        ["d@example.com", "customer", ""],
        ["=HYPERLINK(1)", "lead", "'+1"],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    mapping = json.dumps({"E-mail": "email", "Stage": "lifecycle_stage"})
    job = await ended(client, await sent(client, text.getvalue(), kind="people", mapping=mapping))
    assert counts(job) == (6, 2, 0, 4)
    answer = await client.get(f"/imports/{job['id']}/failed.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *failed = csv.reader(io.StringIO(answer.text))
    assert header == ["E-mail", "Stage", "Note", "error", "line"]
    assert [(row[:3], row[4]) for row in failed] == [
        (["no address", "lead", "x"], "3"),
        (["b@example.com", "sleeping", "two\nlines"], "4"),
        (["c@example.com", "lead", ""], "6"),
        # As a spreadsheet shows it, and an import reads it again.
        (["'=HYPERLINK(1)", "lead", "'+1"], "8"),
    ]
    assert "email" in failed[0][3] and "lifecycle_stage" in failed[1][3] and "2 cells" in failed[2][3]


async def test_contacts_come_with_their_people_and_companies(
    client: httpx.AsyncClient, background: Background
) -> None:
    text = (
        "Name,E-mail,Company,Web,Score\n"
        "Ada,ada@example.com,Engines,engines.example,7\n"
        "Bob,bob@example.com,Engines,engines.example,x\n"
        "Eve,eve@example.com,,,3\n"
    )
    mapping = {
        "Name": "person.given_name",
        "E-mail": "person.email",
        "Company": "company.name",
        "Web": "company.domain",
        "Score": "score",
    }
    options = {"kind": "contacts", "mapping": json.dumps(mapping)}
    job = await ended(client, await sent(client, text, **options))
    assert counts(job) == (3, 2, 0, 1)
    assert {each["email"] for each in await people(client)} == {"ada@example.com", "eve@example.com"}
    found = (await client.get("/contacts?sort=created_at&expand=person,company")).json()["items"]
    assert [(each["person"]["given_name"], each["score"]) for each in found] == [("Ada", 7), ("Eve", 3)]
    assert (found[0]["company"]["name"], found[1]["company"]) == ("Engines", None)
    again = await ended(client, await sent(client, text.replace(",x", ",9"), **options))
    assert counts(again) == (3, 1, 2, 0)
    assert len((await client.get("/companies")).json()["items"]) == 1
    assert len(await people(client)) == 3


async def test_contacts_come_with_their_tags_and_companies_by_name(
    client: httpx.AsyncClient, other: httpx.AsyncClient, background: Background
) -> None:
    made = (await client.post("/tags", json={"name": "VIP"})).json()
    old = (await client.post("/tags", json={"name": "old"})).json()
    await client.delete(f"/tags/{old['id']}")
    text = (
        "person.email,company.name,tags\n"
        "a@example.com,Engines,vip; New one\n"
        "b@example.com,ENGINES,\n"
        "c@example.com,Mills,Old\n"
        f"d@example.com,Mills,{'x' * 101}\n"
        "a@example.com,,press|VIP\n"
    )
    columns = {name: name for name in text.partition("\n")[0].split(",")}
    options = {"kind": "contacts", "mapping": json.dumps(columns)}
    for created in (2, 0):
        job = await ended(client, await sent(client, text, **options))
        assert counts(job) == (5, created, 3 - created, 2)
    _, *failed = csv.reader(io.StringIO((await client.get(f"/imports/{job['id']}/failed.csv")).text))
    assert [row[4] for row in failed] == ["4", "5"]
    found = (await client.get("/contacts?sort=created_at&expand=person,company,tags")).json()["items"]
    assert [each["person"]["email"] for each in found] == ["a@example.com", "b@example.com"]
    assert [{tag["name"] for tag in each["tags"]} for each in found] == [{"VIP", "New one", "press"}, set()]
    assert {each["company"]["name"] for each in found} == {"ENGINES"}
    tagged = (await client.get(f"/contacts?filter[tag]={made['id']}")).json()["items"]
    assert [each["id"] for each in tagged] == [found[0]["id"]]
    assert len((await client.get("/companies")).json()["items"]) == 1
    assert (await other.get("/tags")).json()["items"] == []


async def test_of_rows_about_one_thing_the_last_one_has_the_last_word(
    client: httpx.AsyncClient, background: Background
) -> None:
    text = "email,given_name,phone\n" + "".join(f"a@example.com,n{n},\n" for n in range(40))
    text += "a@example.com,wrong,no number\nb@example.com,b,\n"
    job = await ended(client, await sent(client, text, kind="people"))
    assert counts(job) == (42, 2, 39, 1)
    assert {each["email"]: each["given_name"] for each in await people(client)} == {
        "a@example.com": "n39",
        "b@example.com": "b",
    }


async def test_ndjson_needs_no_mapping(client: httpx.AsyncClient, background: Background) -> None:
    lines = [
        {"email": "a@example.com", "given_name": "A"},
        {"email": "b@example.com", "nickname": "B"},
        ["no object"],
        {"email": "c@example.com", "lifecycle_stage": "lead"},
    ]
    body = "\n".join(map(json.dumps, lines)) + "\n{broken\n"
    answer = await client.post(
        "/imports?kind=people", content=body, headers={"Content-Type": "application/x-ndjson"}
    )
    job = await ended(client, answer.json())
    assert counts(job) == (5, 2, 0, 3)
    _, *failed = csv.reader(io.StringIO((await client.get(f"/imports/{job['id']}/failed.csv")).text))
    assert [row[2] for row in failed] == ["2", "3", "5"]
    assert "nickname" in failed[0][1]


async def test_a_multipart_form_says_the_same(client: httpx.AsyncClient, background: Background) -> None:
    answer = await client.post(
        "/imports",
        data={"kind": "people", "mapping": json.dumps({"Mail": "email"})},
        files={"file": ("people.csv", b"Mail,Other\na@example.com,1\n", "text/csv")},
    )
    assert answer.status_code == 201, answer.text
    assert counts(await ended(client, answer.json())) == (1, 1, 0, 0)


async def test_people_are_known_by_their_ids_elsewhere(
    client: httpx.AsyncClient, background: Background
) -> None:
    mapping = json.dumps({"id": "external_id", "name": "given_name"})
    options = {"kind": "people", "mapping": mapping, "match": "external:shopify"}
    assert counts(await ended(client, await sent(client, "id,name\n1,Ada\n2,Bob\n", **options))) == (
        2,
        2,
        0,
        0,
    )
    assert counts(await ended(client, await sent(client, "id,name\n2,Rob\n3,Eve\n", **options))) == (
        2,
        1,
        1,
        0,
    )
    assert sorted(each["given_name"] for each in await people(client)) == ["Ada", "Eve", "Rob"]


async def test_modes_say_whether_things_are_created_or_changed(
    client: httpx.AsyncClient, background: Background
) -> None:
    text = "name,domain,score\nA,a.example,1\n"
    assert counts(await ended(client, await sent(client, text, kind="companies", mode="update"))) == (
        1,
        0,
        0,
        1,
    )
    assert counts(await ended(client, await sent(client, text, kind="companies", mode="create"))) == (
        1,
        1,
        0,
        0,
    )
    assert counts(await ended(client, await sent(client, text, kind="companies", mode="create"))) == (
        1,
        0,
        0,
        1,
    )
    assert counts(await ended(client, await sent(client, text, kind="companies", mode="update"))) == (
        1,
        0,
        1,
        0,
    )


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        ("email\n", {"kind": "people"}, 400),
        ("", {"kind": "people"}, 400),
        ("email,email\na,b\n", {"kind": "people"}, 400),
        ("email,colour\na@example.com,red\n", {"kind": "people"}, 422),
        ("email\na@example.com\n", {"kind": "api-keys"}, 422),
        ("email\na@example.com\n", {"kind": "webhooks"}, 422),
        ("given_name\nA\n", {"kind": "people"}, 422),
        ("email\na@example.com\n", {"kind": "people", "mapping": '{"mail": "email"}'}, 422),
        ("email\na@example.com\n", {"kind": "people", "mapping": "{"}, 400),
        ("email\na@example.com\n", {"kind": "people", "colour": "red"}, 400),
        ("email\na@example.com\n", {}, 400),
    ],
)
async def test_files_that_cannot_be_imported_are_refused_at_once(
    client: httpx.AsyncClient, text: str, options: dict[str, str], status: int
) -> None:
    answer = await client.post(
        "/imports", params=options, content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_that_is_no_text_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/imports?kind=people", content=b"email\n\xff\xfe\xfa\n")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_file_that_is_sent_twice_is_imported_once(
    client: httpx.AsyncClient, background: Background
) -> None:
    headers = {"Idempotency-Key": "one", "Content-Type": "text/csv"}
    first = await client.post(
        "/imports?kind=people", content="given_name,email\nA,a@x.org\n", headers=headers
    )
    again = await client.post(
        "/imports?kind=people", content="given_name,email\nA,a@x.org\n", headers=headers
    )
    assert again.json() == first.json()
    other = await client.post(
        "/imports?kind=people", content="given_name,email\nB,b@x.org\n", headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert len((await client.get("/imports")).json()["items"]) == 1


async def test_a_cancelled_import_writes_nothing_more(
    client: httpx.AsyncClient, idle: Background, settings: Settings
) -> None:
    job = await sent(client, "email\na@example.com\n", kind="people")
    answer = await client.post(f"/imports/{job['id']}/cancel")
    assert answer.json()["status"] == "canceled"
    async with idle.running(dispatching(settings)):
        other = await ended(client, await sent(client, "email\nb@example.com\n", kind="people"))
        assert other["status"] == "done"
    assert [each["email"] for each in await people(client)] == ["b@example.com"]
    assert (await client.post(f"/imports/{other['id']}/cancel")).status_code == 409


@pytest.mark.parametrize("kind", ["imports", "exports"])
async def test_an_organization_has_so_many_jobs_under_way_and_no_more(
    client: httpx.AsyncClient, other: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(jobs, "MOST_UNFINISHED", 2)

    async def begun(who: httpx.AsyncClient) -> httpx.Response:
        if kind == "exports":
            return await who.post("/exports", json={"kind": "companies"})
        return await who.post("/imports?kind=people", content="email\na@example.com\n")

    first, _ = await begun(client), await begun(client)
    refused = await begun(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
    assert refused.headers["retry-after"]
    assert (await begun(other)).status_code == 201
    assert len((await client.get(f"/{kind}")).json()["items"]) == 2
    await client.post(f"/{kind}/{first.json()['id']}/cancel")
    assert (await begun(client)).status_code == 201


async def test_another_organization_reaches_no_import(
    client: httpx.AsyncClient, other: httpx.AsyncClient, background: Background
) -> None:
    job = await ended(client, await sent(client, "email\nnone\na@example.com\n", kind="people"))
    path = f"/imports/{job['id']}"
    answers = [
        await other.get(path),
        await other.post(f"{path}/cancel"),
        await other.get(f"{path}/failed.csv"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert (await other.get("/imports")).json()["items"] == []
    assert await people(other) == []


async def test_what_an_import_writes_is_in_the_audit_log_of_who_sent_it(
    client: httpx.AsyncClient, background: Background
) -> None:
    job = await ended(client, await sent(client, "email\na@example.com\n", kind="people"))
    (person,) = await people(client)
    log = (await client.get("/audit")).json()["items"]
    assert {(each["object_id"], each["action"]) for each in log} >= {
        (person["id"], "created"),
        (job["id"], "created"),
        (job["id"], "updated"),
    }
    assert len({each["actor"]["id"] for each in log}) == 1


async def test_the_statements_of_a_chunk_do_not_grow_with_its_rows(
    client: httpx.AsyncClient, acme: Organization, db: Database, telemetry: Telemetry, settings: Settings
) -> None:
    importing = assemble(db, Cursors(settings.key), settings).services["background"].jobs.kinds["import"]

    async def statements(first: int, count: int) -> int:
        rows = "".join(f"p{n}@example.com,n{n}\n" for n in range(first, first + count))
        job = await sent(client, f"email,given_name\n{rows}wrong,x\n", kind="people")
        with telemetry.recording("chunk") as record:
            async with db.tenant(acme.id) as session:
                assert await importing.step(session, ids.read("imp", job["id"]))
        return record.queries

    assert await statements(0, 3) == await statements(100, 800)


async def test_a_job_that_fails_again_and_again_by_a_fault_of_ours_ends_as_failed(
    client: httpx.AsyncClient,
    acme: Organization,
    db: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working = assemble(db, Cursors(settings.key), settings).services["background"].jobs
    job = await sent(client, "email\na@example.com\n", kind="people")

    async def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(working.kinds["import"], "_rows", broken)
    event = Event(
        id=ids.new_id(),
        tenant=acme.id,
        topic=JOBS,
        key=f"import/{ids.read('imp', job['id'])}",
        payload=None,
        created_at=datetime.datetime.now(datetime.UTC),
        attempt=1,
        fence=1,
    )
    with pytest.raises(RuntimeError):
        await working(event)
    assert (await client.get(f"/imports/{job['id']}")).json()["status"] == "queued"
    await working(structs.replace(event, attempt=ATTEMPTS))
    found = (await client.get(f"/imports/{job['id']}")).json()
    assert (found["status"], found["rows_done"]) == ("failed", 0)
    assert await people(client) == []
