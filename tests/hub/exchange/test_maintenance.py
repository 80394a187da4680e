"""What is old goes, what is not stays, and partitions of the audit log are there before their month."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold_hub.exchange.background import Background
from tenfold_hub.exchange.maintenance import Maintenance
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.settings import Settings
from tests.hub.exchange.conftest import Receiver, until

TABLES = ["hub.idempotency_keys", "exchange.deliveries", "exchange.imports", "exchange.exports"]


def maintaining(settings: Settings) -> Database:
    return Database(settings.maintenance, tenant_type=uuid.UUID, setting=SETTING)


def counts(owner: str) -> dict[str, int]:
    with psycopg.connect(owner) as connection:
        return {
            table: (connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,))[0]
            for table in [*TABLES, "exchange.export_parts", "exchange.import_failures"]
        }


def age(owner: str, interval: str) -> None:
    with psycopg.connect(owner) as connection:
        for table in TABLES:
            connection.execute(f"UPDATE {table} SET created_at = created_at - %s::interval", [interval])
        connection.execute("UPDATE exchange.exports SET expires_at = expires_at - %s::interval", [interval])


async def test_what_is_old_is_pruned_and_what_is_not_stays(
    client: httpx.AsyncClient,
    other: httpx.AsyncClient,
    background: Background,
    receiver: Receiver,
    settings: Settings,
    owner: str,
) -> None:
    for each in (client, other):
        await each.post("/webhooks", json={"url": receiver.url(), "topics": ["crm.*"]})
        await each.post("/companies", json={"name": "A"}, headers={"Idempotency-Key": "k"})
        job = (await each.post("/imports?kind=people", content="email\nwrong\n")).json()
        export = (await each.post("/exports", json={"kind": "companies"})).json()

        async def over(
            each: httpx.AsyncClient = each, job: str = job["id"], export: str = export["id"]
        ) -> bool:
            states = [await each.get(f"/imports/{job}"), await each.get(f"/exports/{export}")]
            sent = (await each.get("/webhook-deliveries")).json()["items"]
            return all(s.json()["status"] == "done" for s in states) and sent[0]["status"] == "delivered"

        await until(over)
    before = counts(owner)
    assert min(before.values()) > 0
    async with maintaining(settings) as db:
        maintenance = Maintenance(db)
        await maintenance.once()
        assert counts(owner) == before
        age(owner, "25 hours")
        await maintenance.once()
        assert counts(owner) == before | {"hub.idempotency_keys": 0}
        age(owner, "7 days")
        await maintenance.once()
        assert counts(owner)["exchange.export_parts"] == 0
        assert counts(owner)["exchange.exports"] == 2
        age(owner, "90 days")
        await maintenance.once()
        assert set(counts(owner).values()) == {0}


async def test_partitions_are_made_ahead_and_isolated(settings: Settings, owner: str) -> None:
    with psycopg.connect(owner) as connection:
        (newest,) = connection.execute(
            "SELECT max(relname) FROM pg_class WHERE relname ~ '^audit_entries_[0-9]{4}_[0-9]{2}$'"
        ).fetchone() or ("",)
        connection.execute(f"DROP TABLE hub.{newest}")
    async with maintaining(settings) as db:
        assert (await Maintenance(db).once())["partitions"] == 1
        assert (await Maintenance(db).once())["partitions"] == 0
    with psycopg.connect(owner) as connection:
        forced = connection.execute(
            "SELECT relforcerowsecurity FROM pg_class WHERE relname = %s", [newest]
        ).fetchone()
    assert forced == (True,)
    with (
        psycopg.connect(settings.database) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT FROM hub.{newest}")


async def test_one_process_maintains_at_a_time(settings: Settings, owner: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(7303)")
        async with maintaining(settings) as db:
            assert await asyncio.wait_for(Maintenance(db).once(), 10) == {}


async def test_who_maintains_reads_nothing_personal(settings: Settings) -> None:
    for statement in (
        "SELECT sealed FROM exchange.webhook_secrets",
        "SELECT content FROM exchange.export_parts",
        "SELECT answer FROM hub.idempotency_keys",
        "SELECT name FROM identity.organizations",
    ):
        with (
            psycopg.connect(settings.maintenance) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
