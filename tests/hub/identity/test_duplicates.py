"""Suggestions of people who may be one, and the indexes that give them under row-level security."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.identity import duplicates
from tenfold_hub.identity.names import name_key, similarity
from tests.hub.conftest import Organization


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Jon", "Smith"), ("John", "Smyth")),
        (("Katherine", "Hill"), ("Catherine", "Hill")),
        (("Micheal", "Schmidt"), ("Michael", "Schmitt")),
        (("Anna", "Müller"), ("Anna", "Muller")),
        (("Ada", "Lovelace"), ("Lovelace", "Ada")),
        (("Юлия", "Иванова"), ("юлия", "иванова")),
    ],
)
def test_names_that_sound_alike_have_one_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert name_key(*one) == name_key(*other) is not None
    assert similarity(" ".join(one), " ".join(other)) >= 0.8


def test_names_of_different_people_are_not_alike() -> None:
    assert name_key("Jane", "Smith") != name_key("Mary", "Jones")
    assert similarity("Jane Smith", "John Smith") < 0.8
    assert name_key("Jane", None) is None


async def made(client: httpx.AsyncClient, *people: dict[str, Any]) -> list[str]:
    answer = await client.post("/people/batch/create", json={"items": [{"item": each} for each in people]})
    return [each["item"]["id"] for each in answer.json()["items"]]


async def test_who_may_be_a_person_with_the_reasons_and_the_likeliest_first(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    a, name, phone, both, _ = await made(
        client,
        {"given_name": "Jon", "family_name": "Smith", "email": "j@x.example", "phone": "+4930901820"},
        {"given_name": "John", "family_name": "Smyth"},
        {"given_name": "Zoe", "phone": "+49 30 901820"},
        {"given_name": "John", "family_name": "Smith", "email": "J@X.example"},
        {"given_name": "Jane", "family_name": "Smith"},
    )
    await made(other, {"given_name": "Jon", "family_name": "Smith", "email": "j@x.example"})
    found = (await client.get(f"/people/{a}/duplicates")).json()["items"]
    assert [(each["person"]["id"], each["by"]) for each in found] == [
        (both, ["email", "name"]),
        (phone, ["phone"]),
        (name, ["name"]),
    ]
    assert found[0]["sure"] > found[1]["sure"] > found[2]["sure"]
    assert (await other.get(f"/people/{a}/duplicates")).status_code == 404
    await client.delete(f"/people/{both}")
    assert len((await client.get(f"/people/{a}/duplicates")).json()["items"]) == 2


async def test_groups_come_page_by_page_each_once_however_little_a_page_reads(
    client: httpx.AsyncClient, other: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [{"given_name": "A", "email": f"p{n // 3}@x.example"} for n in range(30)]
    people += [{"given_name": "S", "email": f"single{n}@x.example"} for n in range(10)]
    people += [{"given_name": "Jon", "family_name": name} for name in ("Smith", "Smyth")]
    people += [{"given_name": "B", "phone": "+4930901820"} for _ in range(2)]
    await made(client, *people)
    for most in (duplicates.MOST_READ, 7):
        for by, text in duplicates._GROUPS.items():
            limited = text.replace(f"LIMIT {duplicates.MOST_READ}", f"LIMIT {most}")
            monkeypatch.setitem(duplicates._GROUPS, by, limited)
        monkeypatch.setattr(duplicates, "MOST_READ", most)
        seen: list[tuple[str, int]] = []
        path = "/people/duplicates?limit=4"
        while True:
            page = (await client.get(path)).json()
            seen += [(each["by"], len(each["people"])) for each in page["items"]]
            if page["next_cursor"] is None:
                break
            path = f"/people/duplicates?limit=4&cursor={page['next_cursor']}"
        assert seen == [("email", 3)] * 10 + [("phone", 2), ("name", 2)]
        strange = await other.get(path)
        assert (strange.status_code, strange.json()["code"]) == (400, "invalid_cursor")
    assert (await other.get("/people/duplicates")).json()["items"] == []


@pytest.mark.parametrize("query", ["by=shoe", "by=email,shoe", "limit=0", "limit=51"])
async def test_groups_that_cannot_be_asked_for(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/people/duplicates?{query}")).status_code == 400


async def test_indexes_serve_all_of_it_among_100_000_people(
    client: httpx.AsyncClient,
    acme: Organization,
    globex: Organization,
    owner: str,
    db: Database,
    telemetry: Telemetry,
) -> None:
    await asyncio.to_thread(_filled, owner, acme, 100_000)
    await asyncio.to_thread(_filled, owner, globex, 1_000)
    async with db.tenant(acme.id, read_only=True) as session:
        plans = [
            await session.fetch(
                f"EXPLAIN {duplicates._OF_ONE}", acme.id, acme.id, "m77@x.example", "+777", "JN SM0 77"
            )
        ]
        plans += [await session.fetch(f"EXPLAIN {each}", acme.id, "") for each in duplicates._GROUPS.values()]
    serving = (("email", "phone", "name_key"), ("email",), ("phone",), ("name_key",))
    for plan, indexes in zip(plans, serving, strict=True):
        text = "\n".join(row[0] for row in plan)
        assert "Seq Scan" not in text, text
        for index in indexes:
            assert f"people_{index}" in text, text
    person = (await client.get("/people?limit=1&filter[email]=m77@x.example")).json()["items"][0]
    counts = []
    for path in (f"/people/{person['id']}/duplicates", "/people/duplicates", "/people/duplicates?limit=2"):
        with telemetry.recording("duplicates") as record:
            assert (await client.get(path)).json()["items"]
        counts.append(record.queries)
    # Who asks; the person; ids; the people.
    assert counts == [4, 3, 3]


def _filled(owner: str, organization: Organization, people: int) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO identity.people (organization_id, id, given_name, family_name, email, email_normal,
                                         phone, phone_normal, name_key)
            SELECT %s, gen_random_uuid(), 'Jon', 'Smith', e, e, p, p, 'JN SM0 ' || n / 2
              FROM generate_series(1, %s) AS n,
                   LATERAL (SELECT 'm' || n / 2 || '@x.example', '+' || n / 2) AS v (e, p)
            """,
            [organization.id, people],
        )
        connection.execute("VACUUM ANALYZE identity.people")
