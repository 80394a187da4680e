"""Imports: many things from a file, created or changed by what they are known by."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort

#: Of one file.
MOST_BYTES, MOST_ROWS, MOST_COLUMNS, LONGEST_ROW = 1_000_000_000, 1_000_000, 200, 1_000_000
#: Rows of one transaction.
ROWS_AT_ONCE = 1_000

Mode = Literal["create", "update", "upsert"]
Format = Literal["csv", "ndjson"]
Blanks = Literal["keep", "clear"]
Status = Literal["uploading", "queued", "running", "done", "failed", "canceled"]


class Import(msgspec.Struct, kw_only=True):
    """`mapping` says which field each column is; `match`, by which field a thing is known."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    kind: str
    mode: Mode
    format: Format
    mapping: dict[str, str]
    match: dict[str, str]
    blanks: Blanks
    status: Status
    columns: list[str]
    rows_total: int | None
    rows_done: int
    rows_created: int
    rows_updated: int
    rows_failed: int
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None


IMPORTS = Resource(
    name="imports",
    singular="import",
    prefix="imp",
    schema="exchange",
    table="imports",
    columns={
        "kind": "text",
        "mode": "text",
        "format": "text",
        "mapping": "jsonb",
        "match": "jsonb",
        "blanks": "text",
        "status": "text",
        "columns": "jsonb",
        "rows_total": "bigint",
        "rows_done": "bigint",
        "rows_created": "bigint",
        "rows_updated": "bigint",
        "rows_failed": "bigint",
        "error": "text",
        "started_at": "timestamptz",
        "finished_at": "timestamptz",
        "next_chunk": "integer",
        "actor_kind": "text",
        "actor_id": "uuid",
        "scopes": "jsonb",
    },
    shown=Import,
    new=Import,
    patch=Import,
    filters={"created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    hidden=frozenset({"next_chunk", "actor_kind", "actor_id", "scopes"}),
    writes=frozenset(),
)
