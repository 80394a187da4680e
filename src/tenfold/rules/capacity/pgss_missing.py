"""pg_stat_statements is not collecting: nobody can say which statements cost the time.

## What it finds
A database without the extension `pg_stat_statements`, or a server that has not loaded its library.

## Why it matters
Without it the server keeps no record of its statements. Slow queries show only one by one in the log, if at
all, and frequent small ones, which often cost more in sum, not at all. The query rules of this audit, the
latency metric and the choice of composite indexes all rest on it.

## How to fix
Load the library, which needs a restart and a few MB of shared memory, then create the extension in the
database. Managed services usually have it loaded already. It costs about a microsecond a statement.

## When to ignore
Where another extension or the provider collects statements.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import literal
from tenfold.model.finding import Finding, Priority
from tenfold.model.snapshot import Snapshot
from tenfold.rules.settings import statements_loaded
from tenfold.rules.subject import Subject

ID = "pgss-missing"


def check(subject: Subject) -> Iterator[Finding]:
    snapshot = subject.snapshot
    loaded = statements_loaded(snapshot)
    created = "pg_stat_statements" in snapshot.extension_names
    if loaded and created:
        return
    lacks = [
        *([] if loaded else ["is not in shared_preload_libraries"]),
        *([] if created else ["is not created in this database"]),
    ]
    yield Finding(
        rule=ID,
        priority=Priority.P1,
        object="pg_stat_statements",
        message=f"pg_stat_statements {' and '.join(lacks)}: slow and frequent statements go unseen",
        advice=(
            *(() if loaded else _preload(snapshot)),
            *(() if created else ("CREATE EXTENSION IF NOT EXISTS pg_stat_statements",)),
        ),
    )


def _preload(snapshot: Snapshot) -> tuple[str, ...]:
    """Adds the library to those loaded; nothing where the role may not see which these are."""
    present = snapshot.setting("shared_preload_libraries")
    if present is None:
        return ()
    libraries = [name.strip().strip('"') for name in present.split(",") if name.strip()]
    libraries = list(dict.fromkeys((*libraries, "pg_stat_statements")))
    return (f"ALTER SYSTEM SET shared_preload_libraries = {', '.join(map(literal, libraries))}",)
