"""The order of a key is the order in which its events were written, whoever commits first."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.pg.embedded import EmbeddedServer
from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Outbox, create_sql
from tests.conftest import patient, roomy_memory
from tests.db.runtime.outbox.conftest import Witness
from tests.waiting import until


async def test_writers_who_wait_for_each_other_are_delivered_in_that_order(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    """Order by transaction id would be wrong: the later writer of the key has the smaller one."""
    await dispatch()
    async with app.tenant(7) as late:
        await late.fetch_value("SELECT pg_current_xact_id()::text")
        async with app.tenant(7) as early:
            await outbox.publish(early, "t", "k", "first")
        await outbox.publish(late, "t", "k", "second")
    await witness.has(2)
    assert witness.payloads == ["first", "second"]


async def test_an_event_waits_for_those_before_it_that_are_not_committed(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    """Order by id with a horizon of transaction ids would be wrong: the one committed has the smaller one."""
    dispatcher = await dispatch()
    async with app.tenant(7) as older:
        await older.fetch_value("SELECT pg_current_xact_id()::text")
        async with app.tenant(7) as slow:
            await outbox.publish(slow, "t", "k", "first")
            await outbox.publish(older, "t", "k", "second")
            # The older transaction commits now, while the other, which wrote before it, goes on.
            await older.connection.script("COMMIT; BEGIN")
            outbox.wake()
            await until(lambda: dispatcher.statistics().horizon_lag > 0)
            async with app.tenant(8) as other:
                await outbox.publish(other, "t", "k", "of another key")
            assert witness.got == []
    await witness.has(3)
    assert witness.by_key() == {(7, "k"): ["first", "second"], (8, "k"): ["of another key"]}
    assert dispatcher.statistics().horizon_lag == 0


async def test_what_is_rolled_back_holds_up_nothing_afterwards(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    dispatcher = await dispatch()
    with contextlib.suppress(ZeroDivisionError):
        async with app.tenant(7) as doomed:
            await outbox.publish(doomed, "t", "k", "never")
            async with app.tenant(7) as session:
                await outbox.publish(session, "t", "k", "first")
            await until(lambda: dispatcher.statistics().horizon_lag > 0)
            raise ZeroDivisionError
    await witness.has(1)
    assert witness.payloads == ["first"]


async def test_a_long_transaction_that_publishes_nothing_holds_up_nothing(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness, owner: psycopg.Connection[Any]
) -> None:
    await dispatch()
    with owner.transaction():
        owner.execute("CREATE TABLE elsewhere AS SELECT 1; SELECT count(*) FROM outbox.events")
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k", 1)
        await witness.has(1)


@pytest.fixture
def preparing(reachable_base: Path) -> Iterator[EmbeddedServer]:
    parent = reachable_base / "prepared" if roomy_memory() else None
    settings = {"shared_buffers": "16MB", "max_prepared_transactions": 5}
    with EmbeddedServer.temporary(parent=parent, settings=settings) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as owner:
            owner.execute("CREATE ROLE app LOGIN; CREATE ROLE dispatcher LOGIN")
            for statement in create_sql(application_role="app", dispatcher_role="dispatcher"):
                owner.execute(statement)  # type: ignore[arg-type]
        yield server


@pytest.fixture
async def prepared(preparing: EmbeddedServer, driver: Any) -> AsyncIterator[tuple[Database, Database]]:
    dsn = patient(preparing.dsn())
    async with (
        Database(make_conninfo(dsn, user="app"), driver=driver) as app,
        Database(make_conninfo(dsn, user="dispatcher"), driver=driver) as across,
    ):
        yield app, across


async def test_a_prepared_transaction_is_waited_for_too(
    prepared: tuple[Database, Database],
    preparing: EmbeddedServer,
    witness: Witness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, across = prepared
    outbox = Outbox(app)
    async with Dispatcher(across, outbox, {"t": witness}, poll=0.02) as dispatcher:
        with psycopg.connect(make_conninfo(preparing.dsn(), user="app"), autocommit=True) as two_phase:
            two_phase.execute("BEGIN; SET LOCAL app.tenant_id = '7'")
            two_phase.execute(
                "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
                " VALUES (gen_random_uuid(), 7, 't', 'k', '\"first\"')"
            )
            async with app.tenant(7) as session:
                await outbox.publish(session, "t", "k", "second")
            await until(lambda: dispatcher._horizon.awaited)
            two_phase.execute("PREPARE TRANSACTION 'p'")
            seen: list[Any] = []
            look = dispatcher._store.look

            async def seeing(*about: Any) -> Any:
                seen.append(await look(*about))
                return seen[-1]

            monkeypatch.setattr(dispatcher._store, "look", seeing)
            await until(lambda: len(seen) > 3)
            assert seen[-1].prepared
            assert witness.got == []
            two_phase.execute("COMMIT PREPARED 'p'")
        await witness.has(2)
    assert witness.payloads == ["first", "second"]
