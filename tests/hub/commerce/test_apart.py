"""Commerce as a process of its own: what it may read, and what it says when identity does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble, create_app
from tenfold_hub.commerce import remote
from tenfold_hub.exchange.delivering import Times
from tenfold_hub.roles import ROLES
from tenfold_hub.serving import database as hub_database_of
from tenfold_hub.settings import PREFIX, Settings
from tests.hub.commerce.conftest import Shop
from tests.hub.conftest import Organization, client_of
from tests.hub.exchange.conftest import dispatching
from tests.waiting import await_condition


@asynccontextmanager
async def served(settings: Settings, *options: str) -> AsyncIterator[httpx.AsyncClient]:
    """`tenfold hub serve`, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-c", "from tenfold.cli.main import main; main()", "hub", "serve", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--database", settings.database, *options,
        env={**os.environ, f"{PREFIX}SECRET": settings.secret},
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await asyncio.to_thread(await_condition, lambda: _listens(port), "the server")
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_two_processes_serve_one_hub(owner: str, settings: Settings, acme: Organization) -> None:
    mine = msgspec.structs.replace(settings, database=make_conninfo(owner, user=ROLES.commerce))
    headers = {"Authorization": f"Bearer {acme.key}"}
    async with served(settings) as hub:
        person = (await hub.post("/v1/people", json={"given_name": "Ada"}, headers=headers)).json()["id"]
        identity = str(hub.base_url)
        async with served(mine, "--only", "commerce", "--identity", identity) as commerce:
            order = await commerce.post(
                "/v1/orders",
                json={
                    "person_id": person,
                    "currency": "EUR",
                    "items": [{"name": "x", "unit_price_minor": 5}],
                },
                headers=headers,
            )
            assert order.status_code == 201, order.text
            found = await commerce.get("/v1/orders?expand=person", headers=headers)
            assert found.json()["items"][0]["person"]["given_name"] == "Ada"
            assert (await commerce.get("/v1/people", headers=headers)).status_code == 404
            nobody = {"Authorization": f"Bearer {acme.key}x"}
            assert (await commerce.get("/v1/orders", headers=nobody)).status_code == 401
        assert (await hub.get("/v1/orders", headers=headers)).json()["items"][0]["id"] == order.json()["id"]


def test_its_role_reads_no_table_of_another_domain(owner: str) -> None:
    with psycopg.connect(owner) as connection:
        readable = connection.execute(
            """
            SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege('hub_commerce', c.oid, 'SELECT')
               AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            """
        ).fetchall()
    assert {name for (name,) in readable} == {"commerce", "hub", "hub_migrations"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [(httpx.Response(503), 503), (httpx.ConnectError("refused"), 503), (httpx.Response(401), 401)],
)
async def test_identity_that_does_not_answer_is_no_fault_of_the_client(
    db: Database,
    settings: Settings,
    telemetry: Telemetry,
    acme: Organization,
    monkeypatch: pytest.MonkeyPatch,
    answer: httpx.Response | httpx.ConnectError,
    status: int,
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.ConnectError):
            raise answer
        return answer

    monkeypatch.setattr(
        remote,
        "client_of",
        lambda address: httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url=address),
    )
    alone = msgspec.structs.replace(settings, only="commerce", identity="http://identity")
    async with hub_database_of(alone, [telemetry]) as of_commerce:
        app = httpx.ASGITransport(create_app(of_commerce, Cursors(settings.key), telemetry, alone))
        async with client_of(app, acme.key) as client:
            found = await client.get("/orders")
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.headers.get("retry-after") == ("1" if status == 503 else None)


async def test_a_key_that_may_not_read_people_takes_no_orders_there(
    db: Database, owner: str, app: httpx.AsyncBaseTransport, acme: Organization
) -> None:
    from tenfold_hub.identity import keys

    async with db.tenant(acme.id) as session:
        key = await keys.create(session, "till", ["orders:write"])
    body = {
        "person_id": "per_01m7yqxee4fv0rg5jbccy14d19",
        "currency": "EUR",
        "items": [{"name": "x", "unit_price_minor": 5}],
    }
    async with client_of(app, key) as client:  # type: ignore[arg-type] # any transport
        assert (await client.get("/orders")).status_code == 403
        assert (await client.post("/orders", json=body)).status_code in (403, 422)


@pytest.mark.parametrize("app", ["apart"], indirect=True)
async def test_an_order_that_is_taken_there_is_on_the_timeline_of_its_person(
    shop: Shop, owner: str, db: Database, settings: Settings
) -> None:
    person = await shop.person()
    await shop.step(await shop.order(person), "pay")
    told = msgspec.structs.replace(settings, dispatcher=make_conninfo(owner, user=ROLES.dispatcher))
    background = assemble(db, Cursors(told.key), told).services["background"]

    async def kinds() -> list[str]:
        items = (await shop.done("GET", f"/people/{person}/timeline"))["items"]
        return [each["kind"] for each in items]

    assert await kinds() == []
    async with background.hurried(times=Times(), back_off=(0.05,)).running(dispatching(told)):
        async with asyncio.timeout(20):
            while len(found := await kinds()) < 2:
                await asyncio.sleep(0.02)
    assert found == ["order_paid", "order_placed"]
