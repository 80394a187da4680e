"""The hub's statements over bare ASGI and asyncpg: no framework, no validation, no runtime between."""

from __future__ import annotations

import datetime
import hashlib
import os
import uuid
import zlib
from typing import Any

import asyncpg
import msgspec

from tenfold_hub.kit import ids

POOL = 16
_COLUMNS = (
    "id, version, created_at, updated_at, archived_at, given_name, family_name, email, phone,"
    " lifecycle_stage, owning_service, custom"
)
_GET = f"SELECT {_COLUMNS} FROM identity.people WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_LIST = f"""
SELECT {_COLUMNS} FROM identity.people WHERE organization_id = $1 AND archived_at IS NULL
 ORDER BY created_at DESC, id DESC LIMIT $2
"""
_KEY = "SELECT id FROM identity.api_keys WHERE organization_id = $1 AND secret_hash = $2"
_HOLD = "SELECT objects.hold($1, $2, false)"
_HOLD_SEGMENTS = "SELECT crm.hold_segments($1, false)"
_INSERT = """
INSERT INTO identity.people (organization_id, id, version, created_at, updated_at, given_name, family_name,
                             email, email_normal, lifecycle_stage, owning_service, custom)
SELECT $1, i.id, 1, $2, $2, i.given, i.family, i.email, lower(i.email), i.stage, 'hub', '{}'
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
       AS i (id, given, family, email, stage)
"""
_SEARCHED = """
WITH entries AS (
  INSERT INTO crm.search_entries (organization_id, object_id, kind, title, detail, words, marks)
  SELECT $1, e.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS e
      ON CONFLICT (organization_id, object_id) DO UPDATE
     SET title = EXCLUDED.title, detail = EXCLUDED.detail, words = EXCLUDED.words, marks = EXCLUDED.marks
), added AS (
  INSERT INTO crm.search_postings (organization_id, term, object_id)
  SELECT $1, new.* FROM unnest($8::bigint[], $9::uuid[]) AS new ON CONFLICT DO NOTHING
)
INSERT INTO crm.search_words (organization_id, word) SELECT $1, word FROM unnest($10::text[]) AS word
    ON CONFLICT DO NOTHING RETURNING word
"""
_AUDIT = """
INSERT INTO hub.audit_entries
       (organization_id, at, id, actor_kind, actor_id, request_id, action, resource, object_id, before, after)
SELECT $1, now(), e.id, 'api_key', $2, '', 'created', 'people', e.object_id, NULL, e.after
  FROM unnest($3::uuid[], $4::uuid[], $5::jsonb[]) AS e (id, object_id, after)
"""
_EVENTS = """
INSERT INTO outbox.events (event, organization_id, topic, key, payload)
SELECT e.event, $1::uuid, 'changes', e.key, e.payload::jsonb
  FROM unnest($2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS e (event, key, payload, place)
 ORDER BY e.place
"""
_encode = msgspec.json.Encoder().encode


class Service:
    def __init__(self) -> None:
        self.pool: Any = None
        self.keys: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    self.pool = await asyncpg.create_pool(**_parameters(), min_size=POOL, max_size=POOL)
                elif self.pool is not None:
                    await self.pool.close()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["path"] == "/health":
            await _answer(send, 200, b"{}")
            return
        token = next(value for name, value in scope["headers"] if name == b"authorization")[7:].decode()
        if token not in self.keys:
            self.keys[token] = await self._known(token)
        organization, key = self.keys[token]
        path = scope["path"].rsplit("/", 1)[1]
        async with self.pool.acquire() as db:
            reads = scope["method"] == "GET"
            mode = " READ ONLY" if reads else ""
            await db.execute(f"BEGIN{mode}; SET LOCAL app.organization_id = '{organization}'")
            try:
                if not reads:
                    status, answer = await self._create(db, organization, key, await _body(receive), path)
                elif path == "people":
                    rows = await db.fetch(_LIST, organization, 51)
                    items = [_shown(row) for row in rows[:50]]
                    status, answer = 200, {"items": items, "next_cursor": None, "previous_cursor": None}
                else:
                    rows = await db.fetch(_GET, organization, [ids.read("per", path)])
                    status, answer = (200, _shown(rows[0])) if rows else (404, {})
            except BaseException:
                await db.execute("ROLLBACK")
                raise
            await db.execute("COMMIT")
        await _answer(send, status, _encode(answer))

    async def _known(self, token: str) -> tuple[uuid.UUID, uuid.UUID]:
        organization = ids.read("hub", token[:30])
        async with self.pool.acquire() as db, db.transaction():
            await db.execute(f"SET LOCAL app.organization_id = '{organization}'")
            found = await db.fetchval(_KEY, organization, hashlib.sha256(token.encode()).digest())
        return organization, found

    async def _create(
        self, db: Any, organization: uuid.UUID, key: uuid.UUID, body: bytes, path: str
    ) -> tuple[int, Any]:
        given = msgspec.json.decode(body)
        items = [each["item"] for each in given["items"]] if path == "create" else [given]
        now = datetime.datetime.now(datetime.UTC)
        made = [ids.new_id() for _ in items]
        await db.fetch(_HOLD, organization, "people")
        fields = ("given_name", "family_name", "email", "lifecycle_stage")
        await db.execute(
            _INSERT, organization, now, made, *([item.get(name) for item in items] for name in fields)
        )
        shown = [_new(id, item, now) for id, item in zip(made, items, strict=True)]
        words = [[item["given_name"].lower(), item["family_name"].lower(), "example"] for item in items]
        terms = [(zlib.crc32(f"{n}{word}".encode()), id) for id, of in zip(made, words, strict=True)
                 for word in of for n in range(3)]  # fmt: skip
        await db.fetch(
            _SEARCHED, organization, made, ["people" for _ in items],
            [f"{item['given_name']} {item['family_name']}" for item in items],
            [item["email"] for item in items], [" ".join(of) for of in words],
            [item["email"] for item in items], [term for term, _ in terms], [id for _, id in terms],
            sorted({word for of in words for word in of}),
        )  # fmt: skip
        await db.fetch(_HOLD_SEGMENTS, organization)
        after = [_encode(each).decode() for each in shown]
        await db.execute(_AUDIT, organization, key, [ids.new_id() for _ in items], made, after)
        payloads = [
            _encode({"topic": "identity.people.created", "data": {"id": each["id"], "version": 1}}).decode()
            for each in shown
        ]
        await db.execute(
            _EVENTS, organization, [ids.new_id() for _ in items], [each["id"] for each in shown], payloads
        )
        if path == "create":
            return 200, {"items": [{"status": 200, "item": each} for each in shown]}
        return 201, shown[0]


def _shown(row: Any) -> dict[str, Any]:
    found = dict(row)
    found["id"] = ids.shown("per", row["id"])
    found["custom"] = msgspec.Raw(row["custom"].encode())
    return found


def _new(id: uuid.UUID, item: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
    return {
        "id": ids.shown("per", id), "version": 1, "created_at": now, "updated_at": now, "archived_at": None,
        "given_name": item.get("given_name"), "family_name": item.get("family_name"),
        "email": item.get("email"), "phone": None, "lifecycle_stage": item.get("lifecycle_stage"),
        "owning_service": "hub", "custom": {},
    }  # fmt: skip


async def _body(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _parameters() -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict

    known = conninfo_to_dict(os.environ["TENFOLD_HUB_DATABASE"])
    names = {"host": "host", "port": "port", "user": "user", "dbname": "database", "password": "password"}
    return {names[name]: value for name, value in known.items() if name in names}


application = Service()
