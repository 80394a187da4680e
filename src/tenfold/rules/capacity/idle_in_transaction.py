"""A session sits inside an open transaction and does nothing.

## What it finds
Sessions of this database that have been "idle in transaction" for more than 300 seconds, by role and
application.

## Why it matters
An open transaction keeps its locks, so a migration that needs the table waits for it, and everything else
then waits behind the migration. It may also keep a snapshot: no dead row younger than that can be removed, in
any table of the database, so hot tables bloat while vacuum runs in vain. And it holds a connection of the
pool.

## How to fix
In the application, do not wait for anything but the database between BEGIN and COMMIT: no HTTP call, no user.
As a net, let the server end such sessions: `idle_in_transaction_session_timeout` for the role.

## When to ignore
A person at a psql prompt; end it with `SELECT pg_terminate_backend(pid)` when it is in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tenfold.model.activity import ConnectionGroup
from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.rules.capacity._timeouts import IDLE_IN_TRANSACTION, wish
from tenfold.rules.subject import Subject

ID = "idle-in-transaction"
NEEDS = ("connections",)


def check(subject: Subject) -> Iterator[Finding]:
    limit = subject.thresholds.idle_in_transaction_seconds
    stuck: defaultdict[tuple[str, str], list[ConnectionGroup]] = defaultdict(list)
    for group in subject.snapshot.connections:
        here = group.database in (None, subject.snapshot.database.name)
        idle = (group.state or "").startswith("idle in transaction")
        if here and idle and (group.state_seconds or 0.0) > limit:
            stuck[group.role or "", group.application].append(group)
    for (role, application), groups in stuck.items():
        seconds = max(group.state_seconds or 0.0 for group in groups)
        held = max((group.xmin_age or 0 for group in groups), default=0)
        who = f"{identifier(role)} ({application})" if application else identifier(role)
        remedy = wish(subject, role, IDLE_IN_TRANSACTION)
        yield Finding(
            rule=ID,
            priority=Priority.P1,
            object=identifier(role),
            detail=application or None,
            message=f"a session of {who} has been idle in a transaction for {seconds:,.0f} s"
            + (f" and holds vacuum back by {held:,} transactions" if held else "")
            + "; it keeps its locks meanwhile",
            remedies=(remedy,) if remedy is not None else (),
        )
