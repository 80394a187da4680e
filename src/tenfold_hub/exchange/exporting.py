"""One export, some pages at a time: each step adds a part of the file, and notes where the next one begins.

Every part is a gzip file of its own, and so are all of them together, one behind the other.
"""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import msgspec

from tenfold.errors import CursorError
from tenfold.runtime import Row, Session
from tenfold.runtime.paging import Cursors
from tenfold_hub.exchange import cells
from tenfold_hub.exchange.exports import DAYS, MOST_ROWS, PAGES, Shape, shape
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.expanding import Expander
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.showing import json_of, moment, shower

_HOLD = """
SELECT id, version, kind, format, fields, filters, archived, status, rows_done, next_part, position,
       actor_kind, actor_id
  FROM exchange.exports WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_ADD = """
INSERT INTO exchange.export_parts (organization_id, export_id, place, content) VALUES ($1, $2, $3, $4)
"""
_CAME = """
UPDATE exchange.exports
   SET status = 'running', started_at = coalesce(started_at, now()), updated_at = now(),
       version = version + 1, next_part = next_part + 1, rows_done = rows_done + $3, bytes = bytes + $4,
       position = $5
 WHERE organization_id = $1 AND id = $2
"""
_END = """
UPDATE exchange.exports
   SET status = $3, error = $4, finished_at = now(), updated_at = now(), version = version + 1,
       expires_at = now() + make_interval(days => $5)
 WHERE organization_id = $1 AND id = $2 AND status IN ('queued', 'running')
"""
_DROP = "DELETE FROM exchange.export_parts WHERE organization_id = $1 AND export_id = $2"


class Exporting:
    """Of a hub: how exports are worked off. `known` grows while domains join."""

    def __init__(
        self, exports: Records, known: Mapping[str, Records], cursors: Cursors, expander: Expander
    ) -> None:
        self._exports, self._known, self._cursors, self._expander = exports, known, cursors, expander

    async def step(self, session: Session, id: uuid.UUID) -> bool:
        """Some pages. The export's row is held meanwhile, so that no other process does the same."""
        job = await session.fetch_row(_HOLD, session.tenant, id)
        if job is None or job["status"] not in ("queued", "running"):
            return False
        asked = shape(
            self._known,
            job["kind"],
            msgspec.json.decode(job["fields"]),
            msgspec.json.decode(job["filters"], type=list[tuple[str, str, Any]]),
            archived=job["archived"],
        )
        first = job["next_part"] == 0
        text = _header(asked.columns) if first and job["format"] == "csv" else b""
        cursor, rows = job["position"], 0
        for _ in range(PAGES):
            try:
                items, cursor = await self._page(session, asked, cursor)
            except CursorError:
                await self.end(session, job, "failed", "what the filters name was changed meanwhile")
                return False
            rows += len(items)
            text += _csv(items, asked) if job["format"] == "csv" else _lines(items, asked)
            if cursor is None:
                break
        content = await asyncio.to_thread(gzip.compress, text, 5, mtime=0)
        await session.execute(_ADD, session.tenant, id, job["next_part"], content)
        await session.execute(_CAME, session.tenant, id, rows, len(content), cursor)
        if job["rows_done"] + rows > MOST_ROWS:
            await self.end(session, job, "failed", f"an export has at most {MOST_ROWS:,} rows; filter them")
            return False
        if cursor is None:
            await self.end(session, job, "done")
        return cursor is not None

    async def give_up(self, session: Session, id: uuid.UUID) -> None:
        job = await session.fetch_row(_HOLD, session.tenant, id)
        if job is not None:
            await self.end(session, job, "failed", "something went wrong here; try again")

    async def hold(self, session: Session, id: uuid.UUID) -> Row | None:
        return await session.fetch_row(_HOLD, session.tenant, id)

    async def end(self, session: Session, job: Row, status: str, error: str | None = None) -> bool:
        """False where it has ended before. Without success there is no file."""
        if not await session.execute(_END, session.tenant, job["id"], status, error, DAYS):
            return False
        if status != "done":
            await session.execute(_DROP, session.tenant, job["id"])
        assert isinstance(session.tenant, uuid.UUID)
        principal = Principal(
            organization=session.tenant, id=job["actor_id"], kind=job["actor_kind"], scopes=frozenset()
        )
        before = {"id": job["id"], "version": job["version"], "status": job["status"]}
        after = before | {"version": job["version"] + 1, "status": status}
        change = Change("updated", job["id"], before, after, {"status": status})
        await self._exports.tell(session, principal, [change])
        return True

    async def _page(
        self, session: Session, asked: Shape, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        records = self._known[asked.listing.resource.name]
        found = await records.page(session, replace(asked.listing, cursor=cursor), self._cursors)
        show = shower(records.resource)
        items = [show(row, asked.listing.fields) for row in found.items]
        await records.reveal(session, items)
        if asked.expand and items:
            await self._expander(session, records.resource, found.items, items, asked.expand)
        return items, found.next


def _header(columns: Sequence[str]) -> bytes:
    return cells.lines([columns])


def _csv(items: Sequence[dict[str, Any]], asked: Shape) -> bytes:
    return cells.lines([_cell(value) for value in _values(item, asked).values()] for item in items)


def _lines(items: Sequence[dict[str, Any]], asked: Shape) -> bytes:
    return b"".join(json_of(_values(item, asked)) + b"\n" for item in items)


def _values(item: dict[str, Any], asked: Shape) -> dict[str, Any]:
    custom: dict[str, Any] | None = None
    found: dict[str, Any] = {}
    for column in asked.columns:
        name, _, inner = column.partition(".")
        if not inner:
            found[column] = item[column]
        elif name in asked.expand:
            found[column] = None if item[name] is None else item[name][inner]
        else:
            if custom is None:
                custom = msgspec.json.decode(json_of(item.get("custom") or {}))
            found[column] = custom.get(column.removeprefix(PREFIX))
    return found


def _cell(value: Any) -> str | int:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int():
            return value
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case _:
            return json_of(value).decode()
