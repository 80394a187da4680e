# Handlers' annotations are read by the framework, so these are no text.
"""Routes of exports: beginning one, cancelling it, and its file."""

import datetime
import gzip
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from litestar import get, post
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from tenfold.runtime import Session
from tenfold_hub.exchange.exporting import Exporting
from tenfold_hub.exchange.exports import EXPORTS, Export, NewExport, shape
from tenfold_hub.exchange.jobs import Jobs, require_room
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, reading, written
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.routes import ERRORS, problems, route
from tenfold_hub.kit.showing import shower

KIND = "export"

_show = shower(EXPORTS)
_PART = """
SELECT content FROM exchange.export_parts WHERE organization_id = $1 AND export_id = $2 AND place = $3
"""
_FILE = ResponseSpec(bytes, media_type="application/octet-stream", generate_examples=False)
_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class ExportRoutes:
    """`known` are all things of the hub, by the name of their resource."""

    def __init__(
        self, exports: Records, known: Mapping[str, Records], exporting: Exporting, jobs: Jobs
    ) -> None:
        self._exports, self._known, self._exporting, self._jobs = exports, known, exporting, jobs

    def handlers(self) -> list[BaseRouteHandler]:
        async def create(request: Asked, data: JSONBody[NewExport]) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                values = await self._values(session, principal, data)
                await require_room(session, "exchange.exports")
                (made,) = await self._exports.create(session, principal, [values])
                id = (made.values or {})["id"]
                await self._jobs.begin(session, KIND, id)
                shown = await self._shown(session, id)
                return 201, shown, {"Location": f"/v1/exports/{shown['id']}"}

            return await written(request, EXPORTS.to_write, "POST /exports", do)

        async def cancel(request: Asked, id: FromPath[str]) -> Answer:
            async def do(session: Session, _: Principal) -> tuple[int, Any, dict[str, str]]:
                row = await self._exporting.hold(session, _id(id))
                if row is None:
                    raise not_found(EXPORTS.singular)
                if not await self._exporting.end(session, row, "canceled") and row["status"] != "canceled":
                    raise Problem("conflict", f"the export is {row['status']}")
                return 200, await self._shown(session, row["id"]), {}

            return await written(request, EXPORTS.to_write, f"POST /exports/{id}/cancel", do)

        async def file(request: Asked, id: FromPath[str]) -> Stream:
            return await self._file(request, _id(id))

        return [
            route(post, "/exports", create, "Export things to a file", Export, 201),
            route(post, "/exports/{id:str}/cancel", cancel, "Cancel an export", Export),
            get(
                "/exports/{id:str}/file",
                summary="The file of an export",
                operation_id="get_exports_one_file",
                tags=["exports"],
                # A media type of the route would be that of the answer, whatever the file is.
                responses={200: _FILE, **ERRORS, **problems(410)},
            )(file),
        ]

    async def _values(self, session: Session, principal: Principal, asked: NewExport) -> dict[str, Any]:
        found = shape(self._known, asked.kind, asked.fields, asked.filters, archived=asked.archived)
        resource = found.listing.resource
        # Whoever may not read it does not get it as a file either.
        principal.require(resource.to_read)
        for name in found.expand:
            principal.require(self._known[resource.expands[name]].resource.to_read)
        # Values that do not fit their fields are refused now, and not in the middle of the work.
        await self._known[asked.kind].count(session, found.listing)
        return {
            **{name: getattr(asked, name) for name in ("kind", "format", "gzip", "filters", "archived")},
            "fields": list(found.columns),
            "status": "queued",
            "rows_done": 0,
            "bytes": 0,
            "next_part": 0,
            "actor_kind": principal.kind,
            "actor_id": principal.id,
            "scopes": sorted(principal.scopes),
        }

    async def _file(self, request: Asked, id: uuid.UUID) -> Stream:
        async with reading(request, EXPORTS.to_read) as (session, principal):
            job = await self._exports.get(session, id)
        known = self._known.get(job["kind"])
        if known is not None:
            principal.require(known.resource.to_read)
        if job["expires_at"] and job["expires_at"] <= datetime.datetime.now(datetime.UTC):
            raise Problem("gone", "the file has expired; export it again")
        if job["status"] != "done":
            raise Problem("conflict", f"there is no file: the export is {job['status']}")
        name = f"{job['kind']}-{ids.shown(EXPORTS.prefix, id)}.{job['format']}"
        headers = {"Content-Disposition": f'attachment; filename="{name}{".gz" if job["gzip"] else ""}"'}
        # Unpacked here, not by a Content-Encoding: not every client reads gzip files that follow each other.
        kind = "application/gzip" if job["gzip"] else _TYPES[job["format"]]
        parts = _parts(request, id, job["next_part"], packed=job["gzip"])
        return Stream(parts, media_type=kind, headers=headers)

    async def _shown(self, session: Session, id: uuid.UUID) -> dict[str, Any]:
        return _show(await self._exports.get(session, id), EXPORTS.fields)


async def _parts(request: Asked, id: uuid.UUID, count: int, *, packed: bool) -> AsyncGenerator[bytes]:
    """One part in memory, and no transaction while the client takes it."""
    for place in range(count):
        async with request.scope["state"]["tenant"].session(read_only=True) as session:
            content = await session.fetch_value(_PART, session.tenant, id, place)
        yield content if packed else gzip.decompress(content)


def _id(text: str) -> uuid.UUID:
    try:
        return ids.read(EXPORTS.prefix, text)
    except ids.IdError:
        raise not_found(EXPORTS.singular) from None
