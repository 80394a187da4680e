"""One import, chunk by chunk: each in one transaction with how far it came, so that none is done twice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tenfold.runtime import Row, Session
from tenfold_hub.crm.api import Tagging
from tenfold_hub.exchange.mapping import TAGS, Target, described
from tenfold_hub.exchange.tagging import RowTags
from tenfold_hub.exchange.uploads import Kept, flat, kept_rows
from tenfold_hub.exchange.upserting import Item, Upsert, require_readable
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.upserting import Mode

_HOLD = """
SELECT id, version, kind, mode, format, mapping, match, blanks, status, columns, rows_failed, next_chunk,
       actor_kind, actor_id, scopes
  FROM exchange.imports WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_CHUNK = """
DELETE FROM exchange.import_chunks WHERE organization_id = $1 AND import_id = $2 AND place = $3 RETURNING rows
"""
_CAME = """
UPDATE exchange.imports
   SET status = 'running', started_at = coalesce(started_at, now()), updated_at = now(),
       version = version + 1, next_chunk = next_chunk + 1, rows_done = rows_done + $3,
       rows_created = rows_created + $4,
       rows_updated = rows_updated + $5, rows_failed = rows_failed + $6
 WHERE organization_id = $1 AND id = $2
"""
_FAILED = """
INSERT INTO exchange.import_failures (organization_id, import_id, line, cells, error)
SELECT $1, $2, f.line, f.cells, f.error
  FROM unnest($3::bigint[], $4::text[], $5::text[]) AS f (line, cells, error)
ON CONFLICT DO NOTHING
"""
_END = """
UPDATE exchange.imports
   SET status = $3, error = $4, finished_at = now(), updated_at = now(), version = version + 1
 WHERE organization_id = $1 AND id = $2 AND status IN ('uploading', 'queued', 'running')
"""
_DROP = "DELETE FROM exchange.import_chunks WHERE organization_id = $1 AND import_id = $2"


class Importing:
    """Of a hub: how imports are worked off. `known` grows while domains join."""

    def __init__(self, imports: Records, known: Mapping[str, Records], tagging: Tagging) -> None:
        self._imports, self._known, self._tagging = imports, known, tagging

    async def step(self, session: Session, id: uuid.UUID) -> bool:
        """One chunk. The import's row is held meanwhile, so that no other process does the same chunk."""
        job = await session.fetch_row(_HOLD, session.tenant, id)
        if job is None or job["status"] not in ("queued", "running"):
            return False
        chunk = await session.fetch_value(_CHUNK, session.tenant, id, job["next_chunk"])
        if chunk is None:
            await self.end(session, job, "done")
            return False
        rows = kept_rows(chunk)
        principal = Principal(
            organization=_organization(session),
            id=job["actor_id"],
            kind=job["actor_kind"],
            scopes=frozenset(msgspec.json.decode(job["scopes"], type=list[str])),
        )
        done = await self._rows(session, principal, job, rows)
        failures = [
            (line, _text(row), _why(item.problem))
            for (line, row), item in zip(rows, done, strict=True)
            if item.problem is not None
        ]
        if failures:
            columns = [list(column) for column in zip(*failures, strict=True)]
            await session.execute(_FAILED, session.tenant, id, *columns)
        created = sum(item.created for item in done)
        counts = len(rows), created, len(rows) - created - len(failures), len(failures)
        await session.execute(_CAME, session.tenant, id, *counts)
        return True

    async def give_up(self, session: Session, id: uuid.UUID) -> None:
        job = await session.fetch_row(_HOLD, session.tenant, id)
        if job is not None:
            await self.end(session, job, "failed", "something went wrong here; what was done stays done")

    async def end(self, session: Session, job: Row, status: str, error: str | None = None) -> bool:
        """False where it has ended before. The audit log and the events say that it did."""
        if not await session.execute(_END, session.tenant, job["id"], status, error):
            return False
        await session.execute(_DROP, session.tenant, job["id"])
        principal = Principal(
            organization=_organization(session),
            id=job["actor_id"],
            kind=job["actor_kind"],
            scopes=frozenset(),
        )
        before = {"id": job["id"], "version": job["version"], "status": job["status"]}
        after = before | {"version": job["version"] + 1, "status": status}
        change = Change("updated", job["id"], before, after, {"status": status})
        await self._imports.tell(session, principal, [change])
        return True

    async def _rows(
        self, session: Session, principal: Principal, job: Row, rows: Sequence[Kept]
    ) -> list[Item]:
        """The items of what the import is about, one for each row."""
        as_objects = job["format"] == "ndjson"
        match = msgspec.json.decode(job["match"], type=dict[str, str])
        mapping: dict[str, str | None] | None = msgspec.json.decode(job["mapping"]) or None
        header = msgspec.json.decode(job["columns"], type=list[str])
        cells = [_flat(row) if as_objects else _named(row, header) for _, row in rows]
        columns = header
        if as_objects and mapping is None:
            columns = list({name: None for each in cells if isinstance(each, dict) for name in each})
            mapping = {name: name for name in columns}
        found, faults = described(job["kind"], self._known, columns, mapping)
        main = [_main(each, faults) for each in cells]
        for item, each in zip(main, cells, strict=True):
            _fill(item, found[""], each, job["blanks"])
        if len(found) > 1:
            # A row that cannot be does not leave behind what it refers to.
            require_readable(main, found[""].records.resource)
        tags = RowTags(self._known[TAGS], self._tagging) if TAGS in found[""].fields.values() else None
        if tags is not None:
            await tags.read(session, principal, main)
        for name, target in found.items():
            by = match.get(name, "")
            upsert = Upsert(target.records, by, job["mode"] if not name else _related(job["mode"]))
            if not name:
                await upsert(session, principal, main)
                continue
            items = [Item({}) for _ in cells]
            for item, each, about in zip(items, cells, main, strict=True):
                item.problem = about.problem
                _fill(item, target, each, job["blanks"])
            named = [item for item in items if item.values or item.custom]
            # Who is known by nothing is nobody new: the row says nothing of it.
            await upsert(session, principal, named)
            prefix = target.records.resource.prefix
            for item, about in zip(items, main, strict=True):
                if item.problem is not None and about.problem is None:
                    about.problem = item.problem
                elif item.id is not None:
                    about.values[f"{name}_id"] = shown(prefix, item.id)
        if tags is not None:
            await tags.give(session, principal, job["kind"])
        return main


