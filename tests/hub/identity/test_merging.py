"""Merging people and undoing it: what stays, what follows, and what stands in the way."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.kit import ids, journal
from tenfold_hub.kit.journal import Journal
from tenfold_hub.kit.resource import Resource
from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define

Json = dict[str, Any]


@pytest.fixture
async def fields(client: httpx.AsyncClient) -> None:
    """Custom fields, for what is merged key by key."""
    for key in ("x", "y", "both"):
        await define(client, "people", key, "text")
        await define(client, "contacts", key, "text")


async def person(client: httpx.AsyncClient, **values: object) -> Json:
    answer = await client.post("/people", json=values)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def contact(client: httpx.AsyncClient, person_id: str, **values: object) -> Json:
    answer = await client.post("/contacts", json={"person_id": person_id} | values)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def merged(client: httpx.AsyncClient, into: str, *others: str, **fields: str) -> Json:
    answer = await client.post(f"/people/{into}/merge", json={"ids": list(others), "fields": fields})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def undone(client: httpx.AsyncClient, merge: Json) -> Json:
    answer = await client.post(f"/merges/{merge['merge']['id']}/undo")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def content(thing: Json) -> Json:
    """Without what counts writes."""
    return {name: value for name, value in thing.items() if name not in ("version", "updated_at")}


async def test_the_survivor_keeps_its_own_and_gains_what_it_lacked(
    client: httpx.AsyncClient, fields: None
) -> None:
    a = await person(client, given_name="Ada", email="ada@a.example", custom={"x": "1", "both": "a"})
    b = await person(
        client,
        given_name="Augusta",
        family_name="King",
        email="ada@b.example",
        phone="+4930901820",
        lifecycle_stage="customer",
        custom={"y": "2", "both": "b"},
    )
    found = (await merged(client, a["id"], b["id"]))["person"]
    assert found["id"] == a["id"]
    assert (found["given_name"], found["family_name"]) == ("Ada", "King")
    assert (found["email"], found["phone"]) == ("ada@a.example", "+4930901820")
    assert found["lifecycle_stage"] == "customer"
    assert found["custom"] == {"x": "1", "y": "2", "both": "a"}
    by_phone = await client.get("/people", params={"filter[phone]": "+4930901820"})
    assert [each["id"] for each in by_phone.json()["items"]] == [a["id"]]


async def test_the_client_chooses_which_value_of_a_field_stays(client: httpx.AsyncClient) -> None:
    a = await person(client, given_name="A", email="a@x.example")
    b = await person(client, given_name="B", email="b@x.example")
    c = await person(client, given_name="C", email="c@x.example")
    await client.patch(f"/people/{b['id']}", json={"family_name": "Late"})
    found = await merged(client, a["id"], b["id"], c["id"], email=c["id"], given_name="newest")
    assert found["person"]["email"] == "c@x.example"
    assert found["person"]["given_name"] == "B"
    listed = await client.get("/people", params={"filter[email]": "C@x.example"})
    assert [each["id"] for each in listed.json()["items"]] == [a["id"]]


async def test_an_alias_stands_for_the_survivor_wherever_an_id_is_taken(client: httpx.AsyncClient) -> None:
    a, b = await person(client, given_name="A"), await person(client, given_name="B")
    survivor = (await merged(client, a["id"], b["id"]))["person"]
    assert (await client.get(f"/people/{b['id']}")).json() == survivor
    changed = await client.patch(f"/people/{b['id']}", json={"given_name": "New"})
    assert (changed.json()["id"], changed.json()["given_name"]) == (a["id"], "New")
    made = await contact(client, b["id"])
    assert made["person_id"] == a["id"]
    listed = await client.get("/contacts", params={"filter[person_id]": b["id"]})
    assert [each["id"] for each in listed.json()["items"]] == [made["id"]]
    listed = await client.get("/contacts", params={"filter[person_id][in]": f"{b['id']},{a['id']}"})
    assert [each["id"] for each in listed.json()["items"]] == [made["id"]]
    items = [{"id": b["id"], "item": {"family_name": "Z"}}]
    batch = await client.post("/people/batch/update", json={"items": items})
    assert batch.json()["items"][0]["item"]["id"] == a["id"]
    both = [{"id": each, "item": {"family_name": "Y"}} for each in (a["id"], b["id"])]
    batch = await client.post("/people/batch/update", json={"items": both})
    assert [each["status"] for each in batch.json()["items"]] == [200, 409]
    people = (await client.get("/people")).json()["items"]
    assert [each["id"] for each in people] == [a["id"]]


async def test_an_etag_of_who_was_merged_is_none_of_the_survivors(client: httpx.AsyncClient) -> None:
    a, b = await person(client, given_name="A"), await person(client, given_name="B")
    for name in ("C", "D", "E"):
        await client.patch(f"/people/{b['id']}", json={"given_name": name})
    old = (await client.get(f"/people/{b['id']}")).headers["etag"]
    await merged(client, a["id"], b["id"])
    again = await client.get(f"/people/{b['id']}", headers={"If-None-Match": old})
    assert again.status_code == 200


async def test_references_of_all_kinds_follow_and_come_back(client: httpx.AsyncClient) -> None:
    a, b, c = [await person(client, given_name=name) for name in "ABC"]
    made = await contact(client, b["id"], source="fair", score=3, email_opt_in=True)
    await client.put("/people/external/shop/77", json={"given_name": "Shopper"})
    shopper = (await client.get("/external-identities")).json()["items"][0]["person_id"]
    before = [(await client.get(f"/people/{each}")).json() for each in (a["id"], b["id"], c["id"], shopper)]
    merge = await merged(client, a["id"], b["id"], c["id"], shopper)
    moved = (await client.get(f"/contacts/{made['id']}")).json()
    assert (moved["person_id"], moved["score"]) == (a["id"], 3)
    identity = (await client.get("/external-identities")).json()["items"][0]
    assert identity["person_id"] == a["id"]
    # The next order of that shop finds the survivor.
    again = await client.put("/people/external/shop/77", json={"phone": "+4930901820"})
    assert (again.status_code, again.json()["id"]) == (200, a["id"])
    await client.patch(f"/people/{a['id']}", json={"phone": None})

    await undone(client, merge)
    after = [(await client.get(f"/people/{each}")).json() for each in (a["id"], b["id"], c["id"], shopper)]
    assert [content(each) for each in after] == [content(each) for each in before]
    assert content((await client.get(f"/contacts/{made['id']}")).json()) == content(made)
    identity = (await client.get("/external-identities")).json()["items"][0]
    assert identity["person_id"] == shopper


async def test_two_contacts_of_one_person_become_one_and_two_again(
    client: httpx.AsyncClient, fields: None
) -> None:
    a, b, c = [await person(client, given_name=name) for name in "ABC"]
    first = await contact(client, a["id"], score=1, custom={"both": "a"})
    second = await contact(client, b["id"], score=9, email_opt_in=True, custom={"both": "b", "x": "1"})
    third = await contact(client, c["id"], status="unsubscribed", sms_opt_in=True)
    merge = await merged(client, a["id"], b["id"], c["id"])
    (one,) = (await client.get("/contacts")).json()["items"]
    assert (one["id"], one["person_id"], one["score"]) == (first["id"], a["id"], 9)
    assert (one["email_opt_in"], one["sms_opt_in"]) == (True, True)
    assert one["status"] == "unsubscribed"
    assert one["custom"] == {"both": "a", "x": "1"}
    await undone(client, merge)
    for each in (first, second, third):
        assert content((await client.get(f"/contacts/{each['id']}")).json()) == content(each)


async def test_where_the_survivor_has_no_contact_one_of_the_others_comes_along(
    client: httpx.AsyncClient,
) -> None:
    a, b, c = [await person(client, given_name=name) for name in "ABC"]
    second, third = await contact(client, b["id"], score=2), await contact(client, c["id"], score=3)
    merge = await merged(client, a["id"], b["id"], c["id"])
    (one,) = (await client.get("/contacts")).json()["items"]
    assert (one["person_id"], one["score"]) == (a["id"], 3)
    await undone(client, merge)
    for each in (second, third):
        assert content((await client.get(f"/contacts/{each['id']}")).json()) == content(each)


async def test_a_chain_of_merges_is_undone_from_its_end(client: httpx.AsyncClient, fields: None) -> None:
    a, b, c = [await person(client, given_name=name, custom={"both": name}) for name in "ABC"]
    first = await merged(client, b["id"], a["id"])
    second = await merged(client, c["id"], b["id"])
    for each in (a, b, c):
        assert (await client.get(f"/people/{each['id']}")).json()["id"] == c["id"]
    early = await client.post(f"/merges/{first['merge']['id']}/undo")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    assert second["merge"]["id"] in early.json()["detail"]
    await undone(client, second)
    assert (await client.get(f"/people/{a['id']}")).json()["id"] == b["id"]
    await undone(client, first)
    for each in (a, b, c):
        assert content((await client.get(f"/people/{each['id']}")).json()) == content(each)


async def test_merging_by_an_alias_and_merging_twice(client: httpx.AsyncClient) -> None:
    a, b, c = [await person(client, given_name=name) for name in "ABC"]
    first = await merged(client, a["id"], b["id"])
    again = await merged(client, a["id"], b["id"])
    assert again["merge"]["id"] == first["merge"]["id"]
    assert again["person"] == first["person"]
    turned = await merged(client, b["id"], a["id"])
    assert turned["person"]["id"] == a["id"]
    by_alias = await merged(client, b["id"], c["id"])
    assert by_alias["person"]["id"] == a["id"]
    assert len((await client.get("/merges")).json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"ids": []}, 400, "/ids"),
        ({"ids": ["A"]}, 422, "/ids/0"),
        ({"ids": ["B"], "fields": {"nmae": "newest"}}, 400, "/fields"),
        ({"ids": ["B"], "fields": {"email": "oldest"}}, 422, "/fields/email"),
        ({"ids": ["B"], "fields": {"email": "C"}}, 422, "/fields/email"),
    ],
)
async def test_a_merge_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: Json, status: int, pointer: str
) -> None:
    people = {name: (await person(client, given_name=name))["id"] for name in "ABC"}
    body = {"ids": [people.get(each, each) for each in body["ids"]]} | {
        "fields": {name: people.get(each, each) for name, each in body.get("fields", {}).items()}
    }
    answer = await client.post(f"/people/{people['A']}/merge", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert len((await client.get("/people")).json()["items"]) == 3


async def test_another_organizations_people_are_not_merged_nor_its_merges_undone(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    a, b = await person(client, given_name="A"), await person(client, given_name="B")
    theirs = await person(other, given_name="T")
    answers = [
        await client.post(f"/people/{a['id']}/merge", json={"ids": [theirs["id"]]}),
        await client.post(f"/people/{theirs['id']}/merge", json={"ids": [a["id"]]}),
        await other.post(f"/people/{a['id']}/merge", json={"ids": [b["id"]]}),
    ]
    merge = await merged(client, a["id"], b["id"])
    answers.append(await other.post(f"/merges/{merge['merge']['id']}/undo"))
    answers.append(await other.get(f"/merges/{merge['merge']['id']}"))
    answers.append(await other.get(f"/people/{b['id']}"))
    answers.append(await other.patch(f"/people/{b['id']}", json={"given_name": "x"}))
    assert [each.status_code for each in answers] == [404] * len(answers)
    assert content((await other.get(f"/people/{theirs['id']}")).json()) == content(theirs)
    assert (await client.get(f"/people/{b['id']}")).json() == merge["person"]


async def test_what_was_written_since_decides_whether_a_merge_is_undone(client: httpx.AsyncClient) -> None:
    a, b = await person(client, given_name="A"), await person(client, phone="+4930901820")
    await contact(client, a["id"], score=1)
    await contact(client, b["id"], score=2)
    merge = await merged(client, a["id"], b["id"])
    (one,) = (await client.get("/contacts")).json()["items"]
    # What the merge did not touch may change, and stays changed.
    await client.patch(f"/people/{a['id']}", json={"given_name": "New"})
    await client.patch(f"/people/{a['id']}", json={"phone": "+4930901821"})
    await client.patch(f"/contacts/{one['id']}", json={"score": 50})
    answer = await client.post(f"/merges/{merge['merge']['id']}/undo")
    assert answer.status_code == 409
    faults = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert set(faults) == {f"identity.people/{a['id']}", f"crm.contacts/{one['id']}"}
    assert "phone" in faults[f"identity.people/{a['id']}"]
    assert "score" in faults[f"crm.contacts/{one['id']}"]
    assert (await client.get(f"/people/{b['id']}")).json()["id"] == a["id"]
    await client.patch(f"/people/{a['id']}", json={"phone": "+4930901820"})
    await client.patch(f"/contacts/{one['id']}", json={"score": 2})
    await undone(client, merge)
    found = (await client.get(f"/people/{a['id']}")).json()
    assert (found["given_name"], found["phone"]) == ("New", None)
    twice = await client.post(f"/merges/{merge['merge']['id']}/undo")
    assert twice.status_code == 409


async def test_an_etag_of_the_survivor_is_none_of_who_came_back(client: httpx.AsyncClient) -> None:
    a, b = await person(client, given_name="A"), await person(client, given_name="B")
    merge = await merged(client, a["id"], b["id"])
    old = (await client.get(f"/people/{b['id']}")).headers["etag"]
    await undone(client, merge)
    again = await client.get(f"/people/{b['id']}", headers={"If-None-Match": old})
    assert (again.status_code, again.json()["id"]) == (200, b["id"])


async def test_a_merge_is_in_the_audit_log_and_starts_no_automation(
    client: httpx.AsyncClient, acme: Organization, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await person(client, given_name="A"), await person(client, given_name="B")
    events: list[journal.Event] = []
    event_of = journal._event

    def told_of(resource: Resource, change: journal.Change) -> journal.Event:
        events.append(event_of(resource, change))
        return events[-1]

    monkeypatch.setattr(journal, "_event", told_of)
    merge = await merged(client, a["id"], b["id"])
    await undone(client, merge)
    with psycopg.connect(owner) as connection:
        rows = connection.execute(
            "SELECT action, resource, object_id FROM hub.audit_entries"
            " WHERE action IN ('merged', 'unmerged') ORDER BY action, object_id"
        ).fetchall()
    # Nobody's topic but their own, and each says that nothing is to begin because of it.
    mine = [each for each in events if each.topic.startswith("identity.people.")]
    told = sorted((each.topic, each.key, each.payload["automation"]) for each in mine)
    assert told == [
        (f"identity.people.{action}", id, False)
        for action in ("merged", "unmerged")
        for id in sorted((a["id"], b["id"]))
    ]
    both = sorted(ids.read("per", each["id"]) for each in (a, b))
    assert rows == [(action, "people", id) for action in ("merged", "unmerged") for id in both]


async def test_the_statements_of_a_merge_do_not_grow_with_people_or_rows(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    counts = []
    for size in (2, 20):
        people = [await person(client, given_name=f"A{n}", email=f"a{n}@x.example") for n in range(size + 1)]
        for each in people:
            await contact(client, each["id"])
        with telemetry.recording("merge") as record:
            merge = await merged(client, people[0]["id"], *(each["id"] for each in people[1:]))
        merging = record.queries
        with telemetry.recording("undo") as record:
            await undone(client, merge)
        counts.append((merging, record.queries))
    assert counts[0] == counts[1]


async def test_every_column_that_refers_to_people_is_followed(
    client: httpx.AsyncClient, owner: str, db: Database
) -> None:
    """A domain that keeps ids of people, and did not say so, fails here."""
    from tenfold.runtime.paging import Cursors
    from tenfold_hub.app import DOMAINS
    from tenfold_hub.identity import api
    from tenfold_hub.kit.platform import Platform

    platform = Platform(db, Cursors(b"0" * 32), Journal())
    for join in DOMAINS:
        join(platform)
    followed = {(each.table.name, each.column) for each in api.of(platform).references.of("people")}
    with psycopg.connect(owner) as connection:
        found = connection.execute(
            """
            SELECT n.nspname || '.' || c.relname, a.attname
              FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
              JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE NOT c.relispartition AND n.nspname !~ '^pg_' AND a.attnum > 0
               AND (a.attname LIKE '%person_id' OR EXISTS (
                    SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = c.oid
                       AND f.confrelid = 'identity.people'::regclass
                       AND a.attnum = f.conkey[array_upper(f.conkey, 1)]))
            """
        ).fetchall()
    # What is made anew from rows that follow.
    derived = {("commerce.customer_crm_summary", "person_id")}
    assert set(found) - followed == derived
    assert ("crm.contacts", "person_id") in followed
