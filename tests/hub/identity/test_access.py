"""Who works in an organization: invitations, logging in and out, roles, keys, and what each may."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher

from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.identity import passwords
from tenfold_hub.identity.passwords import Passwords
from tenfold_hub.kit import ids
from tenfold_hub.kit.problems import Problem
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


async def test_a_user_is_one_wherever_they_give_the_same_password(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    here = await joined(client, "ada@x.example")
    there = await joined(other, "ada@x.example")
    assert there["membership"]["user_id"] == here["membership"]["user_id"]
    assert (await login(client, organization="globex")).status_code == 201
    listed = await other.get("/memberships", params={"filter[email]": "ADA@x.example"})
    assert [each["id"] for each in listed.json()["items"]] == [there["membership"]["id"]]
    # Who leaves one organization stays in the other, and comes back as who they were.
    await other.delete(f"/memberships/{there['membership']['id']}")
    assert (await login(client, organization="globex")).status_code == 401
    assert (await login(client)).status_code == 201
    invited = (await other.post("/invites", json={"email": "ada@x.example", "role": "admin"})).json()
    body = {"token": invited["token"], "name": "Ada", "password": "another password"}
    assert (await other.post("/invites/accept", json=body)).status_code == 401
    again = await other.post("/invites/accept", json=body | {"password": PASSWORD})
    assert (again.status_code, again.json()["membership"]["role"]) == (201, "admin")
    assert again.json()["membership"]["id"] == there["membership"]["id"]
    # Who is a member is none once more.
    body["token"] = (await other.post("/invites", json={"email": "ada@x.example"})).json()["token"]
    for password, status in ((PASSWORD, 409), ("another password", 401)):
        answer = await other.post("/invites/accept", json=body | {"password": password})
        assert answer.status_code == status


async def test_who_invites_an_address_learns_nothing_of_it_and_does_nothing_to_it(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    ada = (await joined(client, "ada@x.example"))["membership"]
    # Whoever invites has the token, and may accept in somebody else's name: to guess, or to be there first.
    of_ada = (await joined(other, "ada@x.example", password="a guess of theirs"))["membership"]
    of_nobody = (await joined(other, "nobody@x.example", password="a guess of theirs"))["membership"]
    assert of_ada["user_id"] != ada["user_id"]
    assert of_ada.keys() == of_nobody.keys()
    # An id of version 7 would say whether its user has just come.
    assert [ids.read("usr", each["user_id"]).version for each in (of_ada, of_nobody)] == [4, 4]
    assert (await login(client)).status_code == 201
    assert (await login(client, organization="globex")).status_code == 401
    assert (await login(client, password="a guess of theirs")).status_code == 401
    # Who is really meant takes another organization's invitation all the same.
    assert await joined(client, "nobody@x.example")


async def test_a_login_that_fails_says_the_same_and_does_the_same_whatever_was_wrong(
    client: httpx.AsyncClient,
    other: httpx.AsyncClient,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await joined(client, "ada@x.example")
    proved: list[bytes] = []
    proof = passwords._proof
    monkeypatch.setattr(passwords, "_proof", lambda *given: proved.append(given[1]) or proof(*given))
    said, asked = [], []
    for wrong in (
        {"password": "wrong password"},
        {"email": "nobody@x.example"},
        {"email": "no address"},
        {"organization": "nowhere"},
        {"organization": "globex"},
    ):
        with telemetry.recording("login") as record:
            answer = await login(client, **wrong)
        said.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
        asked.append(record.queries)
    assert set(said) == {(401, "unauthenticated", "organization, e-mail or password is wrong")}
    assert len(set(asked)) == 1
    assert len(proved) == len(said)
    by_id = await login(client, organization="org_7zzzzzzzzzzzzzzzzzzzzzzzzz")
    assert (by_id.status_code, by_id.json()["code"], by_id.json()["detail"]) == said[0]


async def test_a_proof_takes_what_rfc_9106_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_KIBIBYTES", 65_536)
    salt = b"0123456789abcdef"
    kept = await asyncio.to_thread(PasswordHasher().hash, PASSWORD, salt=salt)
    *form, _, proof = kept.split("$")[1:]
    assert (form, passwords.FORM) == (["argon2id", "v=19", "m=65536,t=3,p=4"], ",".join(form))
    assert await Passwords().proof(PASSWORD, salt) == base64.b64decode(f"{proof}=")


async def test_only_so_many_wait_for_their_proof() -> None:
    asked = Passwords()
    asked._asked = passwords._AT_ONCE + passwords._MOST_WAITING
    with pytest.raises(Problem) as refused:
        await asked.proof(PASSWORD, b"0123456789abcdef")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")


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
        assert secret.split("_", 2)[2] not in kept
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