def _related(mode: Mode) -> Mode:
    """What a thing refers to is created where it is missing, unless nothing is to be created."""
    return "update" if mode == "update" else "upsert"


def _named(row: Any, header: Sequence[str]) -> dict[str, Any] | str:
    if not isinstance(row, list):
        return "this is no row"
    if len(row) != len(header):
        return f"the row has {len(row)} cells, and the header {len(header)}"
    return dict(zip(header, row, strict=True))


def _flat(row: Any) -> dict[str, Any] | str:
    return flat(row) if isinstance(row, dict) else "this is no JSON object"


def _main(cells: dict[str, Any] | str, faults: Mapping[str, Any]) -> Item:
    if isinstance(cells, str):
        return Item({}, problem=Problem("invalid", cells))
    wrong = next((faults[name] for name in cells if name in faults), None)
    return Item({}, problem=Problem("invalid", wrong.detail) if wrong else None)


def _fill(item: Item, target: Target, cells: dict[str, Any] | str, blanks: str) -> None:
    if isinstance(cells, str):
        return
    for fields, values in ((target.fields, item.values), (target.custom, item.custom)):
        for column, name in fields.items():
            if column not in cells:
                continue
            value = cells[column]
            if isinstance(value, str):
                value = value.strip()
                if not value:
                    if blanks == "keep":
                        continue
                    value = None
                elif "\0" in value:
                    item.problem = item.problem or Problem(
                        "invalid", f"{column} holds a character that is none"
                    )
                    continue
            values[name] = value


def _why(problem: Problem | None) -> str:
    if problem is None:
        return ""
    if problem.errors:
        return "; ".join(f"{each.pointer.lstrip('/')}: {each.detail}".lstrip(": ") for each in problem.errors)
    return problem.detail or problem.title


def _text(row: Any) -> str:
    # A text that PostgreSQL cannot store is shown without what it cannot.
    return msgspec.json.encode(row).decode().replace("\\u0000", "")


def _organization(session: Session) -> uuid.UUID:
    assert isinstance(session.tenant, uuid.UUID)
    return session.tenant
