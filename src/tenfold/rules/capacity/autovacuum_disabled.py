"""Autovacuum is turned off, for the server or for a table.

## What it finds
`autovacuum = off` or `track_counts = off` on the server, and tables with the option
`autovacuum_enabled = false`.

## Why it matters
Nothing removes dead rows then, and nothing refreshes the planner's statistics: the table grows with every
update and its plans are made for the size it had. Only the emergency vacuum against transaction-id wraparound
still runs, at a moment of its own choosing and over the whole table. Without `track_counts` autovacuum runs
but knows of no changed row, so it never finds work.

## How to fix
Turn it on. Where it was turned off because it disturbed, let it start earlier and so do less at a time.

## When to ignore
A staging table that is truncated after every load needs no vacuum.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import SetTableOptions
from tenfold.rules.settings import is_off
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.vacuum import is_disabled

ID = "autovacuum-disabled"

_CONSEQUENCES = {
    "autovacuum": "no table is vacuumed or analyzed unless somebody does it by hand",
    "track_counts": "autovacuum knows of no changed row and never finds work",
}


def check(subject: Subject) -> Iterator[Finding]:
    for name, consequence in _CONSEQUENCES.items():
        if is_off(subject.snapshot.setting(name) or ""):
            yield Finding(
                rule=ID,
                priority=Priority.P1,
                object=name,
                message=f"{name} is off on the server: {consequence}",
                advice=(f"ALTER SYSTEM SET {name} = on", "SELECT pg_reload_conf()"),
            )
    for table in subject.stored:
        if not is_disabled(table):
            continue
        root, own = subject.root_of(table), table.option("autovacuum_enabled")
        yield Finding(
            rule=ID,
            priority=subject.priority(root),
            object=table.display,
            relation=root.oid,
            message=f"{table.display} has autovacuum_enabled = {own}: dead rows stay and statistics age",
            remedies=(
                SetTableOptions(
                    table=table_of(table),
                    options=(("autovacuum_enabled", "true"),),
                    old=(("autovacuum_enabled", own),),
                ),
            ),
        )
