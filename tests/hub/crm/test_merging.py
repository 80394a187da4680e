"""When two people become one, so do their contacts and all that belongs to them; undone, it is as it was."""

from __future__ import annotations

from typing import Any

import httpx

from tests.hub.crm.test_points import points
from tests.hub.crm.test_sales import get, pipeline, post


async def filled(client: httpx.AsyncClient, name: str, tag: str) -> dict[str, Any]:
    person = {"given_name": name, "family_name": "Lovelace", "email": f"{name.lower()}@engines.example"}
    contact = await post(client, "/contacts", person=person)
    id = contact["id"]
    await post(client, "/notes", body=f"note of {name}", contact_id=id)
    await post(client, "/activities", kind="call", subject=f"call of {name}", contact_id=id)
    await post(client, "/deals", name=f"deal of {name}", contact_ids=[id])
    await post(client, "/contact-points", contact_id=id, kind="web", value="https://engines.example")
    await post(client, "/addresses", contact_id=id, city=name)
    await post(client, f"/tags/{tag}/assign", ids=[id])
    return contact


async def state(client: httpx.AsyncClient, contact: str) -> dict[str, Any]:
    async def named(path: str, field: str) -> list[str]:
        return sorted(item[field] for item in (await get(client, path))["items"])

    return {
        "notes": await named(f"/notes?filter[contact_id]={contact}", "body"),
        "activities": await named(f"/activities?filter[contact_id]={contact}", "subject"),
        "addresses": await named(f"/addresses?filter[contact_id]={contact}", "city"),
        "points": sorted(await points(client, contact)),
        "tags": sorted(
            each["name"] for each in (await get(client, f"/contacts/{contact}?expand=tags"))["tags"]
        ),
        "timeline": sorted(
            str(item["summary"].get("name") or item["summary"].get("body") or item["summary"].get("subject"))
            for item in (await get(client, f"/contacts/{contact}/timeline"))["items"]
            if not item["kind"].startswith("person_")
        ),
    }


async def test_two_contacts_become_one_with_all_they_have_and_two_again(client: httpx.AsyncClient) -> None:
    await pipeline(client)
    vip, new = [(await post(client, "/tags", name=name))["id"] for name in ("vip", "new")]
    ada, augusta = await filled(client, "Ada", vip), await filled(client, "Augusta", new)
    await post(client, f"/tags/{vip}/assign", ids=[augusta["id"]])
    before = await state(client, ada["id"]), await state(client, augusta["id"])

    merged = await client.post(f"/people/{ada['person_id']}/merge", json={"ids": [augusta["person_id"]]})
    assert merged.status_code == 200, merged.text
    (left,) = (await get(client, "/contacts"))["items"]
    after = await state(client, left["id"])
    for name in ("notes", "activities", "addresses", "timeline"):
        assert after[name] == sorted(before[0][name] + before[1][name]), name
    assert after["points"] == sorted({*before[0]["points"], *before[1]["points"]})
    assert after["tags"] == ["new", "vip"]
    primary = [value for value, is_primary in (await points(client, left["id"])).items() if is_primary]
    person = await get(client, f"/people/{left['person_id']}")
    assert sorted(primary) == sorted([person["email"], "https://engines.example"])
    for deal in (await get(client, "/deals?expand=contacts"))["items"]:
        assert [each["id"] for each in deal["contacts"]] == [left["id"]]
    found = (await get(client, "/search?q=augusta@engines.example"))["items"]
    assert [each["id"] for each in found] == [left["id"]]
    kinds = [item["kind"] for item in (await get(client, f"/contacts/{left['id']}/timeline"))["items"]]
    assert kinds.count("person_merged") == 1

    merge = (await get(client, "/merges"))["items"][0]["id"]
    undone = await client.post(f"/merges/{merge}/undo")
    assert undone.status_code == 200, undone.text
    assert (await state(client, ada["id"]), await state(client, augusta["id"])) == before
    for contact, name in ((ada, "ada"), (augusta, "augusta")):
        found = (await get(client, f"/search?q={name}@engines.example"))["items"]
        assert found[0]["id"] == contact["id"]
        assert (await points(client, contact["id"]))[f"{name}@engines.example"] is True
