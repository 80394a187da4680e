"""A column is of type json.

## What it finds
A `json` column of a table. Partitions are judged through their parent.

## Why it matters
`json` keeps the text as it came: every look into it parses the whole document again, it has no equality (no
`DISTINCT`, `GROUP BY`, `UNION` or unique key), and no index can serve `@>`. `jsonb` is parsed once, when
written.

## How to fix
```sql
ALTER TABLE skiptrace_results ALTER COLUMN raw_response TYPE jsonb USING raw_response::jsonb;
```
This rewrites the table under a lock that stops reads and writes. `jsonb` does not keep the order of keys,
spaces, nor the first of two equal keys, and refuses `\\u0000`.

## When to ignore
Where the text itself is evidence and must come back byte for byte, or is stored and never looked into.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.rules.column_types import retype
from tenfold.rules.schema._columns import columns_of_type
from tenfold.rules.subject import Subject

ID = "json-not-jsonb"

#: Oid of type json (pg_type.dat).
_JSON = 114


def check(subject: Subject) -> Iterator[Finding]:
    for table, column in columns_of_type(subject, _JSON):
        name = identifier(column.name)
        yield Finding(
            rule=ID,
            priority=Priority.P2,
            object=table.display,
            detail=column.name,
            relation=table.oid,
            message=f"{table.display}.{name} is json: every look into it parses the whole text, "
            "and no index can serve one",
            advice=retype(subject.snapshot, table, column, "jsonb", f"{name}::jsonb"),
        )
