"""Measures snapshot and rules on generated databases, beside the limit: the same rows fetched raw.

Each size is measured in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from tenfold.catalog.reader import fetch_raw, read_snapshot
from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer
from tenfold.rules.audit import audit

T = TypeVar("T")

SIZES = (100, 1_000, 10_000)
ROUNDS = 5

# Tables of one transaction: each holds its locks to the end, and the lock table is finite.
_BATCH = 250

_SCHEMA = """
CREATE TABLE tenants (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE t_0 (id bigint PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants, parent_id bigint);
DO $$
BEGIN
  FOR n IN 1 .. {tables} - 2 LOOP
    EXECUTE format(
      'CREATE TABLE t_%s (id bigint PRIMARY KEY, tenant_id bigint NOT NULL, parent_id bigint REFERENCES t_0,'
      ' name text NOT NULL, email varchar(200), status text NOT NULL DEFAULT ''new'', amount numeric(12,2),'
      ' created_at timestamptz NOT NULL DEFAULT now(), settings jsonb)', n);
    EXECUTE format('CREATE INDEX t_%s_tenant_id_idx ON t_%s (tenant_id, created_at)', n, n);
    EXECUTE format('CREATE INDEX t_%s_parent_id_idx ON t_%s (parent_id)', n, n);
    IF n % 2 = 0 THEN
      EXECUTE format('ALTER TABLE t_%s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', n);
      EXECUTE format('CREATE POLICY tenant_isolation ON t_%s USING (tenant_id ='
        ' (SELECT NULLIF(current_setting(''app.tenant_id'', true), '''')::bigint))', n);
    END IF;
    IF n % {batch} = 0 THEN COMMIT; END IF;
  END LOOP;
END $$;
"""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds; times in seconds, memory in bytes."""

    tables: int
    indexes: int
    findings: int
    raw: float
    snapshot: float
    rules: float
    peak_memory: int
    rounds: int


def bench_audit(sizes: Sequence[int] = SIZES, said: Callable[[str], None] = print) -> list[Measured]:
    """Generates a database of each size on a private server and measures it there."""
    results = []
    with EmbeddedServer.temporary(durable=False, settings={"max_locks_per_transaction": "1024"}) as server:
        for size in sizes:
            name = f"bench_{size}"
            server.create_database(name)
            said(f"generating {size:,} tables")
            generate(server.dsn(name), size)
            said(f"measuring {size:,} tables, {ROUNDS} rounds")
            results.append(_in_own_process(server.dsn(name)))
    return results


def generate(dsn: str, tables: int) -> None:
    """A database of so many tables with three indexes each, half of them under row-level security."""
    with contextlib.closing(connect(dsn, writable=True, statement_timeout=0)) as connection:
        for part in _SCHEMA.format(tables=tables, batch=_BATCH).split("DO $$", maxsplit=1)[0].split(";"):
            if part.strip():
                execute_script(connection, part)
        execute_script(connection, "DO $$" + _SCHEMA.format(tables=tables, batch=_BATCH).split("DO $$")[1])
        execute_script(connection, "ANALYZE tenants")


def measure(dsn: str, rounds: int = ROUNDS) -> Measured:
    """Medians of raw fetch, snapshot and rules in this process."""
    raw, snapshots, rules = [], [], []
    with contextlib.closing(connect(dsn)) as connection:
        read_snapshot(connection)
        for _ in range(rounds):
            raw.append(_timed(partial(fetch_raw, connection))[0])
            seconds, snapshot = _timed(partial(read_snapshot, connection))
            snapshots.append(seconds)
            seconds, judged = _timed(partial(audit, snapshot))
            rules.append(seconds)
    # ru_maxrss is in kibibytes on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(
        tables=len(snapshot.relations),
        indexes=len(snapshot.indexes),
        findings=len(judged.findings),
        raw=_median(raw),
        snapshot=_median(snapshots),
        rules=_median(rules),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        rounds=rounds,
    )


def growth_exponent(results: Sequence[Measured], seconds: Callable[[Measured], float]) -> float:
    """Slope of log time over log tables between the smallest and the largest: 1 is linear."""
    first, last = results[0], results[-1]
    return math.log(seconds(last) / seconds(first)) / math.log(last.tables / first.tables)


def _in_own_process(dsn: str) -> Measured:
    output = subprocess.run(
        [sys.executable, "-m", __name__, dsn], check=True, capture_output=True, text=True, timeout=600
    ).stdout
    return msgspec.json.decode(output, type=Measured)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(measure(sys.argv[1]))))
