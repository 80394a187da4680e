# Handlers' annotations are read by the framework, so these are no text.
"""Routes of imports: sending a file, cancelling, and the rows that were wrong."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Parameter
from litestar.params import FromPath
from litestar.response import Stream

from tenfold.runtime import Session
from tenfold_hub.exchange import cells
from tenfold_hub.exchange.importing import Importing
from tenfold_hub.exchange.imports import IMPORTS, MOST_BYTES, Blanks, Format, Import, Mode
from tenfold_hub.exchange.jobs import Jobs, require_room
from tenfold_hub.exchange.mapping import TAGS, matches, targets
from tenfold_hub.exchange.uploads import Table, Upload, spool
from tenfold_hub.kit import documented, ids
from tenfold_hub.kit.exchange import Answer, Asked, principal_of, reading, written
from tenfold_hub.kit.idempotency import Kept, Key, keep, kept, key_of
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import ERRORS, route
from tenfold_hub.kit.showing import json_of, shower

KIND = "import"
_FAILURES_AT_ONCE = 2_000

_FILES = ("text/csv", "application/x-ndjson")

_show = shower(IMPORTS)
_CREATE = """
INSERT INTO exchange.imports
       (organization_id, id, kind, mode, format, mapping, match, blanks, status, columns, actor_kind,
        actor_id, scopes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'uploading', $9, $10, $11, $12)
"""
_STAGE = """
INSERT INTO exchange.import_chunks (organization_id, import_id, place, rows) VALUES ($1, $2, $3, $4)
"""
_QUEUE = """
UPDATE exchange.imports SET status = 'queued', rows_total = $3, updated_at = now()
 WHERE organization_id = $1 AND id = $2 AND status = 'uploading'
