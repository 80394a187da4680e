"""Who works in an organization: invitations, logging in and out, roles, keys, and what each may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.hub.conftest import Organization, client_of

Json = dict[str, Any]
PASSWORD = "correct horse battery"


async def joined(
    client: httpx.AsyncClient, email: str, role: str = "member", password: str = PASSWORD, name: str = "N"
) -> Json:
    """Invited by `client`, and accepted: a session."""
    made = await client.post("/invites", json={"email": email, "role": role})
    assert made.status_code == 201, made.text
    body = {"token": made.json()["token"], "name": name, "password": password}
    answer = await client.post("/invites/accept", json=body)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


@pytest.fixture
async def owner_client(
    app: httpx.ASGITransport, client: httpx.AsyncClient
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, (await joined(client, "owner@x.example", "owner"))["token"]) as owner:
        yield owner


async def login(client: httpx.AsyncClient, **values: str) -> httpx.Response:
    body = {"organization": "acme", "email": "ada@x.example", "password": PASSWORD} | values
    return await client.post("/sessions", json=body)


async def test_somebody_is_invited_accepts_and_logs_in(
    client: httpx.AsyncClient, app: httpx.ASGITransport, acme: Organization
) -> None:
    first = await joined(client, "Ada@X.example", "admin", name="Ada")
    assert first["membership"]["role"] == "admin"
    assert (first["membership"]["name"], first["membership"]["email"]) == ("Ada", "Ada@X.example")
    again = await login(client)
    assert again.status_code == 201
    assert again.headers["cache-control"] == "no-store"
    for token in (first["token"], again.json()["token"]):
        async with client_of(app, token) as ada:
            me = (await ada.get("/me")).json()
            assert (me["kind"], me["organization"]["slug"]) == ("user", "acme")
            assert me["membership"]["id"] == first["membership"]["id"]
            assert (await ada.get("/people")).status_code == 200
    members = (await client.get("/memberships?filter[role]=admin")).json()["items"]
    assert [each["name"] for each in members] == ["Ada"]


async def test_an_invitation_is_good_once_and_until_it_is_revoked(client: httpx.AsyncClient) -> None:
    made = (await client.post("/invites", json={"email": "a@x.example"})).json()
    body = {"token": made["token"], "name": "A", "password": PASSWORD}
    answers = await asyncio.gather(*(client.post("/invites/accept", json=body) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 410, 410]
    made = (await client.post("/invites", json={"email": "b@x.example"})).json()
    assert (await client.delete(f"/invites/{made['invite']['id']}")).status_code == 200
    body["token"] = made["token"]
    assert (await client.post("/invites/accept", json=body)).status_code == 410
    for token in ("", "hubi_x_y", made["token"][:-1], made["token"].replace("hubi", "hub")):
        assert (await client.post("/invites/accept", json=body | {"token": token})).status_code == 410


async def test_a_user_is_one_in_all_organizations_and_proves_it_by_their_password(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    await joined(client, "ada@x.example")
    invited = (await other.post("/invites", json={"email": "ada@x.example"})).json()
    body = {"token": invited["token"], "name": "Ada", "password": "another password"}
    assert (await other.post("/invites/accept", json=body)).status_code == 401
    body["password"] = PASSWORD
    there = await other.post("/invites/accept", json=body)
    assert there.status_code == 201
    assert (await login(client, organization="globex")).status_code == 201
    assert len((await other.get("/memberships")).json()["items"]) == 1
    # Who leaves one organization stays in the other.
    await other.delete(f"/memberships/{there.json()['membership']['id']}")
    assert (await login(client, organization="globex")).status_code == 401
    assert (await login(client)).status_code == 201
    assert (await joined(other, "ada@x.example", "admin"))["membership"]["role"] == "admin"


async def test_a_login_that_fails_says_the_same_whatever_was_wrong(
    client: httpx.AsyncClient, other: httpx.AsyncClient, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenfold_hub.identity import passwords

    await joined(client, "ada@x.example")
    compared: list[str] = []
    matches = passwords._matches
    monkeypatch.setattr(
        passwords, "_matches", lambda kept, given: compared.append(kept) or matches(kept, given)
    )
    wrong = [
        await login(client, password="wrong password"),
        await login(client, email="nobody@x.example"),
        await login(client, email="no address"),
        await login(client, organization="nowhere"),
        await login(client, organization="globex"),
        await login(client, organization="org_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
    ]
    assert {each.status_code for each in wrong} == {401}
    assert len({(each.json()["code"], each.json()["detail"]) for each in wrong}) == 1
    assert len(compared) == len(wrong)
    for kept in compared:
        assert kept.split("$")[1:4] == compared[0].split("$")[1:4]


async def test_who_logs_out_is_out_at_once_and_nobody_else(
    client: httpx.AsyncClient, app: httpx.ASGITransport
) -> None:
    await joined(client, "ada@x.example")
    one, two = [(await login(client)).json()["token"] for _ in range(2)]
    async with client_of(app, one) as first, client_of(app, two) as second:
        assert (await first.get("/me")).status_code == 200
        assert (await first.delete("/sessions/current")).status_code == 200
        assert (await first.get("/me")).status_code == 401
        assert (await second.get("/me")).status_code == 200
    assert (await client.delete("/sessions/current")).status_code == 409


async def test_a_new_password_ends_the_sessions_that_were(
    client: httpx.AsyncClient, other: httpx.AsyncClient, app: httpx.ASGITransport
) -> None:
    old = (await joined(client, "ada@x.example"))["token"]
    elsewhere = (await joined(other, "ada@x.example"))["token"]
    async with client_of(app, old) as ada:
        wrong = await ada.post("/me/password", json={"current": "no, not this", "new": "a new password"})
        assert wrong.status_code == 401
        answer = await ada.post("/me/password", json={"current": PASSWORD, "new": "a new password"})
        assert answer.status_code == 200
        assert (await ada.get("/me")).status_code == 401
    async with client_of(app, elsewhere) as ada:
        assert (await ada.get("/me")).status_code == 401
    async with client_of(app, answer.json()["token"]) as ada:
        assert (await ada.get("/me")).status_code == 200
    assert (await login(client)).status_code == 401
    assert (await login(client, password="a new password")).status_code == 201


async def test_what_a_role_may(client: httpx.AsyncClient, app: httpx.ASGITransport) -> None:
    may: dict[str, list[int]] = {}
    for role in ("owner", "admin", "member", "read_only"):
        token = (await joined(client, f"{role}@x.example", role))["token"]
        async with client_of(app, token) as somebody:
            answers = [
                await somebody.get("/people"),
                await somebody.post("/people", json={"given_name": "P"}),
                await somebody.get("/api-keys"),
                await somebody.post("/teams", json={"name": role}),
                await somebody.patch("/organization", json={"settings": {"by": role}}),
                await somebody.post("/invites", json={"email": "o@x.example", "role": "owner"}),
                await somebody.post("/api-keys", json={"name": "k", "scopes": ["*"]}),
            ]
            may[role] = [each.status_code for each in answers]
    assert may == {
        "owner": [200, 201, 200, 201, 200, 201, 201],
        "admin": [200, 201, 200, 201, 200, 403, 403],
        "member": [200, 201, 403, 403, 403, 403, 403],
        "read_only": [200, 403, 403, 403, 403, 403, 403],
    }


async def test_an_organization_keeps_an_owner_whoever_comes_between(
    client: httpx.AsyncClient, owner_client: httpx.AsyncClient
) -> None:
    only = (await owner_client.get("/memberships")).json()["items"][0]["id"]
    for answer in (
        await client.patch(f"/memberships/{only}", json={"role": "member"}),
        await client.delete(f"/memberships/{only}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    for _ in range(3):
        second = (await joined(client, "second@x.example", "owner"))["membership"]["id"]
        answers = await asyncio.gather(
            *(client.patch(f"/memberships/{each}", json={"role": "admin"}) for each in (only, second))
        )
        assert sorted(each.status_code for each in answers) == [200, 409]
        owners = (await client.get("/memberships?filter[role]=owner")).json()["items"]
        assert len(owners) == 1
        await client.patch(f"/memberships/{only}", json={"role": "owner"})
        await client.delete(f"/memberships/{second}")


async def test_nobody_takes_or_gives_a_role_above_their_own(
    client: httpx.AsyncClient, owner_client: httpx.AsyncClient, app: httpx.ASGITransport
) -> None:
    owner = (await client.get("/memberships?filter[role]=owner")).json()["items"][0]["id"]
    admin = await joined(client, "admin@x.example", "admin")
    async with client_of(app, admin["token"]) as somebody:
        mine = admin["membership"]["id"]
        answers = [
            await somebody.patch(f"/memberships/{mine}", json={"role": "owner"}),
            await somebody.patch(f"/memberships/{owner}", json={"role": "member"}),
            await somebody.delete(f"/memberships/{owner}"),
        ]
        assert [each.status_code for each in answers] == [403] * 3
        assert (await somebody.patch(f"/memberships/{owner}", json={"name": "Boss"})).status_code == 200


async def test_a_key_gives_no_more_than_its_maker_has_and_is_shown_once(
    client: httpx.AsyncClient, app: httpx.ASGITransport, owner: str
) -> None:
    made = await client.post("/api-keys", json={"name": "CI", "scopes": ["contacts:read", "api-keys:admin"]})
    assert made.status_code == 201
    key, id = made.json()["key"], made.json()["api_key"]["id"]
    assert "key" not in made.json()["api_key"]
    async with client_of(app, key) as narrow:
        assert (await narrow.get("/contacts")).status_code == 200
        assert (await narrow.get("/people")).status_code == 403
        for scopes in (["*"], ["contacts:*"], ["*:read"], ["contacts:write"], ["people:read"]):
            assert (await narrow.post("/api-keys", json={"name": "x", "scopes": scopes})).status_code == 403
        narrower = await narrow.post("/api-keys", json={"name": "x", "scopes": ["contacts:read"]})
        assert narrower.status_code == 201
        assert (await client.delete(f"/api-keys/{id}")).status_code == 200
        assert (await narrow.get("/contacts")).status_code == 401
    for strange in ("contacts", "contacts:read:x", "Contacts:read", "", ":read"):
        answer = await client.post("/api-keys", json={"name": "x", "scopes": [strange]})
        assert answer.status_code == 400
    expired = {"name": "x", "scopes": ["*"], "expires_at": "2020-01-01T00:00:00Z"}
    async with client_of(app, (await client.post("/api-keys", json=expired)).json()["key"]) as late:
        assert (await late.get("/contacts")).status_code == 401


async def test_secrets_are_kept_as_hashes_alone(
    client: httpx.AsyncClient, owner: str, acme: Organization
) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"name": "k", "scopes": ["*"]}
    key = (await client.post("/api-keys", json=body, headers=headers)).json()["key"]
    session = await joined(client, "ada@x.example")
    invite = (await client.post("/invites", json={"email": "b@x.example"})).json()
    with psycopg.connect(owner) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('identity', 'hub')"
        ).fetchall()
        kept = "".join(
            str(connection.execute(f"SELECT string_agg(to_jsonb(t)::text, '') FROM {name} t").fetchone())  # type: ignore[arg-type]
            for (name,) in tables
        )
    assert acme.id.hex in kept.replace("-", "")
    for secret in (key, session["token"], invite["token"]):
        assert secret.rsplit("_", 1)[1] not in kept
        assert secret.encode().hex() not in kept
    assert PASSWORD not in kept


async def test_the_organization_shows_itself_and_changes_name_and_settings(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    found = await client.get("/organization")
    assert (found.json()["slug"], found.json()["plan"], found.headers["etag"]) == ("acme", "free", '"1"')
    body = {"name": "Acme & Co", "settings": {"region": "DE"}}
    changed = await client.patch("/organization", json=body, headers={"If-Match": '"1"'})
    assert (changed.json()["name"], changed.json()["settings"]) == ("Acme & Co", {"region": "DE"})
    assert (await client.patch("/organization", json=body, headers={"If-Match": '"1"'})).status_code == 412
    for body in ({"slug": "other"}, {"plan": "gold"}):
        assert (await client.patch("/organization", json=body)).status_code == 400
    huge = await client.patch("/organization", json={"settings": {"x": "y" * 70_000}})
    assert huge.status_code == 422
    assert (await other.get("/organization")).json()["name"] == "Globex"


async def test_teams_have_members(client: httpx.AsyncClient) -> None:
    member = (await joined(client, "ada@x.example"))["membership"]["id"]
    team = (await client.post("/teams", json={"name": "Sales"})).json()["id"]
    assert (await client.post("/teams", json={"name": "Sales"})).status_code == 409
    body = {"team_id": team, "membership_id": member}
    assert (await client.post("/team-members", json=body)).status_code == 201
    assert (await client.post("/team-members", json=body)).status_code == 409
    listed = await client.get(f"/team-members?filter[team_id]={team}&expand=membership,team")
    (one,) = listed.json()["items"]
    assert (one["membership"]["email"], one["team"]["name"]) == ("ada@x.example", "Sales")
    assert (await client.delete(f"/team-members/{one['id']}")).status_code == 200
    assert (await client.get(f"/team-members?filter[team_id]={team}")).json()["items"] == []
    assert (await client.post("/team-members", json=body)).status_code == 201


async def test_another_organization_reaches_none_of_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient, app: httpx.ASGITransport
) -> None:
    session = await joined(client, "ada@x.example")
    member = session["membership"]["id"]
    team = (await client.post("/teams", json={"name": "Sales"})).json()["id"]
    key = (await client.post("/api-keys", json={"name": "k", "scopes": ["*"]})).json()["api_key"]["id"]
    invite = (await client.post("/invites", json={"email": "b@x.example"})).json()["invite"]["id"]
    body = {"team_id": team, "membership_id": member}
    seat = (await client.post("/team-members", json=body)).json()["id"]
    paths = {
        f"/memberships/{member}": {"role": "owner"},
        f"/teams/{team}": {"name": "Mine"},
        f"/team-members/{seat}": None,
        f"/api-keys/{key}": None,
        f"/invites/{invite}": None,
        f"/sessions/{session['session']['id']}": None,
    }
    for path, change in paths.items():
        before = (await client.get(path)).json()
        answers = [await other.get(path), await other.delete(path)]
        if change is not None:
            answers += [await other.patch(path, json=change), await other.post(f"{path}/restore")]
        assert [each.status_code for each in answers] == [404] * len(answers), path
        assert (await client.get(path)).json() == before
    theirs = await other.post("/team-members", json=body)
    assert theirs.status_code == 422
    for name in ("memberships", "teams", "team-members", "invites", "sessions"):
        assert (await other.get(f"/{name}")).json()["items"] == []
    # A token works in the organization that it names, and in no other.
    stolen = session["token"].replace(
        session["token"][5:31], (await other.get("/organization")).json()["id"][4:]
    )
    async with client_of(app, stolen) as nobody:
        assert (await nobody.get("/me")).status_code == 401
