"""What is committed is delivered, in order per key; what is rolled back never is."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import psycopg
import pytest

from tenfold.errors import OutboxError, TenantError, UsageError
from tenfold.runtime import Database
from tenfold.runtime.outbox import Beside, Dispatcher, NewEvent, Outbox, Retry, Subscription
from tests.db.runtime.outbox.conftest import Witness, count
from tests.waiting import until

QUICK = Retry(attempts=3, first=0.01, longest=0.02)


async def test_events_arrive_with_what_was_published(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    payload = {"text": "ü\n'\"", "number": 2**70, "list": [None, 1.5, True], "nested": {"a": {}}}
    async with app.tenant(7) as session:
        known = await outbox.publish(session, "t", "k", payload)
    await dispatch()
    await witness.has(1)
    (event,) = witness.got
    assert (event.id, event.tenant, event.topic, event.key, event.payload) == (known, 7, "t", "k", payload)
    assert event.attempt == 1
    assert event.created_at.tzinfo is not None
    await until_empty(across)


async def until_empty(across: Database) -> None:
    while await count(across, "events"):
        await asyncio.sleep(0.01)


async def test_each_key_has_its_order(app: Database, outbox: Outbox, dispatch: Any, witness: Witness) -> None:
    await dispatch(concurrency=4)
    for number in range(20):
        async with app.tenant(7 + number % 2) as session:
            await outbox.publish_many(
                session,
                [NewEvent("t", f"k{key}", 10 * number + place) for place in range(3) for key in range(5)],
            )
    await witness.has(300)
    for payloads in witness.by_key().values():
        assert payloads == sorted(payloads)
        assert len(set(payloads)) == 30


async def test_what_is_rolled_back_is_not_delivered(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    await dispatch()
    with pytest.raises(ZeroDivisionError):
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k", "never")
            raise ZeroDivisionError
    async with app.tenant(7) as session:
        with pytest.raises(ZeroDivisionError):
            async with session.savepoint():
                await outbox.publish(session, "t", "k", "nor this")
                raise ZeroDivisionError
        await outbox.publish(session, "t", "k", "this")
    await witness.has(1)
    assert witness.payloads == ["this"]


async def test_lost_notifications_only_delay(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    dispatcher = await dispatch(listens=False)
    for number in range(5):
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k", number)
    await witness.has(5)
    assert witness.payloads == [0, 1, 2, 3, 4]
    assert not dispatcher.statistics().hearing


async def test_a_notification_is_enough(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    dispatcher = await dispatch(poll=1000.0)
    await until(lambda: dispatcher.statistics().hearing)
    for number in range(3):
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k", number)
        await witness.has(number + 1)


async def test_many_commits_share_a_notification(app: Database, outbox: Outbox) -> None:
    outbox.wake._gap = 1000.0
    for _ in range(20):
        async with app.tenant(7) as session:
            await outbox.publish(session, "t", "k")
    await until(lambda: outbox.wake.sent == 1)
    assert outbox.wake._wanted
    assert outbox.wake._task is not None
    outbox.wake._task.cancel()


async def test_who_cannot_notify_has_published_all_the_same(
    app: Database, outbox: Outbox, across: Database
) -> None:
    closed = Outbox(Database("postgresql://nowhere", driver="psycopg"))
    async with app.tenant(7) as session:
        await closed.publish(session, "t", "k")
    await until(lambda: closed.wake.lost == 1)
    assert await count(across, "events") == 1


async def test_a_batch_is_one_statement_whatever_its_size(app: Database, outbox: Outbox, owner: Any) -> None:
    async with app.tenant(7) as session:
        ids = await outbox.publish_many(session, [NewEvent("t", str(n % 1000), n) for n in range(12_000)])
        pid = await session.fetch_value("SELECT pg_backend_pid()")
        locks = owner.execute("SELECT count(*) FROM pg_locks WHERE pid = %s", [pid]).fetchone()[0]
    assert len(set(ids)) == 12_000
    assert locks < 50
    rows = owner.execute("SELECT event, payload FROM outbox.events ORDER BY id").fetchall()
    assert rows == list(zip(ids, range(12_000), strict=True))


async def test_what_is_written_beside_events_costs_no_statement(
    app: Database, outbox: Outbox, owner: Any, across: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    note = (
        "INSERT INTO outbox.inbox (tenant_id, consumer, event) SELECT 7, $6, e FROM unnest($7::uuid[]) AS e"
    )
    async with app.tenant(7) as session:
        execute = session.connection.execute

        async def counted(statement: str, parameters: Any) -> int:
            sent.append(statement)
            return await execute(statement, parameters)

        monkeypatch.setattr(session.connection, "execute", counted)
        notes = Beside(note, ["log", [uuid.uuid4(), uuid.uuid4()]])
        await outbox.publish_many(session, [NewEvent("t", "k", 1)], beside=notes)
        with pytest.raises(UsageError):
            await outbox.publish_many(session, [], beside=notes)
    assert len(sent) == 1
    assert await count(across, "events") == 1
    assert owner.execute("SELECT count(*) FROM outbox.inbox").fetchone()[0] == 2


# --- failures ------------------------------------------------------------------------------------------


async def test_a_failing_key_waits_and_the_others_go_on(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True
    witness.failing = lambda event: broken and event.key == "bad"
    await dispatch({"t": Subscription(call=witness, retry=Retry(attempts=1000, first=0.01, longest=0.02))})
    with caplog.at_level(logging.INFO, "tenfold.runtime"):
        for number in range(5):
            async with app.tenant(7) as session:
                await outbox.publish_many(session, [NewEvent("t", key, number) for key in ("bad", "good")])
        await witness.has(5)
        assert {event.key for event in witness.got} == {"good"}
        await until(lambda: witness.begun > 8)  # 5 good ones, and the bad one's first event again and again
        broken = False
        await witness.has(10)
    assert witness.by_key()[7, "bad"] == [0, 1, 2, 3, 4]
    first, *later = [event for event in witness.got if event.key == "bad"]
    assert first.attempt > 3
    assert {event.attempt for event in later} == {1}
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


async def test_the_dead_are_put_aside_and_replayed_in_their_order(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    broken = True
    witness.failing = lambda event: broken and event.payload < 3
    dispatcher = await dispatch({"t": Subscription(call=witness, retry=QUICK)})
    async with app.tenant(7) as session:
        ids = await outbox.publish_many(session, [NewEvent("t", "k", number) for number in range(5)])
    await witness.has(2)
    assert witness.payloads == [3, 4]
    async with across.system("looks") as session:
        backlog = await outbox.backlog(session)
        errors = await session.fetch("SELECT error, attempts, payload::text FROM outbox.dead ORDER BY id")
    assert (backlog.dead, backlog.retrying, backlog.blocked) == (3, 0, 0)
    assert [tuple(row) for row in errors] == [("RuntimeError", 3, str(number)) for number in range(3)]
    assert (dispatcher.statistics().dead, dispatcher.statistics().failed) == (3, 9)
    broken = False
    async with across.system("replays") as session:
        assert await outbox.replay(session, "t", tenant=8) == 0
        assert await outbox.replay(session, "t", tenant=7, key="k", limit=2) == 2
        assert await outbox.replay(session, "t") == 1
    await witness.has(5)
    assert witness.payloads == [3, 4, 0, 1, 2]
    assert [event.id for event in witness.got] == [ids[place] for place in (3, 4, 0, 1, 2)]


async def test_a_key_may_block_until_it_is_unblocked(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    broken = True
    witness.failing = lambda event: broken
    retry = Retry(attempts=2, first=0.01, longest=0.02, then="block")
    dispatcher = await dispatch({"t": Subscription(call=witness, retry=retry)})
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", number) for number in range(3)])
    await until(lambda: dispatcher.statistics().blocked == 1)
    while not await blocked(across, outbox):
        await asyncio.sleep(0.01)
    broken = False
    async with across.system("unblocks") as session:
        assert await outbox.unblock(session, "t", tenant=7, key="other") == 0
        assert await outbox.unblock(session, "t", tenant=7, key="k") == 1
    await witness.has(3)
    assert witness.payloads == [0, 1, 2]


async def blocked(across: Database, outbox: Outbox) -> int:
    async with across.system("looks") as session:
        return (await outbox.backlog(session)).blocked


async def test_a_consumer_that_takes_too_long_is_cancelled_and_has_failed(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    witness.gate.clear()
    subscription = Subscription(call=witness, timeout=0.05, retry=Retry(attempts=9, first=0.01, longest=0.01))
    dispatcher = await dispatch({"t": subscription})
    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k", 1)
    await until(lambda: dispatcher.statistics().failed >= 1)
    witness.gate.set()
    await witness.has(1)
    assert witness.got[0].attempt > 1


async def test_a_consumer_that_cancels_itself_has_failed(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    tried = 0

    async def cancelled_once(event: Any) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise asyncio.CancelledError
        await witness(event)

    await dispatch({"t": Subscription(call=cancelled_once, retry=QUICK)})
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "k", number) for number in range(2)])
    await witness.has(2)
    assert witness.payloads == [0, 1]


async def test_a_key_with_many_events_keeps_its_order_and_nobody_waiting(
    app: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "hot", number) for number in range(1000)])
        await outbox.publish(session, "t", "small", "one")
    slow, others = Witness(), Witness()
    slow.gate.clear()

    async def by_key(event: Any) -> None:
        await (slow if event.key == "hot" else others)(event)

    await dispatch({"t": by_key}, prefetch=100)
    await others.has(1)
    assert slow.got == []
    slow.gate.set()
    async with app.tenant(7) as session:
        await outbox.publish_many(session, [NewEvent("t", "hot", number) for number in range(1000, 1300)])
    await slow.has(1300)
    assert slow.payloads == list(range(1300))


# --- batches -------------------------------------------------------------------------------------------


async def test_batches_keep_the_order_and_only_the_key_at_fault_waits(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    sizes: list[int] = []

    async def several(events: list[Any]) -> None:
        sizes.append(len(events))
        if any(event.key == "k3" and event.payload == 5 for event in events):
            raise RuntimeError
        witness.got.extend(events)

    async with app.tenant(7) as session:
        await outbox.publish_many(
            session, [NewEvent("t", f"k{key}", number) for number in range(20) for key in range(10)]
        )
    await dispatch({"t": Subscription(call=several, batch=50, retry=QUICK)})
    await witness.has(199)
    await until_empty(across)
    assert max(sizes) > 1
    for (_, key), payloads in witness.by_key().items():
        assert payloads == [number for number in range(20) if (key, number) != ("k3", 5)]
    assert await count(across, "dead") == 1


# --- bad input -----------------------------------------------------------------------------------------


async def test_what_cannot_be_published_is_refused_before_it_is_sent(app: Database, outbox: Outbox) -> None:
    async with app.tenant(7) as session:
        for topic, key, payload in [
            ("", "k", 1),
            ("t", "", 1),
            ("t", "x\0y", 1),
            ("t", "ü" * 251, 1),
            ("t", "k", object()),
            ("t", "k", {"a": "\0"}),
        ]:
            with pytest.raises(UsageError):
                await outbox.publish(session, topic, key, payload)
        await outbox.publish(session, "t", "ü" * 250)
    async with app.system("of nobody") as session:
        with pytest.raises(TenantError):
            await outbox.publish(session, "t", "k")


async def test_an_outbox_that_is_not_there_is_named(app: Database, across: Database) -> None:
    elsewhere = Outbox(app, schema="elsewhere")
    with pytest.raises(OutboxError, match="no outbox in the schema elsewhere"):
        async with app.tenant(7) as session:
            await elsewhere.publish(session, "t", "k")
    with pytest.raises(OutboxError, match="no outbox in the schema elsewhere"):
        await Dispatcher(across, elsewhere, {"t": Witness()}).start()


async def test_the_application_cannot_dispatch(app: Database, outbox: Outbox) -> None:
    with pytest.raises(OutboxError, match="role"):
        await Dispatcher(app, outbox, {"t": Witness()}).start()


async def test_a_dispatcher_that_cannot_go_on_says_so(
    across: Database, outbox: Outbox, made: str, owner: psycopg.Connection[Any]
) -> None:
    with pytest.raises(OutboxError, match="has ended"):
        async with Dispatcher(across, outbox, {"t": Witness()}, poll=0.01) as dispatcher:
            # In a thread: it waits for what the dispatcher, in this event loop, is at.
            await asyncio.to_thread(owner.execute, "DROP TABLE outbox.retries")
            owner.execute(
                "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
                " VALUES (gen_random_uuid(), 7, 't', 'k', '1')"
            )
            await asyncio.wait(dispatcher._tasks.values(), return_when=asyncio.FIRST_COMPLETED)


# --- exactly once --------------------------------------------------------------------------------------


async def test_work_in_the_same_database_is_done_once(
    app: Database, across: Database, outbox: Outbox, dispatch: Any, witness: Witness
) -> None:
    async def once(event: Any) -> None:
        async with app.tenant(event.tenant) as session:
            if await outbox.processed_once(session, "mine", event):
                witness.got.append(event)
        if event.attempt == 1:
            raise RuntimeError

    await dispatch({"t": Subscription(call=once, retry=QUICK)})
    async with app.tenant(7) as session:
        await outbox.publish(session, "t", "k", 1)
    await witness.has(1)
    await until_empty(across)
    assert witness.payloads == [1]
    async with app.tenant(7) as session:
        assert await outbox.processed_once(session, "another", witness.got[0])
    async with app.tenant(8) as session:
        with pytest.raises(TenantError):
            await outbox.processed_once(session, "mine", witness.got[0])
    async with across.system("forgets") as session:
        assert await outbox.forget_processed(session, older_than=3600) == 0
        assert await outbox.forget_processed(session, older_than=0) == 2
