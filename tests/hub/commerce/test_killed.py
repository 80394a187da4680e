"""A process that is killed in the middle of a write leaves nothing half done, and the retry does it once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import LiteralString

import psycopg
import pytest

from tenfold_hub.settings import Settings
from tests.hub.commerce.conftest import Json, Shop, together
from tests.hub.conftest import Organization
from tests.waiting import await_condition

pytestmark = together

_CHILD = """
import asyncio, json, sys
import httpx
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import create_app
from tenfold_hub.serving import database
from tenfold_hub.settings import Settings

async def main(key, path, body):
    settings, telemetry = Settings.from_environment(), Telemetry()
    async with database(settings, [telemetry]) as db:
        app = httpx.ASGITransport(create_app(db, Cursors(settings.key), telemetry, settings))
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "once"}
        async with httpx.AsyncClient(transport=app, base_url="http://hub/v1", headers=headers) as c:
            print((await c.post(path, json=json.loads(body))).status_code)

asyncio.run(main(*sys.argv[1:]))
"""
_HOLD = "SELECT FROM commerce.customer_statistics FOR UPDATE"
_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%customer_statistics%'
   AND pid <> pg_backend_pid()
"""
_AT_WORK = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()
"""
_TABLES = (
    "orders",
    "order_items",
    "order_history",
    "refunds",
    "refund_items",
    "customers",
    "customer_statistics",
)


def _rows(owner: str) -> Json:
    """Every row of commerce, and what is said of them elsewhere."""
    with psycopg.connect(owner) as connection:
        tables = [f"commerce.{name}" for name in _TABLES] + ["hub.audit_entries", "hub.idempotency_keys"]
        return {
            name: sorted(str(row) for row in connection.execute(f"SELECT * FROM {name}")) for name in tables
        }


@pytest.mark.parametrize("what", ["create", "batch", "pay", "refund"])
async def test_kill_9_in_the_middle_of_a_write_leaves_nothing(
    shop: Shop, owner: str, settings: Settings, acme: Organization, what: str
) -> None:
    person = await shop.person()
    placed = await shop.order(person)
    paid = await shop.step(await shop.order(person), "pay")
    new = {"person_id": person, "currency": "EUR", "items": [{"name": "x", "unit_price_minor": 5}] * 3}
    path, body = {
        "create": ("/orders", new),
        "batch": ("/orders/batch/create", {"items": [{"item": new}] * 50}),
        "pay": (f"/orders/{placed['id']}/pay", {}),
        "refund": (f"/orders/{paid['id']}/refunds", {"amount_minor": 7}),
    }[what]
    before = await asyncio.to_thread(_rows, owner)
    with psycopg.connect(owner) as holder:
        # The last that the write needs: all else is written by then, and nothing is committed.
        holder.execute(_HOLD)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHILD, acme.key, path, json.dumps(body),
            env={**os.environ, **settings.environment()},
        )  # fmt: skip
        await asyncio.to_thread(_until_it_waits, owner)
        child.kill()
        assert await child.wait() == -9
    await asyncio.to_thread(_until_it_is_gone, owner)
    assert await asyncio.to_thread(_rows, owner) == before

    headers = {"Idempotency-Key": "once"}
    retry = await shop.client.post(path, json=body, headers=headers)
    assert retry.status_code in (200, 201)
    done = await asyncio.to_thread(_rows, owner)
    again = await shop.client.post(path, json=body, headers=headers)
    assert (again.status_code, again.content) == (retry.status_code, retry.content)
    assert await asyncio.to_thread(_rows, owner) == done != before
    assert await shop.differences() == []


def _until_it_waits(owner: str) -> None:
    _until(owner, _WAITING, 1)


def _until_it_is_gone(owner: str) -> None:
    _until(owner, _AT_WORK, 0)


def _until(owner: str, query: LiteralString, count: int) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        await_condition(lambda: connection.execute(query).fetchone() == (count,), query)
