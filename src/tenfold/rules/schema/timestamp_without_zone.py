"""A column holds times without saying of which zone.

## What it finds
A column of type `timestamp without time zone`, which is what plain `timestamp` means.

## Why it matters
It stores what a clock on some wall showed, not a moment. Two services whose sessions run in different zones
write different values for the same moment, comparisons with `now()` use the session's zone, and the hour
that is repeated in autumn is one hour. `timestamptz` takes the same eight bytes, stores the moment and
shows it in the reader's zone. A comparison of `timestamptz` with `timestamp` is not leakproof, so that
under row-level security no index serves it.

## How to fix
Say which zone the stored values are in; UTC is only the likeliest:
```sql
ALTER TABLE appointments ALTER COLUMN starts_at TYPE timestamptz USING starts_at AT TIME ZONE 'UTC';
```
This rewrites the table under a lock that stops reads and writes, so it is shown and not applied.

## When to ignore
Where a wall clock is meant: opening hours, or an appointment "at nine, wherever you are", with the zone
beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.rules.column_types import retype
from tenfold.rules.schema._columns import columns_of_type
from tenfold.rules.subject import Subject

ID = "timestamp-without-zone"

#: Oid of type timestamp (pg_type.dat).
_TIMESTAMP = 1114


def check(subject: Subject) -> Iterator[Finding]:
    for table, column in columns_of_type(subject, _TIMESTAMP):
        name = identifier(column.name)
        yield Finding(
            rule=ID,
            priority=Priority.P2,
            object=table.display,
            detail=column.name,
            relation=table.oid,
            message=f"{table.display}.{name} is timestamp without time zone: it says what a clock showed, "
            "and not where",
            advice=retype(subject.snapshot, table, column, "timestamptz", f"{name} AT TIME ZONE 'UTC'"),
        )
