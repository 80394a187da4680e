"""What no client should send: it is refused, and nothing here goes wrong."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/people", {"given_name": "a\0"}),
        ("PUT", "/people/external/shop/%00", {}),
        ("POST", "/sessions", {"organization": "a\0", "email": "x@x.example", "password": "x\0"}),
        ("POST", "/sessions", {"organization": "\ud800", "email": "x@x.example", "password": "\ud800"}),
        ("POST", "/invites", {"email": "a\0@x.example"}),
        ("POST", "/invites/accept", {"token": "hubi_\0", "name": "\0", "password": "0123456789\0"}),
        ("PATCH", "/organization", {"name": "\0"}),
        ("PATCH", "/organization", {"settings": {"a": "\0"}}),
        ("POST", "/teams", {"name": "\0"}),
        ("POST", "/api-keys", {"name": "\0", "scopes": ["*"]}),
        ("POST", "/api-keys", {"name": "x", "scopes": ["*"], "expires_at": "0001-01-01T00:00:00+10:00"}),
        ("POST", "/people/x/merge", {"ids": ["y"]}),
        ("POST", "/merges/x/undo", None),
        ("GET", "/people/x/duplicates", None),
        ("GET", "/people/duplicates?cursor=%00", None),
        ("GET", "/people/duplicates?limit=99999999999999999999", None),
    ],
)
async def test_what_cannot_be_is_refused(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await client.request(
        method,
        path,
        content=None if body is None else json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_of_a_batch_only_the_item_is_refused_that_cannot_be_kept(client: httpx.AsyncClient) -> None:
    items = [{"item": {"given_name": name}} for name in ("a", "b\0", "c")]
    answer = await client.post("/people/batch/create", json={"items": items})
    assert [each["status"] for each in answer.json()["items"]] == [200, 422, 200]
    known = [
        {"key": key, "item": {"given_name": name}} for key, name in (("1", "a"), ("\0", "b"), ("2", "\0"))
    ]
    answer = await client.post("/people/batch/upsert", json={"by": "external:s", "items": known})
    assert [each["status"] for each in answer.json()["items"]] == [201, 400, 422]
