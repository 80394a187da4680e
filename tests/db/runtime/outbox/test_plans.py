"""What is asked at every look costs the same with very many events behind a key that failed."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tenfold.runtime.outbox.schema import Names
from tenfold.runtime.outbox.store import Store

WAITING = 300_000
PER_LANE = 60


@pytest.fixture
def full(owner: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Events of one key that failed, a few of others among them; statistics older than all that."""
    owner.execute("ALTER TABLE outbox.events SET (autovacuum_enabled = false)")
    owner.execute("ANALYZE outbox.events, outbox.retries")
    owner.execute(
        "INSERT INTO outbox.events (event, tenant_id, topic, key, payload)"
        " SELECT gen_random_uuid(), 7, 't', CASE WHEN n %% 50000 = 0 THEN 'k' || n ELSE 'bad' END, '{}'"
        " FROM generate_series(1, %s) n",
        [WAITING],
    )
    owner.execute(
        "INSERT INTO outbox.retries (tenant_id, topic, key, lane, event_id, attempts, due_at, error)"
        " SELECT 7, 't', 'bad', lane, 1, 3, now() + interval '1 h', 'E' FROM outbox.events WHERE id = 1"
    )
    return owner


def pages(owner: psycopg.Connection[Any], statement: str, parameters: list[Any]) -> int:
    cursor = psycopg.RawCursor(owner)
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
    ((plan,),) = cursor.fetchall()
    top = (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_a_key_with_many_events_behind_it_is_no_burden(full: psycopg.Connection[Any]) -> None:
    store = Store(Names.of("outbox", "tenant_id", int))
    lanes = list(range(16))
    topics = ["t"] * 16
    few = 1000
    # The cursor stands where the last look left it: behind it, nothing is touched.
    read = [topics, lanes, [WAITING - 10] * 16, WAITING + 10, PER_LANE]
    assert pages(full, store._read, read) < few
    assert pages(full, store._look, [WAITING - 10]) < few
    assert pages(full, store._due, [topics, lanes, [], 50]) < few
    assert pages(full, store._read_keys, [["t"], [7], ["bad"], [500_000], [WAITING], 25]) < few
    # Who takes the lanes over passes them once, and carries none of them away.
    cursor = psycopg.RawCursor(full)
    cursor.execute(store._read, [topics, lanes, [0] * 16, WAITING, PER_LANE])
    assert {row[5] for row in cursor.fetchall()} == {f"k{n}" for n in range(50_000, WAITING + 1, 50_000)}
