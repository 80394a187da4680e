"""Search: what is found in spite of mistakes, what is not, and that an index serves it under the policies."""

from __future__ import annotations

import json

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.crm.search import finding
from tenfold_hub.crm.search.words import distance, keys_of, mistakes
from tests.hub.conftest import Organization


async def person(client: httpx.AsyncClient, **values: object) -> str:
    answer = await client.post("/people", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def contact(client: httpx.AsyncClient, **values: object) -> str:
    answer = await client.post("/contacts", json={"person_id": await person(client, **values)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def found(client: httpx.AsyncClient, q: str, kinds: str = "contacts,companies") -> list[str]:
    answer = await client.get("/search", params={"q": q, "kinds": kinds})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


ADA = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada.lovelace@engines.example",
    "phone": "+49 171 2345678",
}


@pytest.mark.parametrize(
    "q",
    [
        "Ada Lovelace",
        "lovelace ada",
        "lovelase",
        "Ada Lvoelace",
        "love",
        "Aad Lovelcae",
        "ada.lovelace@engines.example",
        "ada.lovelase@engines.example",
        "ADA.LOVELACE@ENGINES.EXAMPLE",
        "+49 171 2345678",
        "0171 2345678",
        "0171 2345679",
        "+49 171 235678",
        "45678",
    ],
)
async def test_a_contact_is_found_by_name_address_and_number_with_mistakes(
    client: httpx.AsyncClient, q: str
) -> None:
    await contact(client, **ADA)
    await contact(client, given_name="Grace", family_name="Hopper", phone="+49 30 9876543")
    assert await found(client, q) == ["Ada Lovelace"]


@pytest.mark.parametrize("q", ["Bob", "xyz", "0171 9999999", "nobody@nowhere.example", "%", "'; --", "..."])
async def test_what_nobody_is_called_finds_nothing(client: httpx.AsyncClient, q: str) -> None:
    await contact(client, **ADA)
    assert await found(client, q) == []


@pytest.mark.parametrize("q", ["Société Générale", "societe generale", "socete generale", "generale.example"])
async def test_companies_are_found_without_accents_and_by_domain(client: httpx.AsyncClient, q: str) -> None:
    body = {"name": "Société Générale", "domain": "generale.example"}
    assert (await client.post("/companies", json=body)).status_code == 201
    assert await found(client, q) == ["Société Générale"]


async def test_the_best_comes_first_and_the_kinds_are_those_asked_for(client: httpx.AsyncClient) -> None:
    await contact(client, given_name="Jon", family_name="Smith")
    await contact(client, given_name="John", family_name="Smith")
    await person(client, given_name="John", family_name="Smithers")
    assert await found(client, "john smith") == ["John Smith", "Jon Smith"]
    assert await found(client, "john smith", "people") == ["John Smith", "John Smithers", "Jon Smith"]
    assert await found(client, "john smith", "companies") == []


async def test_what_was_renamed_or_archived_is_found_as_it_is_now(client: httpx.AsyncClient) -> None:
    id = await person(client, **ADA)
    await client.patch(f"/people/{id}", json={"family_name": "King", "email": None})
    assert await found(client, "lovelace", "people") == []
    assert await found(client, "ada king", "people") == ["Ada King"]
    await client.delete(f"/people/{id}")
    assert await found(client, "ada king", "people") == []
    await client.post(f"/people/{id}/restore")
    assert await found(client, "ada king", "people") == ["Ada King"]


async def test_another_organization_finds_nothing_of_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    await contact(client, **ADA)
    for q in ("Ada Lovelace", "ada.lovelace@engines.example", "0171 2345678"):
        assert await found(other, q, "people,contacts,companies") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("q=", "q"), ("q=x&limit=21", "limit"), ("q=x&kinds=products", "kinds"), ("q=%00", "q")],
)
async def test_a_search_that_cannot_be_is_refused(
    client: httpx.AsyncClient, query: str, pointer: str
) -> None:
    answer = await client.get(f"/search?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_search_is_two_statements_and_writing_costs_the_same_for_many(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    async def made(count: int, name: str) -> int:
        items = [{"item": {"given_name": f"{name}{n}", "family_name": "Smith"}} for n in range(count)]
        with telemetry.recording("batch") as record:
            assert (await client.post("/people/batch/create", json={"items": items})).status_code == 200
        return record.queries

    # New words, known ones, one thing, many: it is one statement.
    assert await made(1, "x") == await made(1, "x") == await made(2, "z") == await made(300, "y")
    with telemetry.recording("search") as record:
        assert await found(client, "x1 smith", "people")
    # The key of who asks is a statement, too.
    assert record.queries == 3


async def test_indexes_serve_a_search_as_the_applications_role(
    client: httpx.AsyncClient, db: Database, acme: Organization
) -> None:
    """Of few rows a scan would be right; of many, each part is an index condition and no filter."""
    names = [f"{first}{last}" for first in "abcdefghij" for last in ("an", "berg", "corp", "dorf")]
    for start in range(0, 40, 8):
        items = [{"item": {"name": f"{one} {two}"}} for one in names[start : start + 8] for two in names]
        assert (await client.post("/companies/batch/create", json={"items": items})).status_code == 200
    async with db.tenant(acme.id) as session:
        words = await session.fetch(
            f"EXPLAIN (FORMAT JSON) {finding._WORDS}",
            acme.id, [0, 0], ["aberg", "berg"], [0], ["aber"], ["aber\U0010ffff"],
        )  # fmt: skip
        things = await session.fetch(
            f"EXPLAIN (FORMAT JSON) {finding._THINGS}", acme.id, [1, 2], [1.0, 1.0], [100, 100]
        )
    for plan, wanted in ((words, {"key", "word"}), (things, {"term"})):
        scans = list(_scans(json.loads(plan[0][0])[0]["Plan"]))
        conditions = [scan.get("Index Cond", "") for scan in scans if "Relation Name" in scan]
        assert all("organization_id" in condition for condition in conditions), conditions
        for name in wanted:
            assert any(f"({name} " in condition or f"{name} =" in condition for condition in conditions)
        assert not any("Filter" in scan and "asked" in scan["Filter"] for scan in scans)


def _scans(plan: dict[str, object]) -> object:
    yield plan
    for each in plan.get("Plans", []):  # type: ignore[attr-defined] # a list of plans
        yield from _scans(each)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("one", "other"),
    [("lovelace", "lovelase"), ("smith", "smyth"), ("anna", "ana"), ("meier", "meyer"), ("hopper", "ohpper"),
     ("schneider", "shcnieder"), ("abcdefghijk", "abcdefghixx")],
)  # fmt: skip
def test_words_within_the_mistakes_that_are_allowed_share_a_key(one: str, other: str) -> None:
    assert distance(one, other) <= min(mistakes(one), mistakes(other))
    assert keys_of(one) & keys_of(other)


def test_a_number_is_no_word_with_mistakes() -> None:
    assert mistakes("1234567890") == 0
