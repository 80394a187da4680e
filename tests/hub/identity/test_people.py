"""People: by e-mail, by their ids in other systems, as a service, and from the cache."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tenfold.runtime import Database
from tenfold.runtime.cache import Cache
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble, create_app
from tenfold_hub.identity import api
from tenfold_hub.identity.domain import NAMESPACES
from tenfold_hub.kit import ids
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization, client_of

Json = dict[str, Any]


async def person(client: httpx.AsyncClient, **values: object) -> Json:
    answer = await client.post("/people", json=values)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def id_of(thing: Json) -> uuid.UUID:
    return ids.read("per", thing["id"])


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache(NAMESPACES) as cache:
        yield cache


@pytest.fixture
async def cached(
    db: Database, settings: Settings, telemetry: Telemetry, cache: Cache, acme: Organization
) -> AsyncIterator[httpx.AsyncClient]:
    """Asks a hub that keeps answers for a while, as Acme."""
    app = httpx.ASGITransport(create_app(db, Cursors(settings.key), telemetry, settings, cache))
    async with client_of(app, acme.key) as client:
        yield client


async def test_a_person_is_found_by_their_e_mail_however_it_is_written(
    client: httpx.AsyncClient, db: Database, acme: Organization, globex: Organization, settings: Settings
) -> None:
    ada = await person(client, email="Ada@X.example")
    identity = api.of(assemble(db, Cursors(settings.key), settings))
    for text in ("ada@x.example", "ADA@x.EXAMPLE"):
        listed = await client.get("/people", params={"filter[email]": text})
        assert [each["id"] for each in listed.json()["items"]] == [ada["id"]]
        found = await identity.find_person_by_email(acme.id, text)
        assert found is not None and found.id == id_of(ada)
    assert await identity.find_person_by_email(acme.id, "nobody@x.example") is None
    assert await identity.find_person_by_email(acme.id, "no address") is None
    assert await identity.find_person_by_email(globex.id, "ada@x.example") is None


async def test_people_of_another_system_are_made_once_and_changed_from_then_on(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    path = "/people/external/shop/7781"
    first = await client.put(path, json={"given_name": "Ada", "owning_service": "commerce"})
    assert (first.status_code, first.json()["owning_service"]) == (201, "commerce")
    again = await client.put(path, json={"family_name": "King"})
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (again.json()["given_name"], again.json()["family_name"]) == ("Ada", "King")
    # One person, several systems.
    id = first.json()["id"]
    body = {"person_id": id, "source": "ldap", "external_id": "ada"}
    assert (await client.post("/external-identities", json=body)).status_code == 201
    assert (await client.post("/external-identities", json=body)).status_code == 409
    assert (await client.put("/people/external/ldap/ada", json={})).json()["id"] == id
    listed = (await client.get(f"/external-identities?filter[person_id]={id}")).json()["items"]
    assert {each["source"] for each in listed} == {"shop", "ldap"}
    # The same identity in another organization is another person.
    theirs = await other.put(path, json={"given_name": "Eve"})
    assert theirs.status_code == 201
    assert (await client.get(f"/people/{theirs.json()['id']}")).status_code == 404
    assert (await other.post("/external-identities", json=body)).status_code == 422
    assert (await other.delete(f"/external-identities/{listed[0]['id']}")).status_code == 404
    for strange in ("/people/external/Shop/1", f"/people/external/shop/{'x' * 201}"):
        assert (await client.put(strange, json={})).status_code == 400


async def test_many_people_of_other_systems_at_the_price_of_one(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    counts = []
    for size in (2, 200):
        items = [{"key": str(n), "item": {"given_name": f"p{n}"}, "ref": str(n)} for n in range(size)]
        body: dict[str, Any] = {"by": "external:shop", "items": items}
        with telemetry.recording("upsert") as record:
            answer = await client.post("/people/batch/upsert", json=body)
        assert answer.status_code == 200
        counts.append(record.queries)
    found = answer.json()["items"]
    assert [each["status"] for each in found] == [200, 200] + [201] * 198
    assert [each["ref"] for each in found] == [str(n) for n in range(200)]
    with telemetry.recording("upsert") as record:
        again = await client.post("/people/batch/upsert", json=body)
    assert [each["item"]["id"] for each in again.json()["items"]] == [each["item"]["id"] for each in found]
    # What is there is changed, and what is new is made: two writes at most, of any number.
    assert counts[1] <= counts[0] + 4
    items[1]["item"] = {"email": "no address"}
    part = await client.post("/people/batch/upsert", json=body)
    assert part.status_code == 207
    assert [each["status"] for each in part.json()["items"][:3]] == [200, 422, 200]
    twice = await client.post("/people/batch/upsert", json=body | {"items": [items[0], items[0]]})
    assert [each["status"] for each in twice.json()["items"]] == [200, 409]


async def test_a_person_is_kept_and_forgotten_when_somebody_writes(
    cached: httpx.AsyncClient,
    db: Database,
    settings: Settings,
    acme: Organization,
    globex: Organization,
    cache: Cache,
    telemetry: Telemetry,
) -> None:
    identity = api.of(assemble(db, Cursors(settings.key), settings, cache))
    ada, eve = await person(cached, given_name="Ada"), await person(cached, given_name="Eve")
    first = await identity.get_person(acme.id, id_of(ada))
    assert first is not None and first.given_name == "Ada"
    with telemetry.recording("read") as record:
        assert await identity.get_person(acme.id, id_of(ada)) is first
    assert record.queries == 0
    assert await identity.get_person(globex.id, id_of(ada)) is None
    await cached.patch(f"/people/{ada['id']}", json={"given_name": "Augusta"})
    changed = await identity.get_person(acme.id, id_of(ada))
    assert changed is not None and changed.given_name == "Augusta"
    await identity.get_person(acme.id, id_of(eve))
    merge = (await cached.post(f"/people/{ada['id']}/merge", json={"ids": [eve["id"]]})).json()
    merged = await identity.get_person(acme.id, id_of(eve))
    assert merged is not None and (merged.id, merged.given_name) == (id_of(ada), "Augusta")
    await cached.post(f"/merges/{merge['merge']['id']}/undo")
    back = await identity.get_person(acme.id, id_of(eve))
    assert back is not None and back.given_name == "Eve"
    assert await identity.get_person(acme.id, uuid.uuid4()) is None
    again = (await cached.post(f"/people/{ada['id']}/merge", json={"ids": [eve["id"]]})).json()
    for stands_for in (ada, eve):
        with telemetry.recording("read many") as record:
            async with db.tenant(acme.id, read_only=True) as session:
                many = await identity.get_people(session, [id_of(ada), id_of(eve), uuid.uuid4()])
        found = {id: each.id for id, each in many.items()}
        assert found == {id_of(ada): id_of(ada), id_of(eve): id_of(stands_for)}
        assert record.queries == 1
        if stands_for is ada:
            await cached.post(f"/merges/{again['merge']['id']}/undo")


async def test_another_domain_merges_people_in_its_own_transaction(
    client: httpx.AsyncClient, db: Database, settings: Settings, acme: Organization, globex: Organization
) -> None:
    identity = api.of(assemble(db, Cursors(settings.key), settings))
    ada, eve = id_of(await person(client)), id_of(await person(client))

    def principal(organization: uuid.UUID) -> Principal:
        return Principal(organization=organization, id=uuid.uuid4(), kind="job", scopes=frozenset())

    async with db.tenant(globex.id) as session:
        with pytest.raises(Problem, match="no person"):
            await identity.merge_people(session, principal(globex.id), ada, [eve])
    async with db.tenant(acme.id) as session:
        assert await identity.merge_people(session, principal(acme.id), ada, [eve]) == ada
    known = await identity.get_person(acme.id, eve)
    assert known is not None and known.id == ada


async def test_credentials_are_looked_up_once_and_forgotten_when_they_end(
    cached: httpx.AsyncClient, db: Database, settings: Settings, telemetry: Telemetry, cache: Cache
) -> None:
    app = httpx.ASGITransport(create_app(db, Cursors(settings.key), telemetry, settings, cache))
    counts = []
    for _ in range(2):
        with telemetry.recording("me") as record:
            assert (await cached.get("/organization")).status_code == 200
        counts.append(record.queries)
    assert counts == [2, 1]
    invite = (await cached.post("/invites", json={"email": "a@x.example", "role": "admin"})).json()
    body = {"token": invite["token"], "name": "A", "password": "correct horse battery"}
    first = (await cached.post("/invites/accept", json=body)).json()
    made = (await cached.post("/api-keys", json={"name": "k", "scopes": ["*"]})).json()
    async with client_of(app, first["token"]) as user, client_of(app, made["key"]) as key:
        assert (await key.get("/people")).status_code == 200
        await cached.delete(f"/api-keys/{made['api_key']['id']}")
        assert (await key.get("/people")).status_code == 401

        assert (await user.get("/invites")).status_code == 200
        await cached.patch(f"/memberships/{first['membership']['id']}", json={"role": "member"})
        assert (await user.get("/invites")).status_code == 403
        assert (await user.get("/people")).status_code == 200
        await cached.delete(f"/memberships/{first['membership']['id']}")
        assert (await user.get("/people")).status_code == 401
        await cached.post(f"/memberships/{first['membership']['id']}/restore")
        assert (await user.get("/people")).status_code == 200
        await cached.delete(f"/sessions/{first['session']['id']}")
        assert (await user.get("/people")).status_code == 401
