# Handlers' annotations are read by the framework, so these are no text.
"""The audit log as a list: who changed what, when, and what it was before."""

import uuid
from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery

from tenfold.runtime.paging import Cursors, Order, Query, desc, page
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, answered, reading
from tenfold_hub.kit.listing import MOST, USUAL
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.resource import Resources
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.showing import moment, raw_json

_ENTRIES = """
SELECT at, id, actor_kind, actor_id, request_id, action, resource, object_id, before, after
  FROM hub.audit_entries WHERE organization_id = $1
"""
_OF_OBJECT = f"{_ENTRIES} AND object_id = $2"
_ACTORS = {"api_key": "key", "user": "usr"}
_ORDER = Order(desc("at", nullable=False), key="id")


class AuditEntry(msgspec.Struct, kw_only=True):
    """`before` and `after` hold the fields that differ; all of them where it was created."""

    id: str
    at: datetime
    actor: dict[str, str]
    request_id: str
    action: str
    resource: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(msgspec.Struct, kw_only=True):
    items: list[AuditEntry]
    next_cursor: str | None


def handlers(resources: Resources, cursors: Cursors) -> list[BaseRouteHandler]:
    prefixes = {resource.name: resource.prefix for resource in resources}

    async def audit(
        request: Asked,
        object: FromQuery[str] = "",
        limit: FromQuery[int] = USUAL,
        cursor: FromQuery[str | None] = None,
    ) -> Answer:
        if not 1 <= limit <= MOST:
            raise Problem("invalid_request", f"limit is from 1 to {MOST}")
        async with reading(request, "audit:read") as (session, principal):
            asked = Query(_ENTRIES, principal.organization)
            if object:
                asked = Query(_OF_OBJECT, principal.organization, _object(object, prefixes))
            found = await page(session, asked, _ORDER, limit, cursor, cursors=cursors)
        return answered({"items": [_shown(row, prefixes) for row in found.items], "next_cursor": found.next})

    return [route(get, "/audit", audit, "List what was changed, the latest first", AuditPage)]


def _object(text: str, prefixes: dict[str, str]) -> uuid.UUID:
    prefix = text.partition("_")[0]
    if prefix not in prefixes.values():
        raise Problem("invalid_request", "`object` is the id of a thing")
    try:
        return ids.read(prefix, text)
    except ids.IdError as error:
        raise Problem("invalid_request", str(error)) from None


def _shown(row: Any, prefixes: dict[str, str]) -> dict[str, Any]:
    kind = row["actor_kind"]
    return {
        "id": ids.shown("aud", row["id"]),
        "at": moment(row["at"]),
        "actor": {"kind": kind, "id": ids.shown(_ACTORS.get(kind, kind), row["actor_id"])},
        "request_id": row["request_id"],
        "action": row["action"],
        "resource": row["resource"],
        "object_id": ids.shown(prefixes.get(row["resource"], "obj"), row["object_id"]),
        "before": raw_json(row["before"]),
        "after": raw_json(row["after"]),
    }
