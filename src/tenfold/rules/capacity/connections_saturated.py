"""The server is close to its limit of connections.

## What it finds
More than 80 % of the connections that are open to ordinary roles are in use (90 %: now), counting every
database of the server and leaving out those reserved for administrators.

## Why it matters
The next client is refused with "too many clients already", and that hits all applications of the server at
once. Raising max_connections needs a restart and helps little: every connection is a process with its own
memory, and every snapshot a transaction takes looks at all of them.

## How to fix
Put a pool between application and server: in the application with a small maximum (the sum over all its
processes counts), or PgBouncer in transaction mode. Under transaction pooling the tenant must be set with
SET LOCAL inside each transaction. Close what sits idle: a shorter idle timeout in the pool, and
`idle_session_timeout` as a last resort.

## When to ignore
Where a pooler holds exactly as many connections as it was given, and max_connections was sized for that.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.rules.metrics import Unmeasured, connection_share, percent
from tenfold.rules.subject import Subject

ID = "connections-saturated"
NEEDS = ("connections",)


def check(subject: Subject) -> Iterator[Finding]:
    share = connection_share(subject)
    thresholds = subject.thresholds
    if isinstance(share, Unmeasured) or share.ratio <= thresholds.connection_ratio_target:
        return
    idle = sum(group.count for group in subject.snapshot.connections if group.state == "idle")
    yield Finding(
        rule=ID,
        priority=Priority.P0 if share.ratio > thresholds.connection_ratio_alert else Priority.P1,
        object="max_connections",
        message=f"{share.part:,.0f} of {share.whole:,.0f} connections that roles may open are in use "
        f"({percent(share.ratio)}), {idle:,} of them idle; at the limit new clients are refused",
    )
