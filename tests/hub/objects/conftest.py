"""Definitions and things of an organization, as a client makes them."""

from __future__ import annotations

from typing import Any

import httpx


async def define(
    client: httpx.AsyncClient, object: str, key: str, type: str, **values: object
) -> dict[str, Any]:
    """A custom field, indexed if it is filterable."""
    body = {"object": object, "key": key, "label": key.title(), "type": type} | values
    answer = await client.post("/fields", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = (await client.get(f"/fields/{answer.json()['id']}")).json()
    while found["state"] == "filling":
        found = (await client.post(f"/fields/{found['id']}/fill")).json()
    return found


async def made(client: httpx.AsyncClient, path: str, **values: object) -> dict[str, Any]:
    answer = await client.post(f"/{path}", json=values)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found
