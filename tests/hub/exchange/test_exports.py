"""Exports: what a list shows, whole, in its order, as a file; what was exported can be imported."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import httpx
import psycopg
import pytest

from tenfold_hub.exchange import exporting
from tenfold_hub.exchange.background import Background
from tenfold_hub.settings import Settings
from tests.hub.exchange.conftest import dispatching, until


async def exported(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/exports", json=asked)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = {}

    async def over() -> bool:
        nonlocal found
        found = (await client.get(f"/exports/{answer.json()['id']}")).json()
        return found["status"] in ("done", "failed", "canceled")

    await until(over)
    return found


async def made(client: httpx.AsyncClient, count: int, **values: Any) -> None:
    items = [{"item": {"name": f"c{n}", "score": n, **values}} for n in range(count)]
    for start in range(0, count, 1_000):
        answer = await client.post("/companies/batch/create", json={"items": items[start : start + 1_000]})
        assert answer.status_code == 200


async def test_a_csv_has_every_row_once_and_in_order(
    client: httpx.AsyncClient, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGES", 1)
    await made(client, 2_500)
    job = await exported(client, kind="companies", fields=["id", "name", "score"])
    assert (job["status"], job["rows_done"], job["bytes"] > 0) == ("done", 2_500, True)
    answer = await client.get(f"/exports/{job['id']}/file")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *rows = csv.reader(io.StringIO(answer.text))
    assert header == ["id", "name", "score"]
    assert [row[1] for row in rows] == [f"c{n}" for n in range(2_500)]


async def test_filters_are_those_of_lists_and_gzip_is_one_file(
    client: httpx.AsyncClient, background: Background
) -> None:
    await made(client, 30, industry="steam")
    await made(client, 5)
    job = await exported(
        client,
        kind="companies",
        format="ndjson",
        gzip=True,
        filters=[["industry", "eq", "steam"], ["score", "gte", 20]],
    )
    answer = await client.get(f"/exports/{job['id']}/file")
    assert answer.headers["content-type"] == "application/gzip"
    lines = [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]
    assert [each["score"] for each in lines] == list(range(20, 30))
    assert lines[0]["id"].startswith("com_")


async def test_fields_may_be_those_of_what_a_row_refers_to(
    client: httpx.AsyncClient, background: Background
) -> None:
    person = (await client.post("/people", json={"email": "ada@example.com"})).json()
    await client.post("/contacts", json={"person_id": person["id"]})
    fields = ["person.email", "company.name", "email_opt_in"]
    job = await exported(client, kind="contacts", fields=fields)
    text = (await client.get(f"/exports/{job['id']}/file")).text
    assert list(csv.reader(io.StringIO(text))) == [fields, ["ada@example.com", "", "false"]]


async def test_what_was_exported_can_be_imported_elsewhere(
    client: httpx.AsyncClient, other: httpx.AsyncClient, background: Background
) -> None:
    """What a spreadsheet would calculate is shown to it as a text, and read as what it was."""
    names = ["c0", "=1+1", "'=x", "-5", "@a", "\uff1dx", "it's", '"+"', "''"]
    items = [{"item": {"name": name, "score": -n}} for n, name in enumerate(names)]
    assert (await client.post("/companies/batch/create", json={"items": items})).status_code == 200
    job = await exported(client, kind="companies", fields=["name", "score", "status"])
    text = (await client.get(f"/exports/{job['id']}/file")).content
    cells = [row[:2] for row in csv.reader(io.StringIO(text.decode()))][1:]
    shown = ["c0", "'=1+1", "''=x", "'-5", "'@a", "'\uff1dx", "it's", '"+"', "''"]
    assert cells == [[name, str(-n)] for n, name in enumerate(shown)]
    lines = await exported(client, kind="companies", format="ndjson", fields=["name"])
    raw = (await client.get(f"/exports/{lines['id']}/file")).text
    assert [json.loads(line)["name"] for line in raw.splitlines()] == names
    sent = await other.post("/imports?kind=companies&mode=create", content=text)

    async def over() -> bool:
        return (await other.get(f"/imports/{sent.json()['id']}")).json()["status"] == "done"

    await until(over)
    found = (await other.get("/companies?sort=created_at")).json()["items"]
    assert [(each["name"], each["score"]) for each in found] == [(name, -n) for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"kind": "secrets"}, 422),
        ({"kind": "api-keys-and-more"}, 422),
        ({"kind": "companies", "fields": ["nmae"]}, 400),
        ({"kind": "contacts", "fields": ["person.secret"]}, 400),
        ({"kind": "companies", "filters": [["website", "eq", "x"]]}, 400),
        ({"kind": "companies", "filters": [["score", "gte", "x"]]}, 400),
        ({"kind": "companies", "format": "xml"}, 400),
    ],
)
async def test_what_cannot_be_exported_is_refused_at_once(
    client: httpx.AsyncClient, asked: dict[str, Any], status: int
) -> None:
    answer = await client.post("/exports", json=asked)
    assert answer.status_code == status, answer.text


async def test_a_file_is_there_for_some_days_once_it_is_done(
    client: httpx.AsyncClient, idle: Background, settings: Settings, owner: str
) -> None:
    job = (await client.post("/exports", json={"kind": "companies"})).json()
    assert (await client.get(f"/exports/{job['id']}/file")).status_code == 409
    canceled = (await client.post("/exports", json={"kind": "companies"})).json()
    assert (await client.post(f"/exports/{canceled['id']}/cancel")).json()["status"] == "canceled"
    async with idle.running(dispatching(settings)):

        async def fetched() -> bool:
            return (await client.get(f"/exports/{job['id']}/file")).status_code == 200

        await until(fetched)
    assert (await client.get(f"/exports/{canceled['id']}/file")).status_code in (409, 410)
    with psycopg.connect(owner) as connection:
        connection.execute("UPDATE exchange.exports SET expires_at = now()")
    assert (await client.get(f"/exports/{job['id']}/file")).status_code == 410


async def test_another_organization_reaches_no_export(
    client: httpx.AsyncClient, other: httpx.AsyncClient, background: Background
) -> None:
    await made(client, 2)
    job = await exported(client, kind="companies")
    path = f"/exports/{job['id']}"
    answers = [await other.get(path), await other.get(f"{path}/file"), await other.post(f"{path}/cancel")]
    assert [answer.status_code for answer in answers] == [404] * 3
    mine = await exported(other, kind="companies")
    assert mine["rows_done"] == 0
