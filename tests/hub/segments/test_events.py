"""What is told of members: who entered which segments and who left, and nothing of what they are."""

from __future__ import annotations

import json
from typing import Any

import httpx
import psycopg

from tenfold_hub.segments.computing import Worker
from tests.hub.conftest import Organization
from tests.hub.segments.conftest import contact, dynamic, made


def told(owner: str) -> list[tuple[str, dict[str, Any]]]:
    """Of the outbox, in the order of writing, what is about segments' members."""
    with psycopg.connect(owner) as connection:
        rows = connection.execute("SELECT payload FROM outbox.events ORDER BY id").fetchall()
    payloads = [row[0] if isinstance(row[0], dict) else json.loads(row[0]) for row in rows]
    return [
        (each["topic"], each["data"]) for each in payloads if each.get("topic", "").startswith("segment.")
    ]


async def test_who_enters_and_who_leaves_is_told_once_for_each_thing(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, owner: str
) -> None:
    high = [
        await dynamic(client, worker, acme, {"field": "score", "operator": "gte", "value": n}) for n in (5, 6)
    ]
    ada = (await contact(client, "a@x.example", score=9, job_title="Secret"))["id"]
    await client.patch(f"/contacts/{ada}", json={"job_title": "Other"})
    await client.patch(f"/contacts/{ada}", json={"score": 5})
    found = told(owner)
    assert [(topic, each["id"], set(each["segment_ids"])) for topic, each in found] == [
        ("segment.entered", ada, set(high)),
        ("segment.left", ada, {high[1]}),
    ]
    assert all(each.keys() == {"id", "segment_ids"} for _, each in found)


async def test_a_computation_tells_nothing_and_a_merge_begins_no_automation(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, owner: str
) -> None:
    people = [(await made(client, "people", email=f"p{n}@x.example"))["id"] for n in range(2)]
    await dynamic(client, worker, acme, {"field": "phone", "operator": "null", "value": True}, "people")
    assert told(owner) == []
    answer = await client.post(f"/people/{people[0]}/merge", json={"ids": [people[1]]})
    assert answer.status_code == 200
    ((topic, found),) = told(owner)
    assert (topic, found["id"], found["automation"]) == ("segment.left", people[1], False)
