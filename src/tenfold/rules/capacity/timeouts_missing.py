"""The application's sessions run without a timeout.

## What it finds
`statement_timeout`, `lock_timeout` or `idle_in_transaction_session_timeout` that nobody sets: not the server,
not the database, not the application's role. Where the configuration names no application role, database and
server are judged.

## Why it matters
PostgreSQL waits for ever by default. One statement without an index, one migration behind a long transaction,
one worker that died between BEGIN and COMMIT, and sessions queue up until the connections are used up. A
timeout turns that outage into one failed request.

## How to fix
Set them for the application's role in this database; new sessions have them, running ones do not, and nothing
is locked. Migrations, dumps and reports should run as other roles, or raise their own limit with SET LOCAL.
The plan proposes 30 s, 5 s and 60 s.

## When to ignore
Where the driver or the pooler sets them for each connection: the server cannot see that beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier, literal
from tenfold.model.finding import Finding, Priority
from tenfold.rules.capacity._timeouts import IDLE_IN_TRANSACTION, TIMEOUTS, Timeout, wish
from tenfold.rules.settings import application_role, limits
from tenfold.rules.subject import Subject

ID = "timeouts-missing"


def check(subject: Subject) -> Iterator[Finding]:
    role = application_role(subject)
    for timeout in TIMEOUTS:
        # Version 17 can limit the whole transaction, idle time included.
        names = (
            (timeout.setting, "transaction_timeout") if timeout is IDLE_IN_TRANSACTION else (timeout.setting,)
        )
        if not any(limits(subject, name, role) for name in names):
            yield _for_role(subject, role.name, timeout) if role else _for_database(subject, timeout)


def _for_role(subject: Subject, role: str, timeout: Timeout) -> Finding:
    remedy = wish(subject, role, timeout)
    return Finding(
        rule=ID,
        priority=Priority.P1,
        object=identifier(role),
        detail=timeout.setting,
        message=f"{identifier(role)} runs without {timeout.setting}: {timeout.consequence}",
        remedies=(remedy,) if remedy is not None else (),
    )


def _for_database(subject: Subject, timeout: Timeout) -> Finding:
    database = identifier(subject.snapshot.database.name)
    return Finding(
        rule=ID,
        priority=Priority.P1,
        object=database,
        detail=timeout.setting,
        message=f"{database} sets no {timeout.setting}, nor does the server: {timeout.consequence}",
        advice=(f"ALTER DATABASE {database} SET {timeout.setting} = {literal(timeout.value)}",),
    )
