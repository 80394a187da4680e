"""One reversible step of DDL, and a plan: an ordered list of them.

A plan is a value that can be saved, read and reviewed. Every change carries the query that tells whether it
is done already, so that the database itself is the journal of how far a plan has come.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from tenfold.model.finding import Priority

#: Version of the plan file's format.
PLAN_VERSION = 1


class Phase(StrEnum):
    """What kind of contract a change touches. `isolation` is applied only when it is named."""

    INDEXES = "indexes"
    KEYS = "keys"
    ISOLATION = "isolation"
    SETTINGS = "settings"


class Lock(StrEnum):
    """Table lock modes by strength, as in the documentation's chapter on explicit locking."""

    NONE = "none"
    ACCESS_SHARE = "ACCESS SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @property
    def blocks(self) -> str:
        """What waits while it is held."""
        match self:
            case Lock.ACCESS_EXCLUSIVE:
                return "reads and writes"
            case Lock.SHARE | Lock.SHARE_ROW_EXCLUSIVE:
                return "writes"
            case Lock.NONE | Lock.ACCESS_SHARE | Lock.ROW_EXCLUSIVE | Lock.SHARE_UPDATE_EXCLUSIVE:
                return "nothing"


class Estimate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a change will cost, from the snapshot's sizes. A bound to plan by, not a measurement."""

    #: Bytes it will add; below zero, free.
    bytes: int = 0
    #: How long it runs.
    seconds: float = 0.0
    #: How long its lock is held.
    lock_seconds: float = 0.0
    rows: int = 0


class Backfill(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fills a column in batches that walk the primary key, each a short transaction of its own."""

    table_sql: str
    key_columns: tuple[str, ...]
    #: `UPDATE ... WHERE` without the key range: the batch adds it, on the alias `child`.
    update: str
    #: Condition on `child` that a row still needs it.
    pending: str
    batch_rows: int = 5_000


class Obstacle(msgspec.Struct, frozen=True):
    """What must not be there when a change begins."""

    #: One boolean: true where it is there. Reads, under ACCESS SHARE, for as long as it takes.
    found: str
    #: What is in the way and how to find it; no value of a row.
    message: str


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step. `sql` runs in order, in one transaction where `transactional`."""

    #: Stable over plans: `create-index:public.messages:idx_messages_team_id_status`.
    id: str
    #: statement: brief DDL. build: long, concurrent, outside a transaction. scan: long under a weak lock
    #: (VALIDATE, ANALYZE). backfill: batches.
    kind: Literal["statement", "build", "scan", "backfill"]
    phase: Phase
    priority: Priority
    #: The table or role it changes, as people say it.
    object: str
    title: str
    #: One boolean: true where it is done.
    done: str
    lock: Lock
    sql: tuple[str, ...] = ()
    #: Reverts it, in order; empty where nothing is to be undone.
    undo: tuple[str, ...] = ()
    transactional: bool = True
    #: Of a build: the index it makes, schema and name, so that an invalid leftover is found.
    index: tuple[str, str] | None = None
    backfill: Backfill | None = None
    estimate: Estimate = Estimate()
    #: Ids of changes that must be done before.
    requires: tuple[str, ...] = ()
    #: Where this is found, the change is not begun.
    obstacle: Obstacle | None = None
    #: Of those that it requires, the id of one that must not stay where the server refuses this one.
    retracts: str | None = None
    #: Keys of the findings that it settles.
    findings: tuple[str, ...] = ()
    #: What a reader should know before saying yes.
    note: str | None = None


class Skipped(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wish that the plan does not carry out, and why: covered by another change, or not safe by itself."""

    findings: tuple[str, ...]
    what: str
    why: str


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    version: int = PLAN_VERSION
    #: Of the database it was made for.
    fingerprint: str
    database: str
    server_version: str
    #: ISO 8601 time of the snapshot it was made from.
    made_from: str
    changes: tuple[Change, ...] = ()
    skipped: tuple[Skipped, ...] = ()
