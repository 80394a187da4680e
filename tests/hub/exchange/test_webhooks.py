"""Webhooks: each change reaches those who want it, signed, in order, at least once; nobody else waits."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.exchange import deliveries as store
from tenfold_hub.exchange.background import Background
from tenfold_hub.settings import Settings
from tests.hub.exchange.conftest import Message, Receiver, dispatching, until


async def hooked(client: httpx.AsyncClient, url: str, *topics: str) -> dict[str, Any]:
    answer = await client.post("/webhooks", json={"url": url, "topics": list(topics or ["*"])})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def made(client: httpx.AsyncClient, name: str = "Engines") -> dict[str, Any]:
    answer = await client.post("/companies", json={"name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


def signed(message: Message, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    expected = base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
    return f"v1,{expected}" in message.headers["webhook-signature"].split(" ")


async def deliveries(client: httpx.AsyncClient, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    found = await client.get(f"/webhook-deliveries?filter[webhook_id]={webhook['id']}&sort=created_at")
    assert found.status_code == 200, found.text
    return found.json()["items"]


async def test_a_change_reaches_the_webhook_signed_and_names_no_value(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    webhook = await hooked(client, receiver.url(), "crm.companies.*")
    company = await made(client)
    await until(lambda: receiver.got)
    message = receiver.got[0]
    assert message.json["type"] == "crm.companies.created"
    assert message.json["data"]["id"] == company["id"]
    assert "Engines" not in message.body.decode()
    assert message.headers["webhook-id"].startswith("evt_")
    assert signed(message, webhook["secret"])
    await until(lambda: _all(client, webhook, "delivered"))
    (delivery,) = await deliveries(client, webhook)
    assert (delivery["attempts"], delivery["last_status"]) == (1, 204)


async def test_a_secret_is_shown_once_and_is_nowhere_in_clear(
    client: httpx.AsyncClient, owner: str, receiver: Receiver
) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"url": receiver.url(), "topics": ["*"]}
    first = (await client.post("/webhooks", json=body, headers=headers)).json()
    again = (await client.post("/webhooks", json=body, headers=headers)).json()
    assert (again["id"], again["secret"]) == (first["id"], None)
    assert "secret" not in (await client.get(f"/webhooks/{first['id']}")).json()
    secret = first["secret"].removeprefix("whsec_")
    with psycopg.connect(owner) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('exchange', 'hub', 'outbox')"
        ).fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(f"SELECT t::text FROM {table} t").fetchall():
                assert secret not in row
                assert base64.b64decode(secret).hex() not in row
                assert secret.encode().hex() not in row


async def test_after_a_rotation_both_secrets_sign_until_the_old_one_ends(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    webhook = await hooked(client, receiver.url(), "hub.ping")
    path = f"/webhooks/{webhook['id']}"
    second = (await client.post(f"{path}/rotate-secret", json={"overlap_hours": 1})).json()["secret"]
    assert (await client.post(f"{path}/test")).status_code == 202
    await until(lambda: len(receiver.got) == 1)
    assert signed(receiver.got[0], webhook["secret"]) and signed(receiver.got[0], second)
    third = (await client.post(f"{path}/rotate-secret", json={"overlap_hours": 0})).json()["secret"]
    await client.post(f"{path}/test")
    await until(lambda: len(receiver.got) == 2)
    assert signed(receiver.got[1], third)
    assert not signed(receiver.got[1], second) and not signed(receiver.got[1], webhook["secret"])


async def test_what_fails_is_tried_again_and_what_concerns_one_thing_stays_in_order(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    receiver.answers["/hook"] = 500
    webhook = await hooked(client, receiver.url(), "crm.companies.*")
    companies = [await made(client, f"c{n}") for n in range(3)]
    for score in (1, 2, 3):
        for company in companies:
            await client.patch(f"/companies/{company['id']}", json={"score": score})
    await until(lambda: len(receiver.got) > 5)
    receiver.answers["/hook"] = 200
    refused = len(receiver.got)
    await until(lambda: _all(client, webhook, "delivered"))
    versions = defaultdict(list)
    for message in receiver.got[refused:]:
        versions[message.json["data"]["id"]].append(message.json["data"]["version"])
    assert {id: sorted(set(seen)) for id, seen in versions.items()} == {
        company["id"]: [1, 2, 3, 4] for company in companies
    }
    assert all(seen == sorted(seen) for seen in versions.values())
    assert max(each["attempts"] for each in await deliveries(client, webhook)) > 1


async def test_a_slow_endpoint_does_not_hold_up_others(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    receiver.answers["/slow"] = 0
    await hooked(client, receiver.url("/slow"), "*")
    await hooked(client, receiver.url("/quick"), "*")
    for n in range(12):
        await made(client, f"c{n}")
    await until(lambda: len(receiver.at("/quick")) >= 13, 5.0)


async def test_410_disables_and_activating_it_sends_what_waited(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    receiver.answers["/hook"] = 410
    webhook = await hooked(client, receiver.url(), "crm.companies.created")
    path = f"/webhooks/{webhook['id']}"
    await made(client)

    async def disabled() -> bool:
        return not (await client.get(path)).json()["active"]

    await until(disabled)
    assert "410" in (await client.get(path)).json()["disabled_reason"]
    seen = len(receiver.got)
    await made(client, "while it is disabled")
    receiver.answers["/hook"] = 200
    await client.patch(path, json={"active": True})
    assert (await client.get(path)).json()["disabled_reason"] is None
    company = await made(client, "after")
    await until(lambda: any(m.json["data"]["id"] == company["id"] for m in receiver.got[seen:]))
    assert (await deliveries(client, webhook))[0]["status"] == "failed"


async def test_deliveries_are_sent_again_one_by_one_or_of_a_time(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    webhook = await hooked(client, receiver.url(), "crm.companies.created")
    for n in range(3):
        await made(client, f"c{n}")
    await until(lambda: _all(client, webhook, "delivered", 3))
    first = (await deliveries(client, webhook))[0]
    assert (await client.post(f"/webhook-deliveries/{first['id']}/replay")).status_code == 202
    await until(lambda: len(receiver.got) == 4)
    assert receiver.got[3].headers["webhook-id"] == first["event_id"]
    await until(lambda: _all(client, webhook, "delivered", 3))
    again = await client.post(
        f"/webhooks/{webhook['id']}/replay", json={"since": first["created_at"], "status": "delivered"}
    )
    assert again.json() == {"count": 3, "more": False}
    await until(lambda: len(receiver.got) == 7)


async def test_events_wait_for_a_dispatcher_and_none_is_lost(
    client: httpx.AsyncClient, idle: Background, settings: Settings, receiver: Receiver
) -> None:
    await hooked(client, receiver.url(), "crm.*")
    ids = {(await made(client, f"c{n}"))["id"] for n in range(5)}
    async with idle.running(dispatching(settings)):
        await until(lambda: {m.json["data"]["id"] for m in receiver.got} == ids)


async def test_redirects_are_not_followed(
    client: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    receiver.answers["/hook"] = 302
    receiver.headers = f"Location: {receiver.url('/elsewhere')}\r\n"
    webhook = await hooked(client, receiver.url(), "crm.*")
    await made(client)

    async def tried() -> bool:
        found = await deliveries(client, webhook)
        return bool(found) and found[0]["attempts"] > 0

    await until(tried)
    assert receiver.at("/elsewhere") == []


async def test_another_organization_reaches_no_webhook_and_no_delivery(
    client: httpx.AsyncClient, other: httpx.AsyncClient, background: Background, receiver: Receiver
) -> None:
    webhook = await hooked(client, receiver.url(), "crm.*")
    await hooked(other, receiver.url("/other"), "*")
    await made(client)
    await until(lambda: _all(client, webhook, "delivered", 1))
    (delivery,) = await deliveries(client, webhook)
    path = f"/webhooks/{webhook['id']}"
    answers = [
        await other.get(path),
        await other.patch(path, json={"url": receiver.url("/mine")}),
        await other.delete(path),
        await other.post(f"{path}/restore"),
        await other.post(f"{path}/rotate-secret", json={}),
        await other.post(f"{path}/test"),
        await other.post(f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"}),
        await other.get(f"/webhook-deliveries/{delivery['id']}"),
        await other.post(f"/webhook-deliveries/{delivery['id']}/replay"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 9
    assert (await client.get(path)).json() == {k: v for k, v in webhook.items() if k != "secret"}
    assert await deliveries(client, webhook) == [delivery]
    mine = (await other.get("/webhook-deliveries")).json()["items"]
    assert all(each["topic"].startswith("exchange.webhooks") for each in mine)
    assert not any(b"crm." in message.body for message in receiver.at("/other"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x0a000001/",
        "https://user:secret@example.com/",
        "https:///nowhere",
    ],
)
async def test_urls_that_are_not_of_the_internet_are_refused(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post("/webhooks", json={"url": url, "topics": ["*"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/url")


async def test_the_events_of_a_batch_are_one_statement(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    async def statements(count: int) -> int:
        items = [{"item": {"name": f"c{n}"}} for n in range(count)]
        with telemetry.recording("batch") as record:
            await client.post("/companies/batch/create", json={"items": items})
        return record.queries

    assert await statements(2) == await statements(500)


async def test_what_a_dispatcher_sees_is_the_outbox_alone(settings: Settings) -> None:
    with (
        psycopg.connect(settings.dispatcher) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM exchange.webhook_secrets")


async def _all(
    client: httpx.AsyncClient, webhook: dict[str, Any], status: str, count: int | None = None
) -> bool:
    found = await deliveries(client, webhook)
    return (
        bool(found)
        and (count is None or len(found) == count)
        and all(each["status"] == status for each in found)
    )


def test_indexes_lead_to_what_is_due_under_row_level_security(settings: Settings) -> None:
    with psycopg.connect(settings.database) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE due (uuid, uuid, int) AS {store._DUE}")
        nobody = "'00000000-0000-0000-0000-000000000000'"
        plan = connection.execute(f"EXPLAIN EXECUTE due ({nobody}, {nobody}, 10)").fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "deliveries_due" in text and "deliveries_object" in text
    assert "Seq Scan" not in text
    assert "due_at <= now()" in text.split("deliveries_due")[1].split("Filter")[0]
