"""Searches with groups of conditions: each group by its own index, and what several groups find once."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.paging.keyset import Position, statement
from tenfold_hub.crm.contacts import CONTACTS
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import Search, searched
from tests.hub.conftest import Organization, client_of
from tests.hub.objects.conftest import define

COUNT, SHOWN = 60_000, 51

_COMPANY = """
INSERT INTO crm.companies (organization_id, id, name, name_normal) VALUES (%(of)s, %(company)s, 'x', 'x')
"""
_PEOPLE = """
INSERT INTO identity.people (organization_id, id)
SELECT %(of)s, gen_random_uuid() FROM generate_series(1, %(count)s)
"""
# A third of each status; one in a thousand of the company; the score of half of them is 0.
_CONTACTS = """
INSERT INTO crm.contacts (organization_id, id, person_id, created_at, status, score, company_id)
SELECT %(of)s, gen_random_uuid(), p.id, timestamptz '2026-01-01' + p.n * interval '1 second',
       (ARRAY['active', 'inactive', 'bounced'])[1 + p.n %% 3],
       CASE WHEN p.n %% 2 = 0 THEN 0 ELSE p.n %% 1000 END,
       CASE WHEN p.n %% 1000 = 0 THEN %(company)s::uuid END
  FROM (SELECT id, row_number() OVER () AS n FROM identity.people WHERE organization_id = %(of)s) AS p
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_read(plan: dict[str, Any]) -> float:
    """What its scans read, kept or not."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Scan" in node["Node Type"]
    )


def _fill(owner: str, acme: Organization, company: uuid.UUID) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        of = {"of": acme.id, "count": COUNT, "company": company}
        connection.execute(_COMPANY, of)
        connection.execute(_PEOPLE, of)
        connection.execute(_CONTACTS, of)
        connection.execute("VACUUM ANALYZE crm.contacts")


async def test_each_group_is_read_by_its_own_index_up_to_the_page(
    owner: str, db: Database, acme: Organization
) -> None:
    company = uuid.uuid4()
    await asyncio.to_thread(_fill, owner, acme, company)
    active, bounced = ("status", "eq", "active"), ("status", "eq", "bounced")
    of_company = ("company_id", "eq", shown("com", company))
    cases: list[tuple[str, list[list[tuple[str, str, Any]]], float]] = [
        # Both in the order of one index: pages of both, and what the filter drops between their rows.
        ("-created_at", [[active], [bounced]], 8 * SHOWN),
        # The second group finds nothing but what the first one does: it is not read to its end for that.
        ("-created_at", [[active], [active, ("score", "gte", 0)]], 8 * SHOWN),
        ("-score", [[("score", "gte", 900)], [("score", "lte", 100)]], 3 * SHOWN),
        ("score", [[("score", "gt", 0)], [("status", "in", ["active"])]], 6 * SHOWN),
        # Few match: all of them are read, and of the other group a page.
        ("-created_at", [[of_company], [active]], 60 + 5 * SHOWN),
    ]
    async with db.tenant(acme.id) as session:
        assert await session.fetch_value("SELECT current_user") == "hub_app"
        for sort, groups, most in cases:
            asked = searched(CONTACTS, Search(groups=groups, sort=sort))
            query = asked.query(acme.id)
            deep = statement(query, asked.order, COUNT // 4)
            last = (await session.fetch(deep.text, *deep.parameters))[-1]
            for place in (None, Position(asked.order.values(last))):
                page = statement(query, asked.order, SHOWN, place)
                text = await session.fetch_value(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) {page.text}", *page.parameters
                )
                plan = json.loads(text)[0]["Plan"]
                said = (sort, groups, place, json.dumps(plan, indent=1))
                assert rows_read(plan) <= most, said
                kinds = [node["Node Type"] for node in nodes(plan)]
                assert "Seq Scan" not in kinds, said
                assert "Merge Append" in kinds, said
                for node in nodes(plan):
                    assert node["Node Type"] != "Sort" or node["Actual Rows"] <= 60, said


async def found(client: httpx.AsyncClient, kind: str = "contacts", **asked: Any) -> list[str]:
    """All pages of a search; a cursor gives what comes next, once."""
    ids: list[str] = []
    while True:
        answer = await client.post(f"/{kind}/search", json=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return ids
        asked = asked | {"cursor": page["next_cursor"]}


async def test_what_any_group_finds_is_found_once_and_in_order(
    client: httpx.AsyncClient, other: httpx.AsyncClient, acme: Organization
) -> None:
    await define(client, "companies", "city", "text", filterable=True)
    things = []
    for n in range(36):
        thing = {
            "name": f"c{n}",
            "industry": [None, "steel", "wool"][n % 3],
            "employees": [None, 10, 20, 30][n % 4],
            "score": n % 5,
            "custom": {} if n % 2 else {"city": ["Oslo", "Rome"][n % 3 % 2]},
        }
        things.append(thing)
    body = {"items": [{"item": each} for each in things]}
    made = (await client.post("/companies/batch/create", json=body)).json()["items"]
    known = [thing | {"id": each["item"]["id"]} for thing, each in zip(things, made, strict=True)]
    await other.post("/companies/batch/create", json=body)

    def met(thing: dict[str, Any], condition: list[Any]) -> bool:
        """As SQL has it: nothing is compared with what is not there."""
        field, operator, value = condition
        has = thing["custom"].get(field[7:], None) if field.startswith("custom.") else thing[field]
        if operator == "null":
            return (has is None) is value
        if has is None:
            return False
        if isinstance(has, str):
            has, value = has.casefold(), value.casefold() if isinstance(value, str) else value
        return {
            "eq": lambda: has == value,
            "in": lambda: has in value,
            "gte": lambda: has >= value,
            "lt": lambda: has < value,
        }[operator]()

    steel, small = ["industry", "eq", "steel"], ["employees", "lt", 20]
    for filters, groups in (
        ([], [[steel], [small]]),
        # What the first group says nothing about, NULL, the second one may find.
        ([], [[["employees", "gte", 0]], [["industry", "in", ["wool"]]]]),
        ([], [[["industry", "null", True]], [["employees", "null", True]], [["score", "eq", 4]]]),
        ([["score", "gte", 2]], [[steel, small], [["industry", "eq", "wool"]]]),
        ([], [[["custom.city", "eq", "Oslo"]], [["custom.city", "null", True], steel]]),
        ([["custom.city", "in", ["oslo", "rome"]]], [[steel], [small], [["score", "eq", 0]]]),
        ([], [[steel], [steel], [steel, small]]),
        ([], [[["industry", "eq", "none such"]]]),
    ):
        expected = [
            each
            for each in known
            if all(met(each, one) for one in filters)
            and any(all(met(each, one) for one in group) for group in groups)
        ]
        for sort in ("-created_at", "created_at", "employees", "-score", "custom.city"):
            asked = {"filters": filters, "groups": groups, "sort": sort, "limit": 7}
            ids = await found(client, "companies", **asked)
            assert sorted(ids) == sorted(each["id"] for each in expected), (asked, len(ids), len(expected))
            if sort in ("-score", "employees"):
                field = sort.removeprefix("-")
                values = [next(each[field] for each in known if each["id"] == id) for id in ids]
                key = (lambda one: -one) if sort == "-score" else (lambda one: (one is None, one))
                assert values == sorted(values, key=key)
        count = (await client.post("/companies/search", json=asked | {"count": "capped"})).json()["count"]
        assert count == {"value": len(expected), "capped": False}

    # Fields, expansions and cursors are those of every list; the cursor is of these groups alone.
    groups = [[steel], [small]]
    asked = {"groups": groups, "fields": ["name", "custom.city"], "expand": ["tags"], "limit": 2}
    page = (await client.post("/companies/search", json=asked)).json()
    assert page["items"][0].keys() == {"id", "name", "custom", "tags"}
    cursor = {"cursor": page["next_cursor"]}
    assert (await client.post("/companies/search", json=asked | cursor)).status_code == 200
    for strange in (groups[:1], [[steel], [["employees", "lt", 21]]], groups[::-1], [*groups, [steel]]):
        answer = await client.post("/companies/search", json=asked | cursor | {"groups": strange})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    assert (await other.post("/companies/search", json=asked | cursor)).status_code == 400
    theirs = await found(other, "companies", groups=groups)
    assert theirs and not set(theirs) & {each["id"] for each in known}


async def test_groups_find_nothing_beyond_what_the_path_is_about(
    client: httpx.AsyncClient, app: httpx.ASGITransport
) -> None:
    always = [[["created_at", "gte", "2000-01-01"]], [["created_at", "lt", "2000-01-01"]]]
    # Searches that somebody keeps for themselves.
    for visibility in ("private", "shared"):
        body = {"name": visibility, "resource": "companies", "visibility": visibility}
        assert (await client.post("/saved-searches", json=body)).status_code == 201
    key = (await client.post("/api-keys", json={"name": "another", "scopes": ["*"]})).json()["key"]
    async with client_of(app, key) as another:
        assert len(await found(client, "saved-searches", groups=always)) == 2
        assert len(await found(another, "saved-searches", groups=always)) == 1
    # Records of one object, and what has a tag.
    for name in ("ships", "ports"):
        body = {"name": name, "singular": name, "plural": name}
        assert (await client.post("/objects", json=body)).status_code == 201
        assert (await client.post(f"/objects/{name}/records", json={})).status_code == 201
    assert len(await found(client, "objects/ships/records", groups=always)) == 1
    tag = (await client.post("/tags", json={"name": "VIP"})).json()["id"]
    companies = [(await client.post("/companies", json={"name": n, "score": 1})).json()["id"] for n in "abc"]
    await client.post(f"/tags/{tag}/assign", json={"ids": companies[:1]})
    groups = [[["tag", "eq", tag]], [["tag", "eq", tag], ["score", "eq", 1]], [["id", "eq", companies[1]]]]
    assert await found(client, "companies", groups=groups, sort="created_at") == companies[:2]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"groups": [[["score", "gte", 1]]] * 6}, "invalid_request"),
        ({"groups": [[]]}, "invalid_request"),
        ({"groups": [[["score", "gte", 1]] * 5] * 4, "filters": [["score", "gte", 1]]}, "invalid_request"),
        ({"groups": [[["score", "gte", 1]], [["department", "eq", "x"]]]}, "not_filterable"),
        ({"groups": [[["score", "gte", "much"]]]}, "invalid_request"),
    ],
)
async def test_groups_that_cannot_be_are_refused(
    client: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    answer = await client.post("/contacts/search", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
