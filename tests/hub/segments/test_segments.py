"""Segments through the API: who is in them, how that follows every change, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tenfold.runtime.telemetry import Record, Telemetry
from tenfold_hub.segments.computing import Worker
from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define
from tests.hub.segments.conftest import contact, dynamic, made, members

OPEN = {"field": "status", "value": "active"}
LEADS = {"field": "person.lifecycle_stage", "operator": "in", "value": ["lead", "qualified"]}


async def test_a_segment_holds_what_was_there_and_follows_what_comes(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    first = await contact(client, "a@x.example", score=10)
    await contact(client, "b@x.example", score=1)
    segment = await dynamic(client, worker, acme, {"field": "score", "operator": "gte", "value": 10})
    found = (await client.get(f"/segments/{segment}")).json()
    assert (found["state"], found["computed"], found["members"]) == ("ready", 2, {"count": 1})
    assert await members(client, segment) == {first["id"]}

    second = await contact(client, "c@x.example", score=11)
    assert await members(client, segment) == {first["id"], second["id"]}
    await client.patch(f"/contacts/{first['id']}", json={"score": 9})
    assert await members(client, segment) == {second["id"]}
    await client.delete(f"/contacts/{second['id']}")
    assert await members(client, segment) == set()
    await client.post(f"/contacts/{second['id']}/restore")
    assert await members(client, segment) == {second["id"]}
    assert (await client.get(f"/segments/{segment}")).json()["members"] == {"count": 1}


async def test_contacts_follow_their_person(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    segment = await dynamic(client, worker, acme, LEADS)
    ada = await contact(client, "a@x.example")
    assert await members(client, segment) == set()
    await client.patch(f"/people/{ada['person_id']}", json={"lifecycle_stage": "lead"})
    assert await members(client, segment) == {ada["id"]}
    await client.patch(f"/people/{ada['person_id']}", json={"lifecycle_stage": "customer"})
    assert await members(client, segment) == set()


async def test_groups_and_operators(client: httpx.AsyncClient, worker: Worker, acme: Organization) -> None:
    rule = {
        "all": [
            OPEN,
            {"any": [{"field": "job_title", "operator": "contains", "value": "ENG"}, LEADS]},
            {"not": {"field": "department", "operator": "null", "value": False}},
        ]
    }
    segment = await dynamic(client, worker, acme, rule)
    engineer = await contact(client, "a@x.example", job_title="Chief engineer")
    await contact(client, "b@x.example", job_title="Analyst")
    await contact(client, "c@x.example", job_title="Engineer", department="Sales")
    await contact(client, "d@x.example", job_title="Engineer", status="inactive")
    lead = await made(client, "contacts", person={"email": "e@x.example", "lifecycle_stage": "lead"})
    assert await members(client, segment) == {engineer["id"], lead["id"]}


async def test_custom_fields_need_not_be_filterable(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    await define(client, "contacts", "city", "text")
    await define(client, "contacts", "since", "date")
    await define(client, "people", "worth", "decimal")
    rule = {
        "all": [
            {"field": "custom.city", "value": "berlin"},
            {"field": "custom.since", "operator": "lt", "value": "2020-01-01"},
            {"field": "person.custom.worth", "operator": "gt", "value": "9.50"},
        ]
    }
    segment = await dynamic(client, worker, acme, rule)
    person = {"email": "a@x.example", "custom": {"worth": "10.00"}}
    found = await made(client, "contacts", person=person, custom={"city": "Berlin", "since": "2019-05-01"})
    assert await members(client, segment) == {found["id"]}
    await client.patch(f"/people/{found['person_id']}", json={"custom": {"worth": "9.50"}})
    assert await members(client, segment) == set()


async def test_static_segments_hold_what_they_are_given_while_it_lives(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    segment = (await made(client, "segments", name="Picked", kind="static", resource="contacts"))["id"]
    ids = [(await contact(client, f"p{n}@x.example"))["id"] for n in range(3)]
    answer = await client.post(f"/segments/{segment}/members/add", json={"ids": [*ids, ids[0]]})
    assert answer.json() == {"changed": 3}
    answer = await client.post(f"/segments/{segment}/members/add", json={"ids": ids})
    assert answer.json() == {"changed": 0}
    await client.delete(f"/contacts/{ids[0]}")
    assert await members(client, segment) == set(ids[1:])
    await client.post(f"/contacts/{ids[0]}/restore")
    assert await members(client, segment) == set(ids)
    answer = await client.post(f"/segments/{segment}/members/remove", json={"ids": ids[:2]})
    assert answer.json() == {"changed": 2}
    assert await members(client, segment) == {ids[2]}


async def test_segments_of_segments_follow_each_other(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    picked = (await made(client, "segments", name="Picked", kind="static", resource="contacts"))["id"]
    open_ = await dynamic(client, worker, acme, OPEN)
    both = await dynamic(
        client,
        worker,
        acme,
        {"all": [{"field": "segment", "value": picked}, {"field": "segment", "value": open_}]},
    )
    neither = await dynamic(client, worker, acme, {"not": {"field": "segment", "value": both}})
    ada = (await contact(client, "a@x.example"))["id"]
    assert (await members(client, both), await members(client, neither)) == (set(), {ada})
    await client.post(f"/segments/{picked}/members/add", json={"ids": [ada]})
    assert (await members(client, both), await members(client, neither)) == ({ada}, set())
    await client.patch(f"/contacts/{ada}", json={"status": "inactive"})
    assert (await members(client, both), await members(client, neither)) == (set(), {ada})


async def test_cycles_are_refused(client: httpx.AsyncClient, worker: Worker, acme: Organization) -> None:
    first = await dynamic(client, worker, acme, OPEN)
    second = await dynamic(client, worker, acme, {"field": "segment", "value": first})
    answer = await client.patch(f"/segments/{first}", json={"rule": {"field": "segment", "value": second}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "cycle")
    answer = await client.patch(f"/segments/{first}", json={"rule": {"field": "segment", "value": first}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "cycle")
    answer = await client.delete(f"/segments/{first}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_two_edits_at_once_make_no_cycle_together(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    for _ in range(5):
        first, second = await dynamic(client, worker, acme, OPEN), await dynamic(client, worker, acme, OPEN)
        answers = await asyncio.gather(
            client.patch(f"/segments/{first}", json={"rule": {"field": "segment", "value": second}}),
            client.patch(f"/segments/{second}", json={"rule": {"field": "segment", "value": first}}),
        )
        assert sorted(each.status_code for each in answers) == [200, 422]


async def test_a_changed_rule_is_computed_anew(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ids = [(await contact(client, f"p{n}@x.example", score=n))["id"] for n in range(3)]
    segment = await dynamic(client, worker, acme, {"field": "score", "value": 0})
    answer = await client.patch(f"/segments/{segment}", json={"rule": {"field": "score", "value": 2}})
    assert answer.json()["state"] == "computing"
    await worker.finish(acme.id)
    assert await members(client, segment) == {ids[2]}
    assert (await client.get(f"/segments/{segment}")).json()["state"] == "ready"


async def test_an_archived_segment_is_emptied_and_comes_back(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ada = (await contact(client, "a@x.example"))["id"]
    segment = await dynamic(client, worker, acme, OPEN)
    await client.delete(f"/segments/{segment}")
    await worker.finish(acme.id)
    assert await members(client, segment) == set()
    assert (await client.get(f"/segments/{segment}")).json()["state"] == "cleared"
    await client.post(f"/segments/{segment}/restore")
    await worker.finish(acme.id)
    assert await members(client, segment) == {ada}


async def test_computing_goes_on_in_batches_where_another_process_ended(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    items = [{"item": {"person": {"email": f"p{n}@x.example"}, "score": n}} for n in range(25)]
    await client.post("/contacts/batch/create", json={"items": items})
    worker._batch = 10
    segment = (await made(client, "segments", name="s", kind="dynamic", resource="contacts", rule=OPEN))["id"]
    answer = await client.post(f"/segments/{segment}/recompute")
    assert answer.status_code == 202, answer.text
    await worker.finish(acme.id)
    found = (await client.get(f"/segments/{segment}")).json()
    assert (found["state"], found["computed"], found["members"]["count"]) == ("ready", 25, 25)


async def test_lists_are_narrowed_to_a_segment(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ids = [(await contact(client, f"p{n}@x.example", score=n))["id"] for n in range(4)]
    segment = await dynamic(client, worker, acme, {"field": "score", "operator": "gte", "value": 2})
    params = {"filter[segment]": segment, "filter[status]": "active", "count": "capped", "sort": "-score"}
    found = (await client.get("/contacts", params=params)).json()
    assert [each["id"] for each in found["items"]] == [ids[3], ids[2]]
    assert found["count"] == {"value": 2, "capped": False}
    answer = await client.post("/contacts/search", json={"filters": [["segment", "eq", segment]]})
    assert len(answer.json()["items"]) == 2
    answer = await client.get("/contacts", params={"filter[segment][gt]": segment})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_filterable")


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        ({}, "/rule", "invalid"),
        ({"all": []}, "/rule/all", "invalid"),
        ({"all": [OPEN], "any": [OPEN]}, "/rule", "invalid"),
        ({"all": [OPEN, {"field": "nose", "value": 1}]}, "/rule/all/1/field", "unknown_field"),
        ({"field": "email_normal", "value": "x"}, "/rule/field", "unknown_field"),
        ({"field": "person.phone_normal", "value": "x"}, "/rule/field", "unknown_field"),
        ({"field": "custom.nose", "value": "x"}, "/rule/field", "unknown_field"),
        ({"field": "score", "operator": "contains", "value": "x"}, "/rule/operator", "unknown_operator"),
        ({"field": "score", "value": "x"}, "/rule/value", "invalid"),
        ({"field": "score"}, "/rule/value", "required"),
        ({"field": "score", "value": 1, "nose": 1}, "/rule/nose", "unknown_field"),
        ({"not": {"field": "company_id", "value": "con_1"}}, "/rule/not/value", "invalid"),
        ({"field": "status", "operator": "in", "value": []}, "/rule/value", "invalid"),
        ({"field": "created_at", "operator": "less_than_ago", "value": "soon"}, "/rule/value", "invalid"),
        ({"field": "segment", "value": "seg_00000000000000000000000000"}, "/rule/value", "unknown"),
        ({"any": [OPEN] * 101}, "/rule/any", "too_many"),
        ({"not": {"not": {"not": {"not": {"not": {"not": OPEN}}}}}}, "/rule" + "/not" * 6, "too_deep"),
        ({"field": "status", "operator": "eq", "value": "x" * 501}, "/rule/value", "invalid"),
        (None, "/rule", "required"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_a_pointer(
    client: httpx.AsyncClient, rule: Any, pointer: str, code: str
) -> None:
    body = {"name": "s", "kind": "dynamic", "resource": "contacts", "rule": rule}
    answer = await client.post("/segments", json=body)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)
    assert (await client.get("/segments")).json()["items"] == []


async def test_static_and_dynamic_keep_apart(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    body = {"name": "s", "kind": "static", "resource": "contacts", "rule": OPEN}
    assert (await client.post("/segments", json=body)).json()["errors"][0]["code"] == "not_allowed"
    ada = (await contact(client, "a@x.example"))["id"]
    segment = await dynamic(client, worker, acme, OPEN)
    answer = await client.post(f"/segments/{segment}/members/add", json={"ids": [ada]})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_what_is_not_there_is_added_to_nothing(client: httpx.AsyncClient) -> None:
    segment = (await made(client, "segments", name="Picked", kind="static", resource="contacts"))["id"]
    ada = (await contact(client, "a@x.example"))["id"]
    body = {"ids": [ada, "con_00000000000000000000000000", "per_1"]}
    answer = await client.post(f"/segments/{segment}/members/add", json=body)
    assert answer.status_code == 404
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/ids/1", "/ids/2"]
    assert await members(client, segment) == set()


async def test_another_organization_sees_and_changes_nothing(
    client: httpx.AsyncClient, other: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ada = (await contact(client, "a@x.example"))["id"]
    segment = await dynamic(client, worker, acme, OPEN)
    picked = (await made(client, "segments", name="Picked", kind="static", resource="contacts"))["id"]
    theirs = (await made(other, "segments", name="Theirs", kind="static", resource="contacts"))["id"]
    for path in (f"/segments/{segment}", f"/segments/{segment}/members"):
        assert (await other.get(path)).status_code == 404
    for path in ("members/add", "members/remove"):
        assert (await other.post(f"/segments/{picked}/{path}", json={"ids": [ada]})).status_code == 404
    assert (await other.post(f"/segments/{segment}/recompute")).status_code == 404
    assert (await other.post(f"/segments/{theirs}/members/add", json={"ids": [ada]})).status_code == 404
    assert (await other.patch(f"/segments/{segment}", json={"name": "x"})).status_code == 404
    assert (await other.delete(f"/segments/{segment}")).status_code == 404
    body = {"name": "s", "kind": "dynamic", "resource": "contacts"}
    answer = await other.post("/segments", json=body | {"rule": {"field": "segment", "value": segment}})
    assert answer.json()["errors"][0]["code"] == "unknown"
    assert (await other.get("/contacts", params={"filter[segment]": segment})).json()["items"] == []
    assert (await members(client, segment), await members(client, picked)) == ({ada}, set())


async def test_the_statements_of_a_write_do_not_grow(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, telemetry: Telemetry
) -> None:
    """Neither with the things, nor with the segments, nor with their members, nor with what is asked."""

    async def patched(ids: list[str], score: int) -> Record:
        items = [{"id": id, "item": {"score": score}} for id in ids]
        with telemetry.recording("batch") as record:
            answer = await client.post("/contacts/batch/update", json={"items": items})
            assert answer.status_code == 200, answer.text
        return record

    items = [{"item": {"person": {"email": f"p{n}@x.example"}}} for n in range(200)]
    answer = (await client.post("/contacts/batch/create", json={"items": items})).json()
    ids = [each["item"]["id"] for each in answer["items"]]
    unasked = (await patched(ids[:2], 1)).queries
    high = {"field": "score", "operator": "gt", "value": 5}
    first = await dynamic(client, worker, acme, high)
    await dynamic(client, worker, acme, {"not": {"all": [high, LEADS]}})
    # A process reads rules when they were changed.
    await patched(ids[:2], 2)
    few = await patched(ids[:2], 10)
    # Things, people, members as they are and as they become, and what is told of them.
    assert few.queries <= unasked + 5, few
    for _ in range(10):
        await dynamic(client, worker, acme, high)
    await patched(ids[2:], 2)
    assert await members(client, first) == set(ids[:2])
    many = await patched(ids[2:], 10)
    assert many.queries == few.queries, many
    assert (await client.get(f"/segments/{first}")).json()["members"] == {"count": 200}
    assert (await patched(ids, 1)).queries == few.queries


async def test_members_are_paged(client: httpx.AsyncClient, worker: Worker, acme: Organization) -> None:
    items = [{"item": {"person": {"email": f"p{n}@x.example"}}} for n in range(7)]
    await client.post("/contacts/batch/create", json={"items": items})
    segment = await dynamic(client, worker, acme, OPEN)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        found = (await client.get(f"/segments/{segment}/members", params=params)).json()
        seen += [each["id"] for each in found["items"]]
        if found["next_cursor"] is None:
            break
        params["cursor"] = found["next_cursor"]
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen)
    assert (await client.get(f"/segments/{segment}/members", params={"limit": 0})).status_code == 400


async def test_people_who_become_one_are_in_the_segments_of_one(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    picked = (await made(client, "segments", name="Picked", kind="static", resource="contacts"))["id"]
    people = (await made(client, "segments", name="Picked", kind="static", resource="people"))["id"]
    leads = await dynamic(client, worker, acme, LEADS)
    ada, bob = await contact(client, "a@x.example"), await contact(client, "b@x.example")
    await client.patch(f"/people/{bob['person_id']}", json={"lifecycle_stage": "lead"})
    await client.post(f"/segments/{picked}/members/add", json={"ids": [bob["id"], ada["id"]]})
    await client.post(f"/segments/{people}/members/add", json={"ids": [bob["person_id"]]})
    answer = await client.post(f"/people/{ada['person_id']}/merge", json={"ids": [bob["person_id"]]})
    assert answer.status_code == 200, answer.text
    assert await members(client, picked) == {ada["id"]}
    assert await members(client, people) == {ada["person_id"]}
    assert await members(client, leads) == {ada["id"]}
    merge = (await client.get("/merges")).json()["items"][0]["id"]
    answer = await client.post(f"/merges/{merge}/undo")
    assert answer.status_code == 200, answer.text
    assert await members(client, picked) == {ada["id"], bob["id"]}
    assert await members(client, people) == {bob["person_id"]}
    assert await members(client, leads) == {bob["id"]}


async def test_tags_are_asked_for(client: httpx.AsyncClient, worker: Worker, acme: Organization) -> None:
    vip = (await made(client, "tags", name="VIP"))["id"]
    segment = await dynamic(client, worker, acme, {"all": [OPEN, {"field": "tag", "value": vip}]})
    ada, bob = (await contact(client, "a@x.example"))["id"], (await contact(client, "b@x.example"))["id"]
    assert (await client.post(f"/tags/{vip}/assign", json={"ids": [ada, bob]})).status_code == 200
    assert await members(client, segment) == {ada, bob}
    await client.post(f"/tags/{vip}/remove", json={"ids": [bob]})
    assert await members(client, segment) == {ada}


async def test_two_writers_of_a_contact_and_its_person_do_not_miss_each_other(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    segment = await dynamic(client, worker, acme, {"all": [OPEN, LEADS]})
    for n in range(15):
        ada = await contact(client, f"p{n}@x.example", status="inactive")
        await asyncio.gather(
            client.patch(f"/contacts/{ada['id']}", json={"status": "active"}),
            client.patch(f"/people/{ada['person_id']}", json={"lifecycle_stage": "lead"}),
        )
        assert ada["id"] in await members(client, segment)


async def test_a_contact_and_its_person_changed_while_it_is_made(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    segment = await dynamic(client, worker, acme, LEADS)
    for n in range(15):
        person = (await made(client, "people", email=f"p{n}@x.example"))["id"]
        answers = await asyncio.gather(
            client.post("/contacts", json={"person_id": person}),
            client.patch(f"/people/{person}", json={"lifecycle_stage": "lead"}),
        )
        assert answers[0].json()["id"] in await members(client, segment)
