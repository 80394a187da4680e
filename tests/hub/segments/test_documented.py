"""What the page about segments shows works as it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx

from tests.hub.segments.conftest import contact

PAGE = Path("docs/hub/segments.md")


async def test_the_bodies_of_the_page_are_taken(client: httpx.AsyncClient) -> None:
    shown = re.compile(r"/v1/([a-z-]+) -H [^\n]* -d '\n\s*(\{.*?\})'\n", re.DOTALL)
    found = shown.findall(PAGE.read_text())
    assert [path for path, _ in found] == ["segments", "saved-searches"]
    made = {}
    for path, body in found:
        answer = await client.post(f"/{path}", json=json.loads(body))
        assert answer.status_code == 201, answer.text
        made[path] = answer.json()["id"]
    await contact(client, "a@x.example", score=60)
    params = {"filter[segment]": made["segments"], "sort": "-score"}
    for path in ("contacts", f"saved-searches/{made['saved-searches']}/results"):
        answer = await client.get(f"/{path}", params=params if path == "contacts" else {"limit": 100})
        assert [each["score"] for each in answer.json()["items"]] == [60]
    rules = re.findall(r"^\| [^|]* \| `(\{.*\})` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rules) >= 5
    for number, rule in enumerate(rules):
        body = {"name": str(number), "kind": "dynamic", "resource": "companies", "rule": json.loads(rule)}
        assert (await client.post("/segments", json=body)).status_code == 201, rule
