"""Custom fields: what can be defined, what values become, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx

from tests.hub.objects.conftest import define, made


async def refused(client: httpx.AsyncClient, custom: dict[str, object]) -> Any:
    answer = await client.post("/people", json={"custom": custom})
    assert answer.status_code in (409, 422), answer.text
    return answer.json()["errors"]


KEPT: list[tuple[str, dict[str, object], object, object]] = [
    ("text", {}, "Osl\u006f\u0308", "Osl\u00f6"),
    ("textarea", {}, "a\nb", "a\nb"),
    ("number", {}, 7, 7),
    ("number", {}, "7", 7),
    ("decimal", {}, 12.1, "12.10"),
    ("decimal", {"decimals": 4}, "-0.0001", "-0.0001"),
    ("date", {}, "2026-01-31", "2026-01-31"),
    ("datetime", {}, "2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000000Z"),
    ("boolean", {}, False, False),
    ("boolean", {}, "true", True),
    ("url", {}, "https://Example.com/A", "https://example.com/A"),
    ("email", {}, "Ada@Example.com", "ada@example.com"),
    ("phone", {}, "+49 30 123456", "+4930123456"),
    ("currency", {"currency": "EUR"}, 1250, {"minor": 1250, "currency": "EUR"}),
    (
        "currency",
        {"currency": "EUR"},
        {"minor": -1, "currency": "EUR"},
        {"minor": -1, "currency": "EUR"},
    ),
]
REFUSED: list[tuple[str, dict[str, object], object]] = [
    ("text", {}, 7),
    ("text", {}, " "),
    ("text", {}, "a\0b"),
    ("text", {}, "x" * 501),
    ("text", {"max_length": 3}, "long"),
    ("text", {"min_length": 3}, "no"),
    ("text", {"pattern": "[A-Z]{2}[0-9]+"}, "xAB1"),
    ("textarea", {}, "x" * 20_001),
    ("number", {}, 1.5),
    ("number", {}, True),
    ("number", {}, 2**53),
    ("number", {}, "9" * 50),
    ("number", {"min": 1}, 0),
    ("number", {"max": 1}, 2),
    ("decimal", {}, "1.234"),
    ("decimal", {}, "NaN"),
    ("decimal", {}, "1e9999999"),
    ("decimal", {"max": "9.99"}, "10"),
    ("date", {}, "31.01.2026"),
    ("date", {"min": "2026-01-01"}, "2025-12-31"),
    ("datetime", {}, "yesterday"),
    ("boolean", {}, 1),
    ("url", {}, "javascript:alert(1)"),
    ("url", {}, "https://"),
    ("email", {}, "nobody"),
    ("phone", {}, "123"),
    ("currency", {"currency": "EUR"}, {"minor": 1, "currency": "USD"}),
    ("currency", {"currency": "EUR"}, 1.5),
]


async def test_a_value_is_kept_in_one_form(client: httpx.AsyncClient) -> None:
    given, kept = {}, {}
    for place, (type_, rules, value, form) in enumerate(KEPT):
        await define(client, "people", f"it{place}", type_, rules=rules)
        given[f"it{place}"], kept[f"it{place}"] = value, form
    person = await made(client, "people", custom=given)
    assert person["custom"] == kept
    assert (await client.get(f"/people/{person['id']}")).json() == person
    again = await client.patch(f"/people/{person['id']}", json={"custom": kept})
    assert again.json() == person, "what is shown is taken, and changes nothing"


async def test_a_value_that_cannot_be_is_refused_by_its_pointer(client: httpx.AsyncClient) -> None:
    for place, (type_, rules, value) in enumerate(REFUSED):
        await define(client, "people", f"it{place}", type_, rules=rules)
        found = await refused(client, {f"it{place}": value})
        assert [each["pointer"] for each in found] == [f"/custom/it{place}"], (type_, rules, value)
    every = {f"it{place}": value for place, (_, _, value) in enumerate(REFUSED)}
    assert len(await refused(client, every)) == len(REFUSED)
    assert (await client.get("/people")).json()["items"] == []


async def test_a_pattern_cannot_hang(client: httpx.AsyncClient) -> None:
    await define(client, "people", "code", "text", rules={"pattern": "(a+)+$|(a|aa)+b"})
    assert await refused(client, {"code": "a" * 499 + "!"})
    strange = await client.post(
        "/fields",
        json={
            "object": "people", "key": "k", "label": "K", "type": "text", "rules": {"pattern": "(?=a)(b"}
        },
    )  # fmt: skip
    assert strange.json()["errors"][0]["pointer"] == "/rules/pattern"


async def test_a_patch_merges_by_key_and_null_takes_away(client: httpx.AsyncClient) -> None:
    await define(client, "people", "city", "text")
    await define(client, "people", "shoe", "number")
    person = await made(client, "people", custom={"city": "Oslo", "shoe": 41})
    path = f"/people/{person['id']}"
    answer = await client.patch(path, json={"custom": {"shoe": 42}})
    assert answer.json()["custom"] == {"city": "Oslo", "shoe": 42}
    answer = await client.patch(path, json={"custom": {"city": None}})
    assert (answer.json()["custom"], answer.json()["version"]) == ({"shoe": 42}, 3)
    assert (await client.patch(path, json={"given_name": "Ada"})).json()["custom"] == {"shoe": 42}
    assert await unknown(client, path)


async def unknown(client: httpx.AsyncClient, path: str) -> bool:
    answer = await client.patch(path, json={"custom": {"colour": "red"}})
    found: dict[str, str] = answer.json()["errors"][0]
    return (found["pointer"], found["code"]) == ("/custom/colour", "unknown_field")


async def test_required_fields_defaults_and_their_refusals(client: httpx.AsyncClient) -> None:
    await define(client, "people", "city", "text", required=True)
    await define(client, "people", "tier", "text", default="basic", required=True)
    assert [(e["pointer"], e["code"]) for e in await refused(client, {})] == [("/custom/city", "required")]
    person = await made(client, "people", custom={"city": "Oslo"})
    assert person["custom"] == {"city": "Oslo", "tier": "basic"}
    answer = await client.patch(f"/people/{person['id']}", json={"custom": {"tier": None}})
    assert answer.json()["errors"][0] == {
        "pointer": "/custom/tier", "code": "required", "detail": "Tier is required"
    }  # fmt: skip
    assert (await client.patch(f"/people/{person['id']}", json={"given_name": "A"})).status_code == 200


async def test_a_unique_value_is_given_once_in_an_organization(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    for each in (client, other):
        await define(each, "people", "badge", "text", unique=True)
    first = await made(client, "people", custom={"badge": "A1"})
    await made(other, "people", custom={"badge": "A1"})
    assert [(e["pointer"], e["code"]) for e in await refused(client, {"badge": "a1"})] == [
        ("/custom/badge", "taken")
    ]
    items = [{"item": {"custom": {"badge": badge}}} for badge in ("B1", "b1", "A1", "B2")]
    batch = await client.post("/people/batch/create", json={"items": items})
    assert [item["status"] for item in batch.json()["items"]] == [200, 409, 409, 200]
    await client.delete(f"/people/{first['id']}")
    assert await refused(client, {"badge": "A1"}), "what is archived may come back"
    await client.patch(f"/people/{first['id']}", json={"custom": {"badge": None}})
    await made(client, "people", custom={"badge": "A1"})


async def test_options_are_added_renamed_and_archived(client: httpx.AsyncClient) -> None:
    red, blue = {"value": "red", "label": "Red"}, {"value": "blue", "label": "Blue"}
    field = await define(client, "people", "colour", "dropdown", options=[red, blue])
    person = await made(client, "people", custom={"colour": "blue"})
    assert await refused(client, {"colour": "green"})
    green = {"value": "green", "label": "Green"}
    changed = await client.patch(
        f"/fields/{field['id']}", json={"options": [green, {"value": "red", "label": "Rouge"}]}
    )
    assert [(o["value"], o["label"], o["archived"]) for o in changed.json()["options"]] == [
        ("green", "Green", False),
        ("red", "Rouge", False),
        ("blue", "Blue", True),
    ]
    await made(client, "people", custom={"colour": "green"})
    assert await refused(client, {"colour": "blue"})
    kept = await client.patch(f"/people/{person['id']}", json={"custom": {"colour": "blue"}})
    assert kept.json() == person


async def test_a_checkbox_holds_several_in_the_order_of_the_options(client: httpx.AsyncClient) -> None:
    options = [{"value": value, "label": value} for value in "abc"]
    await define(client, "people", "likes", "checkbox", options=options)
    person = await made(client, "people", custom={"likes": ["c", "a", "a"]})
    assert person["custom"] == {"likes": ["a", "c"]}
    assert await refused(client, {"likes": ["d"]})
    assert await refused(client, {"likes": "a"})


async def test_an_archived_field_hides_its_values_and_gives_them_back(client: httpx.AsyncClient) -> None:
    field = await define(client, "people", "city", "text", filterable=True)
    await define(client, "people", "shoe", "number")
    person = await made(client, "people", custom={"city": "Oslo", "shoe": 41})
    await client.delete(f"/fields/{field['id']}")
    for answer in (
        await client.get(f"/people/{person['id']}"),
        await client.patch(f"/people/{person['id']}", json={"given_name": "Ada"}),
    ):
        assert answer.json()["custom"] == {"shoe": 41}
    assert (await client.get("/people")).json()["items"][0]["custom"] == {"shoe": 41}
    assert await refused(client, {"city": "Oslo"})
    assert (await client.get("/people?filter[custom.city]=Oslo")).json()["code"] == "not_filterable"
    later = await made(client, "people", custom={})
    await client.post(f"/fields/{field['id']}/restore")
    assert (await client.get(f"/people/{person['id']}")).json()["custom"] == {"city": "Oslo", "shoe": 41}
    found = (await client.get("/people?filter[custom.city][null]=true")).json()["items"]
    assert [item["id"] for item in found] == [later["id"]], "and what was made meanwhile is found, too"


async def test_a_hidden_field_is_shown_to_who_names_it(client: httpx.AsyncClient) -> None:
    await define(client, "people", "note", "text", visibility="hidden")
    person = await made(client, "people", custom={"note": "x"})
    assert person["custom"] == {}
    named = await client.get(f"/people/{person['id']}?fields=custom.note")
    assert named.json() == {"id": person["id"], "custom": {"note": "x"}}
    assert (await client.get("/people?fields=custom.note")).json()["items"] == [named.json()]


IMPOSSIBLE: list[tuple[dict[str, object], str]] = [
    ({"object": "unicorns"}, "/object"),
    ({"object": "fields"}, "/object"),
    ({"type": "dropdown"}, "/options"),
    ({"options": [{"value": "a", "label": "A"}]}, "/options"),
    ({"type": "number", "rules": {"pattern": "x"}}, "/rules/pattern"),
    ({"type": "number", "rules": {"min": "many"}}, "/rules/min"),
    ({"type": "number", "default": "many"}, "/default"),
    ({"type": "number", "rules": {"max": 3}, "default": 4}, "/default"),
    ({"type": "textarea", "filterable": True}, "/filterable"),
    ({"type": "boolean", "unique": True}, "/unique"),
    ({"unique": True, "default": "x"}, "/unique"),
    ({"type": "currency"}, "/rules/currency"),
    ({"type": "currency", "rules": {"currency": "XQX"}}, "/rules/currency"),
    ({"type": "decimal", "rules": {"decimals": 10}}, "/rules/decimals"),
    (
        {
            "type": "radio",
            "options": [{"value": "a", "label": "A"}, {"value": "a", "label": "B"}],
        },
        "/options/1/value",
    ),
]


async def test_a_definition_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    for body, pointer in IMPOSSIBLE:
        whole = {"object": "people", "key": "k", "label": "K", "type": "text"} | body
        answer = await client.post("/fields", json=whole)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), body
    assert (await client.get("/fields")).json()["items"] == []


async def test_definitions_of_another_organization_are_not_there(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    field = await define(client, "people", "city", "text", filterable=True)
    path = f"/fields/{field['id']}"
    answers = [
        await other.get(path),
        await other.patch(path, json={"label": "Mine"}),
        await other.delete(path),
        await other.post(f"{path}/restore"),
        await other.post(f"{path}/fill"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert (await other.post("/people", json={"custom": {"city": "Oslo"}})).status_code == 422
    assert (await other.get("/people?filter[custom.city]=Oslo")).status_code == 400
    assert (await client.get(path)).json()["version"] == field["version"]


async def test_limits_hold_for_a_batch_too(client: httpx.AsyncClient) -> None:
    def items(first: int, count: int, **values: object) -> list[dict[str, object]]:
        return [
            {"item": {"object": "people", "key": f"k{n}", "label": "K", "type": "number"} | values}
            for n in range(first, first + count)
        ]

    batch = await client.post("/fields/batch/create", json={"items": items(0, 31, filterable=True)})
    assert [item["status"] for item in batch.json()["items"]] == [200] * 30 + [422]
    batch = await client.post("/fields/batch/create", json={"items": items(100, 471)})
    assert [item["status"] for item in batch.json()["items"]] == [200] * 470 + [422]
    gone = (await client.get("/fields?filter[key]=k0")).json()["items"][0]
    await client.delete(f"/fields/{gone['id']}")
    await define(client, "people", "one_more", "number", filterable=True)
    back = await client.post(f"/fields/{gone['id']}/restore")
    assert back.json()["code"] == "limit_reached"
