"""Saved searches: kept only if they can be asked, seen by whom they are for, and asked by id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tenfold.runtime import Database
from tenfold_hub.identity import keys
from tests.hub.conftest import Organization, client_of
from tests.hub.segments.conftest import contact, made

HIGH = {"name": "High", "resource": "contacts", "filters": [["score", "gte", 5]], "sort": "-score"}


@pytest.fixture
async def colleague(
    app: httpx.ASGITransport, db: Database, acme: Organization
) -> AsyncIterator[httpx.AsyncClient]:
    """Another credential of the same organization."""
    async with db.tenant(acme.id) as session:
        key = await keys.create(session, "colleague", ["*"])
    async with client_of(app, key) as client:
        yield client


async def test_a_search_is_asked_by_id(client: httpx.AsyncClient) -> None:
    scores = [3, 5, 9, 7]
    ids = [(await contact(client, f"p{n}@x.example", score=n))["id"] for n in scores]
    saved = await made(client, "saved-searches", **HIGH, fields=["score"])
    path = f"/saved-searches/{saved['id']}/results"
    first = (await client.get(path, params={"limit": 2})).json()
    assert first["items"] == [{"id": ids[2], "score": 9}, {"id": ids[3], "score": 7}]
    second = (await client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert second["items"] == [{"id": ids[1], "score": 5}]
    assert (await client.get(path, params={"limit": 0})).status_code == 400


async def test_what_is_private_is_seen_by_its_maker_alone(
    client: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    own = (await made(client, "saved-searches", **HIGH))["id"]
    shared = (await made(client, "saved-searches", **HIGH | {"visibility": "shared"}))["id"]

    async def seen(asker: httpx.AsyncClient) -> set[str]:
        return {each["id"] for each in (await asker.get("/saved-searches")).json()["items"]}

    assert await seen(client) == {own, shared}
    assert await seen(colleague) == {shared}
    for path in (f"/saved-searches/{own}", f"/saved-searches/{own}/results"):
        assert (await colleague.get(path)).status_code == 404
    assert (await colleague.patch(f"/saved-searches/{own}", json={"name": "x"})).status_code == 404
    assert (await colleague.delete(f"/saved-searches/{own}")).status_code == 404
    answer = await colleague.post("/saved-searches/batch/archive", json={"items": [{"id": own}]})
    assert answer.json()["items"][0]["status"] == 404
    assert (await colleague.get(f"/saved-searches/{shared}/results")).status_code == 200
    answer = await colleague.patch(f"/saved-searches/{shared}", json={"visibility": "private"})
    assert answer.status_code == 403
    assert (
        await client.patch(f"/saved-searches/{shared}", json={"visibility": "private"})
    ).status_code == 200
    assert await seen(colleague) == set()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"filters": [["department", "eq", "x"]]}, "/filters"),
        ({"filters": [["score", "gte", "x"]]}, "/filters"),
        ({"sort": "status"}, "/sort"),
        ({"fields": ["nose"]}, "/fields"),
        ({"resource": "noses"}, "/resource"),
        ({"filters": [["custom.nose", "eq", "x"]]}, "/filters"),
    ],
)
async def test_what_cannot_be_asked_is_not_kept(
    client: httpx.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/saved-searches", json=HIGH | change)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_another_organization_sees_and_changes_nothing(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    saved = (await made(client, "saved-searches", **HIGH | {"visibility": "shared"}))["id"]
    answers = await asyncio.gather(
        other.get(f"/saved-searches/{saved}"),
        other.get(f"/saved-searches/{saved}/results"),
        other.patch(f"/saved-searches/{saved}", json={"name": "x"}),
        other.delete(f"/saved-searches/{saved}"),
        other.post(f"/saved-searches/{saved}/restore"),
    )
    assert [each.status_code for each in answers] == [404] * 5
    assert (await client.get(f"/saved-searches/{saved}")).json()["name"] == "High"


async def test_results_need_the_scope_of_what_is_found(
    client: httpx.AsyncClient, app: httpx.ASGITransport, db: Database, acme: Organization
) -> None:
    saved = (await made(client, "saved-searches", **HIGH | {"visibility": "shared"}))["id"]
    async with db.tenant(acme.id) as session:
        key = await keys.create(session, "narrow", ["saved-searches:read"])
    async with client_of(app, key) as narrow:
        assert (await narrow.get(f"/saved-searches/{saved}")).status_code == 200
        assert (await narrow.get(f"/saved-searches/{saved}/results")).status_code == 403
