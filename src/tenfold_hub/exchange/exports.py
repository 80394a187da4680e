"""Exports: what a list shows, whole, as a file that can be fetched for some days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.listing import Search, searched
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort
from tenfold_hub.kit.selecting import Listing

#: Of one file. It can be fetched for so many days.
MOST_ROWS, DAYS = 10_000_000, 7
#: Rows of one transaction, by pages of the most that a page has.
PAGE, PAGES = 1_000, 5


class Export(msgspec.Struct, kw_only=True):
    """`bytes` are those of the compressed file; after `expires_at` there is none."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    kind: str
    format: Literal["csv", "ndjson"]
    gzip: bool
    fields: list[str]
    filters: list[tuple[str, str, Any]]
    archived: bool
    status: Literal["queued", "running", "done", "failed", "canceled"]
    rows_done: int
    bytes: int
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None


class NewExport(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`filters` are those of lists, `[field, operator, value]`. `fields` may be `person.email`."""

    kind: str
    format: Literal["csv", "ndjson"] = "csv"
    gzip: bool = False
    fields: list[str] = []
    filters: list[tuple[str, str, Any]] = []
    archived: bool = False


EXPORTS = Resource(
    name="exports",
    singular="export",
    prefix="exp",
    schema="exchange",
    table="exports",
    columns={
        "kind": "text",
        "format": "text",
        "gzip": "boolean",
        "fields": "jsonb",
        "filters": "jsonb",
        "archived": "boolean",
        "status": "text",
        "rows_done": "bigint",
        "bytes": "bigint",
        "error": "text",
        "started_at": "timestamptz",
        "finished_at": "timestamptz",
        "expires_at": "timestamptz",
        "next_part": "integer",
        "position": "text",
        "actor_kind": "text",
        "actor_id": "uuid",
        "scopes": "jsonb",
    },
    shown=Export,
    new=NewExport,
    patch=NewExport,
    filters={"created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort()},
    hidden=frozenset({"next_part", "position", "actor_kind", "actor_id", "scopes"}),
    writes=frozenset(),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is read for an export, and the columns that come of it."""

    listing: Listing
    columns: tuple[str, ...]
    #: Things that rows refer to, which are shown with them.
    expand: tuple[str, ...]


def shape(
    known: Mapping[str, Records],
    kind: str,
    fields: Sequence[str],
    filters: Sequence[tuple[str, str, Any]],
    *,
    archived: bool,
) -> Shape:
    """Raises Problem for what cannot be exported, each thing by its name."""
    records = known.get(kind)
    if records is None or not records.resource.writes:
        can = ", ".join(sorted(name for name, each in known.items() if each.resource.writes))
        raise Problem("invalid", f"`kind` is one of {can}", [Fault("/kind", "invalid", f"give one of {can}")])
    resource = records.resource
    columns = tuple(dict.fromkeys(fields)) or resource.fields
    own: dict[str, None] = {}
    expand: dict[str, None] = {}
    for column in columns:
        name, _, inner = column.partition(".")
        if inner and name in resource.expands and f"{name}_id" in resource.types:
            _require(known[resource.expands[name]].resource, inner)
            expand[name] = own[f"{name}_id"] = None
        else:
            # The list says whether it has such a field.
            own["custom" if column.startswith(PREFIX) and resource.custom else column] = None
    asked = searched(resource, Search(filters=list(filters), fields=list(own), sort=_sort(resource)))
    return Shape(replace(asked, limit=PAGE, archived=archived), columns, tuple(expand))


def _sort(resource: Resource) -> str:
    """By what does not change, so that a row that is changed meanwhile keeps its place."""
    return "created_at" if "created_at" in resource.sorts else "id"


def _require(resource: Resource, name: str) -> None:
    if name not in resource.fields:
        raise Problem("invalid_request", f"{resource.name} have no field {name[:60]!r}")
