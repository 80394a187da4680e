"""Merges of overlapping sets, undone ones and new references, all at once: what they leave is consistent."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import psycopg
import pytest

from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define

PEOPLE, ACTS = 10, 40


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_comes_between_every_id_stands_for_one_person_who_is_there(
    client: httpx.AsyncClient, acme: Organization, owner: str, seed: int
) -> None:
    chance = random.Random(seed)
    for key in ("k0", "k1", "k2"):
        await define(client, "people", key, "text")
    items = [{"item": {"given_name": f"p{n}", "custom": {f"k{n % 3}": str(n)}}} for n in range(PEOPLE)]
    made = await client.post("/people/batch/create", json={"items": items})
    people = [each["item"]["id"] for each in made.json()["items"]]
    for each in people[::2]:
        assert (await client.post("/contacts", json={"person_id": each})).status_code == 201
    merges: list[str] = []

    async def merge(into: str, others: list[str]) -> httpx.Response:
        answer = await client.post(f"/people/{into}/merge", json={"ids": others})
        if answer.status_code == 200 and answer.json()["merge"]:
            merges.append(answer.json()["merge"]["id"])
        return answer

    async def undo() -> httpx.Response | None:
        return await client.post(f"/merges/{chance.choice(merges)}/undo") if merges else None

    async def act() -> httpx.Response | None:
        match chance.choice(("merge", "merge", "merge", "undo", "contact", "identity", "change")):
            case "merge":
                into, *others = chance.sample(people, chance.randint(2, 5))
                return await merge(into, others)
            case "undo":
                return await undo()
            case "contact":
                return await client.post("/contacts", json={"person_id": chance.choice(people)})
            case "identity":
                body = {
                    "person_id": chance.choice(people),
                    "source": "s",
                    "external_id": str(chance.random()),
                }
                return await client.post("/external-identities", json=body)
            case _:
                path = f"/people/{chance.choice(people)}"
                return await client.patch(path, json={"family_name": str(chance.random())})

    answers = [each for each in await asyncio.gather(*(act() for _ in range(ACTS))) if each is not None]
    # A contact that is there already, a merge that others were faster with, an undoing that comes too late.
    assert {each.status_code for each in answers} <= {200, 201, 409}, [
        each.text for each in answers if each.status_code not in (200, 201, 409)
    ]
    assert any(each.status_code == 200 for each in answers)

    live = {each["id"] for each in (await client.get("/people?limit=200")).json()["items"]}
    for each in people:
        stands_for = (await client.get(f"/people/{each}")).json()["id"]
        assert stands_for in live
        if each in live:
            assert stands_for == each
    contacts = (await client.get("/contacts?limit=200")).json()["items"]
    assert {each["person_id"] for each in contacts} <= live
    assert len({each["person_id"] for each in contacts}) == len(contacts)
    assert _dangling(owner) == []
    # What was merged last can be undone last, to the very beginning, or says what stands in the way.
    for id in reversed(merges):
        assert (await client.post(f"/merges/{id}/undo")).status_code in (200, 409)
    assert _dangling(owner) == []


def _dangling(owner: str) -> list[Any]:
    """Aliases of somebody who is there, and references to somebody who is not."""
    with psycopg.connect(owner) as connection:
        return connection.execute(
            """
            SELECT 'both', alias_id FROM identity.person_aliases a JOIN identity.people p ON p.id = a.alias_id
            UNION ALL
            SELECT 'alias', alias_id FROM identity.person_aliases
             WHERE person_id NOT IN (SELECT id FROM identity.people)
            UNION ALL
            SELECT 'identity', id FROM identity.external_identities
             WHERE person_id NOT IN (SELECT id FROM identity.people)
            """
        ).fetchall()


async def test_merges_into_each_other_make_one_person(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        a, b = [(await client.post("/people", json={"given_name": n})).json()["id"] for n in "AB"]
        answers = await asyncio.gather(
            client.post(f"/people/{a}/merge", json={"ids": [b]}),
            client.post(f"/people/{b}/merge", json={"ids": [a]}),
        )
        assert [each.status_code for each in answers] == [200, 200]
        assert len({each.json()["person"]["id"] for each in answers}) == 1
        assert len({each.json()["merge"]["id"] for each in answers}) == 1


async def test_upserts_of_one_identity_at_once_make_one_person(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.put("/people/external/shop/1", json={"given_name": str(n)}) for n in range(8))
    )
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert len({each.json()["id"] for each in answers}) == 1
    assert len((await client.get("/people")).json()["items"]) == 1
