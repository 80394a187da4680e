"""The application's role adds events of its own tenant, and learns nothing of others'."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.errors import OutboxError, UsageError
from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Outbox, create_sql
from tests.db.runtime.outbox.conftest import Witness, count

REFUSED = "42501"

READS = [
    *(
        f"SELECT * FROM outbox.{name}"
        for name in ("events", "dead", "inbox", "retries", "lanes", "dispatchers")
    ),
    "SELECT last_value FROM outbox.events_id_seq",
    "SELECT nextval('outbox.events_id_seq')",
    "DELETE FROM outbox.events",
    "UPDATE outbox.events SET payload = 'null'",
    "TRUNCATE outbox.events",
    "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
    " VALUES (gen_random_uuid(), 7, 't', 'k', '1') RETURNING id",
    "INSERT INTO outbox.events (event, tenant_id, topic, key, payload, created_at)"
    " VALUES (gen_random_uuid(), 7, 't', 'k', '1', now())",
    "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
    " VALUES (gen_random_uuid(), 8, 't', 'k', '1')",
    "INSERT INTO outbox.inbox (tenant_id, consumer, event) VALUES (8, 'c', gen_random_uuid())",
]


@pytest.mark.parametrize("statement", READS)
async def test_the_application_may_do_nothing_else(app: Database, outbox: Outbox, statement: str) -> None:
    async with app.tenant(8) as session:
        await outbox.publish(session, "t", "k", "theirs")
    with pytest.raises(Exception) as told:
        async with app.tenant(7) as session:
            await session.execute(statement)
    assert getattr(told.value, "sqlstate", None) == REFUSED


async def test_without_a_tenant_nothing_is_added(app: Database) -> None:
    with pytest.raises(Exception) as told:
        async with app.system("of nobody") as session:
            await session.execute(
                "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
                " VALUES (gen_random_uuid(), 7, 't', 'k', '1')"
            )
    assert getattr(told.value, "sqlstate", None) == REFUSED


async def test_the_number_of_an_event_is_not_told(app: Database, outbox: Outbox) -> None:
    with pytest.raises(Exception) as told:
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k")
            await session.fetch_value("SELECT lastval()")
    assert getattr(told.value, "sqlstate", None) == REFUSED


async def test_the_note_of_another_tenant_is_not_in_the_way(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k")
    await dispatch()
    await witness.has(1)
    async with app.tenant(8) as session:
        await session.execute(
            "INSERT INTO outbox.inbox (tenant_id, consumer, event) VALUES (8, 'c', $1::uuid)",
            witness.got[0].id,
        )
    async with app.tenant(7) as session:
        assert await outbox.processed_once(session, "c", witness.got[0])


async def test_a_consumer_works_for_no_tenant_but_the_one_it_opens(
    app: Database, outbox: Outbox, across: Database
) -> None:
    seen: list[Any] = []

    async def on_event(event: Any) -> None:
        seen.append((app.current_tenant(), across.current_tenant()))

    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k")
    async with app.tenant(8), across.tenant(8), Dispatcher(across, outbox, {"t": on_event}, poll=0.02):
        while not seen:
            await count(across, "events")
    assert seen[0] == (None, None)


async def test_tenants_may_be_uuids(database: str, role: str, dispatcher_role: str, driver: Any) -> None:
    names: dict[str, Any] = {"schema": "events_out", "tenant_column": "team_id"}
    with psycopg.connect(database) as owner:
        for statement in create_sql(
            application_role=role,
            dispatcher_role=dispatcher_role,
            tenant_type=uuid.UUID,
            setting="app.team_id",
            **names,
        ):
            owner.execute(statement)  # type: ignore[arg-type]
    settings: dict[str, Any] = {"driver": driver, "tenant_type": uuid.UUID, "setting": "app.team_id"}
    witness, team = Witness(), uuid.uuid4()
    witness.failing = lambda event: event.attempt == 1
    async with (
        Database(make_conninfo(database, user=role), **settings) as app,
        Database(make_conninfo(database, user=dispatcher_role), **settings) as across,
    ):
        outbox = Outbox(app, **names)
        async with app.tenant(team) as session:
            await outbox.publish(session, "t", "k", 1)
        async with Dispatcher(across, outbox, {"t": witness}, poll=0.02):
            await witness.has(1)
        assert witness.got[0].tenant == team
        async with app.tenant(team) as session:
            assert await outbox.processed_once(session, "c", witness.got[0])


async def test_the_two_roles_are_not_one() -> None:
    with pytest.raises(UsageError):
        create_sql(application_role="app", dispatcher_role="app")


@pytest.mark.servers(13, 15, 16, 18)
def test_every_server_takes_the_statements(database: str) -> None:
    with psycopg.connect(database) as owner:
        owner.execute("CREATE ROLE outbox_app; CREATE ROLE outbox_dispatcher")
        for statement in create_sql(application_role="outbox_app", dispatcher_role="outbox_dispatcher"):
            owner.execute(statement)  # type: ignore[arg-type]
        owner.rollback()


async def test_an_error_of_the_server_that_is_no_fault_of_the_outbox_is_the_drivers_own(
    app: Database, outbox: Outbox, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("ALTER TABLE outbox.events ADD CHECK (topic <> 'refused')")
    with pytest.raises(Exception) as told:
        async with app.tenant(7) as session:
            await outbox.publish(session, "refused", "k")
    assert not isinstance(told.value, OutboxError)
    assert getattr(told.value, "sqlstate", None) == "23514"
