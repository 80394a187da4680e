"""Logins that fail are counted, by account and by where they are from, whatever was wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psycopg
import pytest
from litestar.types import ASGIApp

from tenfold_hub import serving
from tenfold_hub.identity.users import source_of
from tenfold_hub.settings import PREFIX, Settings
from tests.hub.identity.test_access import PASSWORD, joined, login

WRONG = "a wrong password"
_FAIL = """
INSERT INTO identity.failed_logins (account, source)
SELECT identity.keyed('account', coalesce(%(email)s, n::text)),
       identity.keyed('source', coalesce(%(source)s, n::text))
  FROM generate_series(1, %(times)s) AS n
"""


def failed(owner: str, times: int, email: str | None = None, source: str | None = None) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute(_FAIL, {"times": times, "email": email, "source": source})


def kept(owner: str) -> int:
    with psycopg.connect(owner) as connection:
        return (connection.execute("SELECT count(*) FROM identity.failed_logins").fetchone() or (0,))[0]


def later(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("UPDATE identity.failed_logins SET at = at - interval '15 minutes'")


def at(app: httpx.ASGITransport, address: str) -> httpx.AsyncClient:
    inner: ASGIApp = app.app  # type: ignore[assignment]
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(inner, client=(address, 1)), base_url="http://hub/v1"
    )


def refused(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.json()["code"] == "rate_limited"
    assert answer.headers["content-type"] == "application/problem+json"
    return 1 <= int(answer.headers["retry-after"]) <= 900


async def test_an_account_takes_ten_failures_from_one_address_and_no_right_password_after(
    client: httpx.AsyncClient, app: httpx.ASGITransport, owner: str
) -> None:
    await joined(client, "ada@x.example")
    said = {}
    for email in ("ada@x.example", "nobody@x.example"):
        # All at once: none of them overtakes the count.
        answers = await asyncio.gather(*(login(client, email=email, password=WRONG) for _ in range(14)))
        last = await login(client, email=email)
        assert refused(last)
        said[email] = [sorted(each.status_code for each in answers), last.json()["detail"]]
    assert said["ada@x.example"][0] == [401] * 10 + [429] * 4
    assert said["ada@x.example"] == said["nobody@x.example"]
    async with at(app, "198.51.100.7") as elsewhere:
        assert (await login(elsewhere)).status_code == 201
    assert refused(await login(client))
    later(owner)
    assert (await login(client)).status_code == 201
    # What counts no more goes as more fails.
    before = kept(owner)
    await login(client, password=WRONG)
    assert kept(owner) == before - 1


def test_who_tries_an_account_or_from_an_address_waits_for_who_is_at_it(settings: Settings) -> None:
    def tried(connection: psycopg.Connection[Any], email: str, source: str) -> None:
        connection.execute("SELECT identity.login_proved(%s, %s, '', '')", [email, source])

    with (
        psycopg.connect(settings.database) as first,
        psycopg.connect(settings.database, autocommit=True) as second,
    ):
        second.execute("SET lock_timeout = '50ms'")
        tried(first, "ada@x.example", "198.51.100.1")
        for email, source in (("ada@x.example", "198.51.100.2"), ("eve@x.example", "198.51.100.1")):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                tried(second, email, source)
        tried(second, "eve@x.example", "198.51.100.2")


async def test_who_logs_in_begins_anew(client: httpx.AsyncClient) -> None:
    await joined(client, "ada@x.example")
    for _ in range(2):
        for _ in range(9):
            assert (await login(client, password=WRONG)).status_code == 401
        assert (await login(client)).status_code == 201


async def test_an_account_is_guessed_from_many_addresses_no_faster_than_fifty_times(
    client: httpx.AsyncClient, app: httpx.ASGITransport, owner: str
) -> None:
    await joined(client, "ada@x.example")
    failed(owner, 48, email="ada@x.example")
    async with at(app, "198.51.100.7") as elsewhere:
        assert (await login(elsewhere, password=WRONG)).status_code == 401
        assert refused(await login(elsewhere))
    assert (await login(client, email="eve@x.example")).status_code == 401


async def test_one_address_fails_a_hundred_times_for_all_accounts_together(
    client: httpx.AsyncClient, app: httpx.ASGITransport, owner: str
) -> None:
    await joined(client, "ada@x.example")
    failed(owner, 99, source="2001:db8:1:2::")
    async with at(app, "2001:db8:1:2::1") as one, at(app, "2001:db8:1:2::2") as neighbour:
        assert (await login(one, email="eve@x.example")).status_code == 401
        assert refused(await login(neighbour))
    async with at(app, "2001:db8:1:3::1") as elsewhere:
        assert (await login(elsewhere)).status_code == 201


async def test_invitations_and_new_passwords_are_no_way_around(
    client: httpx.AsyncClient, other: httpx.AsyncClient, app: httpx.ASGITransport, owner: str
) -> None:
    session = await joined(client, "ada@x.example")
    bearer = {"Authorization": f"Bearer {session['token']}"}
    new = {"current": WRONG, "new": "a new password"}
    for _ in range(10):
        assert (await client.post("/me/password", json=new, headers=bearer)).status_code == 401
    assert refused(await client.post("/me/password", json=new | {"current": PASSWORD}, headers=bearer))
    assert refused(await login(client))
    # Who makes users by invitation guesses, too: each counts for the account.
    before = kept(owner)
    await joined(other, "grace@x.example")
    assert kept(owner) == before + 1
    failed(owner, 50, email="eve@x.example")
    token = (await other.post("/invites", json={"email": "eve@x.example"})).json()["token"]
    body = {"token": token, "name": "Eve", "password": PASSWORD}
    assert refused(await other.post("/invites/accept", json=body))


@pytest.mark.parametrize(
    ("client", "source"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (None, ""),
        ("x" * 1_000, "x" * 100),
    ],
)
def test_where_a_request_is_from(client: str | None, source: str) -> None:
    assert source_of(client) == source


@pytest.mark.parametrize(
    ("peer", "forwarded", "told", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "", "203.0.113.9"),
        ("10.1.2.3", "203.0.113.9", "", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9", "10.0.0.0/8 192.0.2.1", "203.0.113.9"),
        ("10.1.2.3", "203.0.113.9, 192.0.2.1", "10.0.0.0/8 192.0.2.1", "203.0.113.9"),
        ("203.0.113.1", "198.51.100.1", "10.0.0.0/8", "203.0.113.1"),
    ],
)
async def test_a_proxy_is_believed_if_it_is_here_or_named(
    peer: str, forwarded: str, told: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    monkeypatch.setattr(serving, "create_app", lambda *_: application)
    for name in ("collect", "freeze"):
        monkeypatch.setattr(serving.gc, name, lambda: None)
    for name, value in (("DATABASE", "dbname=hub"), ("SECRET", "5e" * 32), ("PROXIES", told)):
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    headers = [(b"x-forwarded-for", forwarded.encode())]
    await serving.application()({"type": "http", "client": (peer, 1), "headers": headers}, None, None)
    assert seen == [client]
