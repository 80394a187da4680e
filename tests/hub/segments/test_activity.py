"""Conditions on what was done: they are asked again when an activity or time alone turns them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.crm.activities.occurrences import statement
from tenfold_hub.crm.api import Times
from tenfold_hub.segments.asking import Facts, compiled
from tenfold_hub.segments.computing import Worker
from tenfold_hub.segments.rules import parse
from tests.hub.conftest import Organization
from tests.hub.segments.conftest import contact, dynamic, explained, made, members, served

NOW = datetime.datetime.now(datetime.UTC)
KINDS = ("call", "meeting")
DAY = datetime.timedelta(days=1)


def at(days: float) -> str:
    return (NOW + days * DAY).isoformat()


async def log(client: httpx.AsyncClient, contact: str, kind: str = "call", **values: Any) -> str:
    body = {"kind": kind, "subject": "s", "contact_id": contact} | values
    return str((await made(client, "activities", **body))["id"])


# --- what a condition says ---------------------------------------------------------------------------


def naive(condition: Mapping[str, Any], done: list[tuple[str, float]], now: float) -> bool:
    """Over everything that was ever done, in hours."""
    counted = 0
    for kind, hour in done:
        if condition["activity"] not in ("any", kind) or hour > now:
            continue
        if "within" in condition and hour <= now - float(condition["within"][:-1]):
            continue
        if "since" in condition and NOW + datetime.timedelta(hours=hour) < _moment(condition["since"]):
            continue
        counted += 1
    return counted >= condition.get("at_least", 1)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def facts_of(done: list[tuple[str, float]], now: float, count: int) -> Facts:
    """With as few activities as the CRM gives."""
    times = {}
    for kind in KINDS:
        hours = sorted(hour for each, hour in done if each == kind)
        past = [NOW + datetime.timedelta(hours=hour) for hour in hours if hour <= now][::-1]
        after = [NOW + datetime.timedelta(hours=hour) for hour in hours if hour > now]
        if past or after:
            times[kind] = Times(past[:count], after[:count])
    return Facts({}, NOW + datetime.timedelta(hours=now), activities=times)


hours = st.integers(-12, 12).map(float)
conditions = st.builds(
    lambda kind, count, time: {"activity": kind, "at_least": count} | time,
    st.sampled_from(["any", *KINDS]),
    st.integers(1, 3),
    st.one_of(
        st.just({}),
        st.integers(1, 9).map(lambda n: {"within": f"{n}h"}),
        hours.map(lambda hour: {"since": at(hour / 24)}),
    ),
)


@given(conditions, st.lists(st.tuples(st.sampled_from(KINDS), hours), max_size=8))
def test_a_condition_holds_as_if_all_were_counted_and_is_due_before_it_turns(
    condition: dict[str, Any], done: list[tuple[str, float]]
) -> None:
    faults: list[Any] = []
    node = parse(condition, faults)
    assert node is not None
    rule = compiled(node, {"activity": f"kinds:{','.join(KINDS)}"}, faults)
    assert rule is not None
    due = NOW - DAY
    expected: bool | None = None
    for step in range(-40, 80):
        now = step / 2
        moment = NOW + datetime.timedelta(hours=now)
        if naive(condition, done, now) != expected:
            # Nobody asks before something is due, apart from the first time.
            assert expected is None or due <= moment
            expected = naive(condition, done, now)
        facts = facts_of(done, now, condition["at_least"])
        assert rule.test(facts) == expected
        if due is None or due <= moment:
            found = rule.due(facts)
            due = datetime.datetime.max.replace(tzinfo=datetime.UTC) if found is None else found
        assert due > moment


# --- what becomes of members -------------------------------------------------------------------------


async def test_members_follow_activities_and_the_time_that_passes(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ada, bob, cyd = [(await contact(client, f"{name}@x.example"))["id"] for name in ("ada", "bob", "cyd")]
    everybody = {ada, bob, cyd}
    early = await log(client, ada, completed_at=at(-20))
    called = await dynamic(client, worker, acme, {"activity": "call", "within": "30d"})
    twice = await dynamic(client, worker, acme, {"activity": ["call", "email"], "at_least": 2})
    idle = await dynamic(client, worker, acme, {"not": {"activity": "any", "within": "10d"}})
    since = await dynamic(client, worker, acme, {"activity": "any", "since": at(-1)})
    calls_of_idle = await dynamic(
        client, worker, acme, {"all": [{"activity": "call"}, {"field": "segment", "value": idle}]}
    )
    assert (await members(client, called), await members(client, idle)) == ({ada}, everybody)
    assert await members(client, calls_of_idle) == {ada}

    # What is written down has taken place; a task has when it is done, and a meeting when it begins.
    await log(client, ada, "email")
    task = await log(client, bob, "task", due_at=at(1))
    await log(client, cyd, "meeting", starts_at=at(3))
    assert (await members(client, twice), await members(client, idle)) == ({ada}, {bob, cyd})
    assert (await members(client, since), await members(client, calls_of_idle)) == ({ada}, set())
    await client.patch(f"/activities/{task}", json={"completed_at": at(0)})
    assert (await members(client, since), await members(client, idle)) == ({ada, bob}, {cyd})

    # Only what is due is asked again: a meeting that two conditions wait for.
    worker._keeper.clock = lambda: NOW + 3.5 * DAY
    assert await worker.sweep(acme.id) == 2
    assert (await members(client, since), await members(client, idle)) == (everybody, set())
    # Ada's call is of another month, and what she and Bob did of ten days ago.
    worker._keeper.clock = lambda: NOW + 10.5 * DAY
    assert await worker.sweep(acme.id) == 3
    assert (await members(client, called), await members(client, idle)) == (set(), {ada, bob})
    assert await members(client, calls_of_idle) == {ada}
    assert await worker.sweep(acme.id) == 0

    # Activities that move to others, or go and come.
    await client.patch(f"/activities/{early}", json={"contact_id": cyd})
    assert (await members(client, called), await members(client, twice)) == ({cyd}, set())
    await client.delete(f"/activities/{early}")
    assert await members(client, called) == set()
    await client.post(f"/activities/{early}/restore")
    assert await members(client, called) == {cyd}


async def test_what_becomes_one_has_the_activities_of_both(
    client: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    ada, bob = await contact(client, "ada@x.example"), await contact(client, "bob@x.example")
    await log(client, ada["id"])
    await log(client, bob["id"])
    company = (await made(client, "companies", name="Acme"))["id"]
    twice = await dynamic(client, worker, acme, {"activity": "call", "at_least": 2})
    of_company = await dynamic(client, worker, acme, {"activity": "meeting"}, "companies")
    answer = await client.post(f"/people/{ada['person_id']}/merge", json={"ids": [bob["person_id"]]})
    assert answer.status_code == 200, answer.text
    assert await members(client, twice) == {ada["id"]}
    merge = (await client.get("/merges")).json()["items"][0]["id"]
    assert (await client.post(f"/merges/{merge}/undo")).status_code == 200
    assert await members(client, twice) == set()
    await log(client, bob["id"], "meeting", company_id=company)
    assert await members(client, of_company) == {company}


async def test_activities_are_asked_in_the_same_few_statements(
    client: httpx.AsyncClient, worker: Worker, acme: Organization, telemetry: Telemetry
) -> None:
    """However many there are; and in one more where no rule asks for their kind."""
    items = [{"item": {"person": {"email": f"p{n}@x.example"}}} for n in range(100)]
    answer = (await client.post("/contacts/batch/create", json={"items": items})).json()
    ids = [each["item"]["id"] for each in answer["items"]]

    async def logged(contacts: list[str], kind: str) -> int:
        items = [{"item": {"kind": kind, "subject": "s", "contact_id": id}} for id in contacts]
        with telemetry.recording("batch") as record:
            answer = await client.post("/activities/batch/create", json={"items": items})
            assert answer.status_code == 200, answer.text
        return record.queries

    unasked = await logged(ids[:1], "call")
    segment = await dynamic(client, worker, acme, {"activity": "call", "at_least": 2, "within": "5d"})
    # A process reads rules when they were changed.
    await logged(ids[:1], "email")
    assert await logged(ids[:1], "email") == unasked
    few = await logged(ids[:1], "call")
    assert few <= unasked + 6
    await dynamic(client, worker, acme, {"activity": "any", "at_least": 2})
    await logged(ids[1:], "call")
    assert await members(client, segment) == set(ids[:1])
    assert await logged(ids[1:], "call") == few
    assert await members(client, segment) == set(ids)


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        ({"activity": "dance"}, "/rule/activity", "invalid"),
        ({"activity": []}, "/rule/activity", "invalid"),
        ({"activity": "call", "at_least": 0}, "/rule/at_least", "invalid"),
        ({"activity": "call", "at_least": True}, "/rule/at_least", "invalid"),
        ({"all": [{"activity": "call", "within": "soon"}]}, "/rule/all/0/within", "invalid"),
        ({"activity": "call", "since": "soon"}, "/rule/since", "invalid"),
        ({"activity": "call", "since": "2026-01-01", "within": "3d"}, "/rule", "invalid"),
        ({"not": {"activity": "call", "nose": 1}}, "/rule/not/nose", "unknown_field"),
        ({"field": "activity", "value": "call"}, "/rule/operator", "unknown_operator"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_with_a_pointer(
    rule: dict[str, Any], pointer: str, code: str
) -> None:
    faults: list[Any] = []
    node = parse(rule, faults)
    if node is not None:
        assert compiled(node, {"activity": "kinds:call,email"}, faults) is None
    assert (faults[0].pointer, faults[0].code) == (pointer, code)


async def test_people_have_no_activities_and_activities_of_others_count_nowhere(
    client: httpx.AsyncClient, other: httpx.AsyncClient, worker: Worker, acme: Organization
) -> None:
    body = {"name": "s", "kind": "dynamic", "resource": "people", "rule": {"activity": "call"}}
    answer = await client.post("/segments", json=body)
    assert answer.json()["errors"][0] == {
        "pointer": "/rule/activity",
        "code": "unknown_field",
        "detail": "there is no such field to ask for",
    }
    segment = await dynamic(client, worker, acme, {"activity": "call"})
    ada = (await contact(client, "ada@x.example"))["id"]
    body = {"kind": "call", "subject": "s", "contact_id": ada}
    assert (await other.post("/activities", json=body)).status_code == 422
    assert await members(client, segment) == set()


# --- plans -------------------------------------------------------------------------------------------

_SEED = """
INSERT INTO identity.people (organization_id, id)
SELECT %(o)s, gen_random_uuid() FROM generate_series(1, 200);
INSERT INTO crm.contacts (organization_id, id, person_id) SELECT organization_id, id, id FROM identity.people;
INSERT INTO crm.activities (organization_id, id, kind, subject, contact_id, starts_at)
SELECT organization_id, gen_random_uuid(), k, '', id, now() - n * interval '1 day'
  FROM crm.contacts, generate_series(1, 20) AS n, unnest(ARRAY['call', 'email']) AS k;
"""


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_latest_activities_are_read_from_an_index(owner: str, acme: Organization, analyzed: bool) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        for each in _SEED.split(";\n")[:-1]:
            connection.execute(each, {"o": acme.id})
        if analyzed:
            connection.execute("ANALYZE crm.activities")
        rows = connection.execute("SELECT id FROM crm.contacts LIMIT 50").fetchall()
    objects = [row[0] for row in rows]
    nodes = explained(owner, acme, statement("contacts"), acme.id, objects, ["call", "task"], NOW, 3)
    assert served(nodes, "activities")
    assert not [each for each in nodes if each["Node Type"] == "Sort"]
    assert {each["Index Name"] for each in nodes if "Index Name" in each} == {"activities_contact_took_place"}