"""
_HOLD = """
SELECT id, version, status, actor_kind, actor_id FROM exchange.imports
 WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_FAILURES = """
SELECT line, cells, error FROM exchange.import_failures
 WHERE organization_id = $1 AND import_id = $2 AND line > $3 ORDER BY line LIMIT $4
"""


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of the query string, or of the fields beside the file. `mapping` and `match` are JSON."""

    kind: str
    mode: Mode = "upsert"
    format: Format | None = None
    mapping: dict[str, str | None] | None = None
    match: dict[str, str] = {}
    blanks: Blanks = "keep"


class ImportRoutes:
    """`known` are all things of the hub, by the name of their resource."""

    def __init__(
        self, imports: Records, known: Mapping[str, Records], importing: Importing, jobs: Jobs
    ) -> None:
        self._imports, self._known, self._importing, self._jobs = imports, known, importing, jobs

    def handlers(self) -> list[BaseRouteHandler]:
        async def create(request: Asked) -> Answer:
            return await self._create(request)

        async def cancel(request: Asked, id: FromPath[str]) -> Answer:
            async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
                row = await session.fetch_row(_HOLD, session.tenant, _id(id))
                if row is None:
                    raise not_found(IMPORTS.singular)
                if not await self._importing.end(session, row, "canceled") and row["status"] != "canceled":
                    raise Problem("conflict", f"the import is {row['status']}")
                return 200, await self._shown(session, row["id"]), {}

            return await written(request, IMPORTS.to_write, f"POST /imports/{id}/cancel", do)

        async def failed(request: Asked, id: FromPath[str]) -> Stream:
            async with reading(request, IMPORTS.to_read) as (session, _):
                job = await self._imports.get(session, _id(id))
            name = f"{ids.shown(IMPORTS.prefix, job['id'])}-failed.csv"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Stream(_failures(request, job), media_type="text/csv", headers=headers)

        return [
            # The file goes to disk piece by piece, and is counted there.
            post(
                "/imports",
                request_max_body_size=MOST_BYTES + 1_000_000,
                summary="Import a file",
                operation_id="post_imports",
                tags=["imports"],
                responses={201: ResponseSpec(Import, generate_examples=False), **ERRORS},
                operation_class=documented.described(_parameters(), documented.files(*_FILES)),
            )(create),
            route(post, "/imports/{id:str}/cancel", cancel, "Cancel an import", Import),
            get(
                "/imports/{id:str}/failed.csv",
                summary="The rows of an import that were wrong, and why",
                operation_id="get_imports_one_failed",
                tags=["imports"],
                media_type="text/csv",
                responses=ERRORS,
            )(failed),
        ]

    async def _create(self, request: Asked) -> Answer:
        principal = principal_of(request, IMPORTS.to_write)
        with spool() as upload:
            await upload.receive(request.stream(), request.headers.get("content-type", ""))
            options = _options(request, upload)
            name = f"POST /imports?{request.url.query}"
            key = key_of(request.headers.get("idempotency-key"), name, b"")
            key = None if key is None else Key(key.route, key.key, upload.digest)
            if key is not None:
                async with self._session(request) as session:
                    if found := await kept(session, principal, key):
                        return _answer(found, replayed=True)
            format = options.format or _format_of(upload)
            table = await asyncio.to_thread(Table, upload.file, format)
            id = await self._begin(request, principal, options, format, table)
            return await self._stage(request, principal, key, id, table)

    async def _begin(
        self, request: Asked, principal: Principal, options: Options, format: str, table: Table
    ) -> uuid.UUID:
        as_they_are = format == "ndjson" and options.mapping is None
        mapping = {name: name for name in table.columns} if as_they_are else options.mapping
        found = targets(options.kind, self._known, table.columns, mapping)
        match = matches(found, options.match, options.mode)
        for target in found.values():
            principal.require(target.records.resource.to_write)
        if TAGS in found[""].fields.values():
            principal.require(self._known[TAGS].resource.to_write)
        said = {
            column: f"{name}.{field}" if name else field
            for name, target in found.items()
            for column, field in (
                *target.fields.items(),
                *((column, f"custom.{key}") for column, key in target.custom.items()),
            )
        }
        id = ids.new_id()
        values = {"mapping": {} if as_they_are else said, "match": match, "columns": table.columns}
        async with self._session(request) as session:
            await require_room(session, "exchange.imports")
            await session.execute(
                _CREATE,
                principal.organization,
                id,
                options.kind,
                options.mode,
                format,
                *(msgspec.json.encode(values[each]).decode() for each in ("mapping", "match")),
                options.blanks,
                msgspec.json.encode(values["columns"]).decode(),
                principal.kind,
                principal.id,
                msgspec.json.encode(sorted(principal.scopes)).decode(),
            )
        return id

    async def _stage(
        self, request: Asked, principal: Principal, key: Key | None, id: uuid.UUID, table: Table
    ) -> Answer:
        try:
            place = 0
            while (chunk := await asyncio.to_thread(table.chunk)) is not None:
                async with self._session(request) as session:
                    await session.execute(_STAGE, principal.organization, id, place, chunk)
                place += 1
            if not table.rows:
                raise Problem("invalid_request", "the file has no rows")
            async with self._session(request) as session:
                if key is not None and (found := await kept(session, principal, key)):
                    # The same request overtook this one.
                    await self._abandon(session, id, "the same request came twice")
                    return _answer(found, replayed=True)
                await session.execute(_QUEUE, principal.organization, id, table.rows)
                await self._jobs.begin(session, KIND, id)
                after = {"id": id, "version": 1, "status": "queued"}
                await self._imports.tell(session, principal, [Change("created", id, None, after)])
                answer = Kept(201, json_of(await self._shown(session, id)))
                if key is not None:
                    await keep(session, principal, key, answer)
        except Problem as problem:
            async with self._session(request) as session:
                await self._abandon(session, id, str(problem))
            raise
        return _answer(answer, {"Location": f"/v1/imports/{ids.shown(IMPORTS.prefix, id)}"})

    async def _abandon(self, session: Session, id: uuid.UUID, why: str) -> None:
        row = await session.fetch_row(_HOLD, session.tenant, id)
        if row is not None:
            await self._importing.end(session, row, "failed", why)

    async def _shown(self, session: Session, id: uuid.UUID) -> dict[str, Any]:
        return _show(await self._imports.get(session, id), IMPORTS.fields)

    def _session(self, request: Asked) -> Any:
        return request.scope["state"]["tenant"].session()


async def _failures(request: Asked, job: Any) -> AsyncGenerator[bytes]:
    """The columns as they came, the error and the line, page by page."""
    as_csv = job["format"] == "csv"
    header = msgspec.json.decode(job["columns"], type=list[str]) if as_csv else ["row"]
    yield cells.lines([[*header, "error", "line"]])
    line = -1
    while True:
        async with request.scope["state"]["tenant"].session(read_only=True) as session:
            rows = await session.fetch(_FAILURES, session.tenant, job["id"], line, _FAILURES_AT_ONCE)
        if not rows:
            return
        line = rows[-1]["line"]
        yield cells.lines(
            [*_cells(row["cells"], as_csv, len(header)), row["error"], row["line"]] for row in rows
        )


def _cells(text: str, as_csv: bool, width: int) -> list[Any]:
    if not as_csv:
        return [text]
    row = msgspec.json.decode(text)
    # A row that is longer than the header loses cells, so that all rows have one shape.
    return [*row[:width], *([""] * (width - len(row)))] if isinstance(row, list) else [text]


def _parameters() -> list[Parameter]:
    """As the description has them. A form beside the file may have them too."""
    return [*documented.of_struct(Options), documented.KEY]


def _options(request: Asked, upload: Upload) -> Options:
    given: dict[str, Any] = {name: str(value) for name, value in request.query_params.multi_items()}
    given |= upload.fields
    try:
        for name in ("mapping", "match"):
            if name in given:
                text = given[name].strip()
                given[name] = msgspec.json.decode(text) if text[:1] == "{" else {"": text}
        return msgspec.convert(given, Options)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise Problem("invalid_request", str(error), [Fault("", "invalid", str(error))]) from None


def _format_of(upload: Upload) -> Format:
    lines = ("json" in upload.type, upload.name.endswith((".ndjson", ".jsonl")))
    return "ndjson" if any(lines) else "csv"


def _answer(found: Kept, headers: dict[str, str] | None = None, *, replayed: bool = False) -> Answer:
    said = {"Idempotent-Replayed": "true"} if replayed else headers
    return Response(found.answer, status_code=found.status, media_type="application/json", headers=said)


def _id(text: str) -> uuid.UUID:
    try:
        return ids.read(IMPORTS.prefix, text)
    except ids.IdError:
        raise not_found(IMPORTS.singular) from None
