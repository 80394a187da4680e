"""Publishers, dispatchers and the server in random trouble: nothing lost, nothing made up, order per key.

TENFOLD_OUTBOX_SECONDS makes it longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import defaultdict
from typing import Any

import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Event, NewEvent, Outbox, Retry, Subscription
from tests.waiting import until

SECONDS = float(os.environ.get("TENFOLD_OUTBOX_SECONDS", "3"))
KEYS = [(tenant, f"k{key}") for tenant in (7, 8) for key in range(6)]
PUBLISHERS, DISPATCHERS = 6, 3


class World:
    """What was committed, by key and in the order of its writers; and what was delivered."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.committed: dict[tuple[Any, str], list[int]] = defaultdict(list)
        #: Committed or not: the connection broke before the answer came.
        self.doubtful: set[int] = set()
        self.delivered: dict[tuple[Any, str], list[int]] = defaultdict(list)
        self.number = 0
        self.ends = asyncio.Event()
        #: Writers of a key wait for each other, some of them: as those who lock a row do.
        self.locks = {key: asyncio.Lock() for key in KEYS}
        self.trouble = True

    async def pause(self, longest: float = 0.02) -> None:
        await asyncio.sleep(self.random.random() ** 4 * longest)

    async def on_event(self, event: Event) -> None:
        chance = self.random.random()
        if self.trouble and chance < 0.05:
            raise RuntimeError
        await self.pause(0.005)
        self.delivered[event.tenant, event.key].append(event.payload)
        if self.trouble and chance > 0.97:
            raise RuntimeError  # done, and not said so

    async def on_events(self, events: list[Event]) -> None:
        for event in events:
            await self.on_event(event)

    @property
    def complete(self) -> bool:
        return all(set(numbers) <= set(self.delivered[key]) for key, numbers in self.committed.items())


async def publish(world: World, db: Database, outbox: Outbox) -> None:
    while not world.ends.is_set():
        tenant, key = chosen = world.random.choice(KEYS)
        topic = f"t{int(key[1:]) % 2}"
        numbers = [world.number + n for n in range(world.random.randint(1, 5))]
        world.number += len(numbers)
        rolls_back = world.random.random() < 0.2
        async with world.locks[chosen]:
            try:
                async with db.tenant(tenant) as session:
                    if world.random.random() < 0.5:
                        await session.fetch_value("SELECT pg_current_xact_id()::text")
                        await world.pause()
                    await outbox.publish_many(session, [NewEvent(topic, key, number) for number in numbers])
                    await world.pause(0.1)
                    if rolls_back:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue
            except Exception:  # noqa: BLE001 - each driver has its own for a connection that was ended
                world.doubtful.update(numbers)
            else:
                world.committed[chosen] += numbers


async def dispatch(world: World, db: Database, outbox: Outbox) -> None:
    """One after the other, each for a while; some end at once and leave what they were at."""
    retry = Retry(attempts=10**6, first=0.01, longest=0.05)
    while True:
        dispatcher = Dispatcher(
            db,
            outbox,
            {
                "t0": Subscription(call=world.on_event, retry=retry, timeout=1),
                "t1": Subscription(call=world.on_events, retry=retry, timeout=1, batch=10),
            },
            poll=0.05,
            lease=2.5,
            prefetch=world.random.choice([5, 50, 500]),
            listens=world.random.random() < 0.7,
            stop_within=world.random.choice([0.001, 1.0]),
            clock=asyncio.get_running_loop().time,
        )
        try:
            await dispatcher.start()
        except Exception:  # noqa: BLE001 - the connection was ended; a service would start again, too
            continue
        try:
            if world.ends.is_set():
                await asyncio.Event().wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3 + world.random.random()):
                    await world.ends.wait()
        finally:
            if world.trouble and world.random.random() < 0.3:
                # As one that is killed: it says goodbye to nobody.
                dispatcher._leave = _nothing  # type: ignore[method-assign]
            await dispatcher.stop()


async def _nothing() -> None:
    return None


async def disturb(world: World, owner: psycopg.AsyncConnection[Any], roles: list[str]) -> None:
    while not world.ends.is_set():
        await world.pause(1.0)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
            " WHERE usename = ANY (%s) ORDER BY random() LIMIT 2) victims",
            [roles],
        )


@pytest.mark.parametrize("seed", [int(os.environ.get("TENFOLD_OUTBOX_SEED", "1"))])
async def test_nothing_is_lost_or_made_up_and_each_key_keeps_its_order(
    app: Database,
    across: Database,
    outbox: Outbox,
    made: str,
    role: str,
    dispatcher_role: str,
    seed: int,
) -> None:
    world = World(seed)
    async with (
        await psycopg.AsyncConnection.connect(made, autocommit=True) as owner,
        asyncio.TaskGroup() as group,
    ):
        dispatchers = [group.create_task(dispatch(world, across, outbox)) for _ in range(DISPATCHERS)]
        busy = [group.create_task(publish(world, app, outbox)) for _ in range(PUBLISHERS)]
        busy.append(group.create_task(disturb(world, owner, [role, dispatcher_role])))
        await asyncio.sleep(SECONDS)
        world.ends.set()
        await asyncio.wait(busy)
        world.trouble = False
        await until(lambda: world.complete, "every event that was committed")
        while (await (await owner.execute("SELECT count(*) FROM outbox.events")).fetchone()) != (0,):
            await asyncio.sleep(0.01)
        for task in dispatchers:
            task.cancel()
    check(world)


def check(world: World) -> None:
    assert world.number > 100
    for key, numbers in world.committed.items():
        first_seen = list(dict.fromkeys(world.delivered[key]))
        known = [number for number in first_seen if number not in world.doubtful]
        assert known == numbers, key
        # A key's writers draw their numbers before they wait for each other: only within one is there order.
        doubtful = [number for number in first_seen if number in world.doubtful]
        assert doubtful == sorted(doubtful)
