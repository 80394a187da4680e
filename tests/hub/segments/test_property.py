"""Whatever is written, in whatever order: members that were kept are those that a plain reading of rules has.

That reading is the test's own, over all contacts and all that was done; it knows nothing of what changed.
What is kept is compared with it after every step, and in the end with a computation from scratch.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tenfold.runtime import Database, Session
from tenfold_hub.identity import keys
from tenfold_hub.identity.organizations import create_organization
from tenfold_hub.kit import ids
from tenfold_hub.segments.computing import Worker
from tests.hub.conftest import client_of

T = TypeVar("T")
NOW = datetime.datetime.now(datetime.UTC)
STATUSES = ("active", "inactive", "bounced")
STAGES = ("subscriber", "lead", "customer")
CITIES = ("Berlin", "Bonn", None)

statuses, stages, cities = st.sampled_from(STATUSES), st.sampled_from(STAGES), st.sampled_from(CITIES)
scores, days, places = st.integers(0, 4), st.integers(0, 9), st.integers(0, 30)

conditions = st.one_of(
    st.builds(lambda v: {"field": "status", "value": v}, statuses),
    st.builds(
        lambda v, o: {"field": "score", "operator": o, "value": v}, scores, st.sampled_from(["gt", "lte"])
    ),
    st.builds(lambda v: {"field": "person.lifecycle_stage", "value": v}, stages),
    st.builds(lambda v: {"field": "custom.city", "operator": "in", "value": [v, "Ulm"]}, st.just("Bonn")),
    st.builds(lambda v: {"field": "custom.city", "operator": "null", "value": v}, st.booleans()),
    st.builds(
        lambda v, o: {"field": "last_contacted_at", "operator": o, "value": f"{v + 1}d"},
        days,
        st.sampled_from(["more_than_ago", "less_than_ago"]),
    ),
    st.builds(lambda v: {"field": "segment", "value": v}, places),
    st.builds(
        lambda kind, count, time: {"activity": kind, "at_least": count} | time,
        st.sampled_from(["any", "call", "meeting"]),
        st.integers(1, 2),
        st.one_of(
            st.just({}),
            days.map(lambda n: {"within": f"{n + 1}d"}),
            days.map(lambda n: {"since": (NOW - datetime.timedelta(days=n)).isoformat()}),
        ),
    ),
)
rules = st.recursive(
    conditions,
    lambda parts: st.one_of(
        st.builds(lambda each: {"not": each}, parts),
        st.builds(
            lambda of, each: {of: each},
            st.sampled_from(["all", "any"]),
            st.lists(parts, min_size=1, max_size=3),
        ),
    ),
    max_leaves=5,
)


@dataclass(frozen=True)
class Hub:
    """Of one run: a new organization for each example, in one database. Examples are drawn in a thread."""

    owner: str
    db: Database
    transport: httpx.ASGITransport
    worker: Worker
    loop: asyncio.AbstractEventLoop

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result()


def machine(hub: Hub) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            slug = f"o{uuid.uuid4().hex[:12]}"
            organization = create_organization(hub.owner, slug, slug)
            assert organization is not None
            self.organization = organization
            self.contacts: list[dict[str, Any]] = []
            self.segments: list[str] = []
            self.static: list[str] = []
            self.activities: list[str] = []
            self.now = NOW
            hub.worker._keeper.clock = lambda: self.now
            key = hub.run(self._key())
            self.client = client_of(hub.transport, key)
            field = {"object": "contacts", "key": "city", "label": "City", "type": "text"}
            assert self.ask("POST", "/fields", field).status_code == 201
            # Something of each kind to begin with, so that most steps concern something.
            self.define_static()
            self.define({"field": "person.lifecycle_stage", "value": "lead"})
            self.define({"not": {"field": "segment", "value": 1}})
            self.define({"activity": "any", "at_least": 2, "within": "4d"})
            for number in range(3):
                self.create(STATUSES[number], number, STAGES[number], CITIES[number], number)
            for number in (1, 2):
                self.act(0, "call", number)

        async def _key(self) -> str:
            async with hub.db.tenant(self.organization) as session:
                return await keys.create(session, "test", ["*"])

        def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
            answer: httpx.Response = hub.run(self.client.request(method, path, json=body))
            assert answer.status_code < 500, answer.text
            return answer

        def _some(self, of: list[Any], place: int, then: Callable[[Any], object]) -> None:
            if of:
                then(of[place % len(of)])

        @rule(status=statuses, score=scores, stage=stages, city=cities, ago=days)
        def create(self, status: str, score: int, stage: str, city: str | None, ago: int) -> None:
            person = {"email": f"{uuid.uuid4().hex}@x.example", "lifecycle_stage": stage}
            at = None if ago == 0 else (NOW - datetime.timedelta(days=ago)).isoformat()
            body = {"person": person, "status": status, "score": score, "last_contacted_at": at}
            answer = self.ask("POST", "/contacts", body | {"custom": {"city": city} if city else {}})
            assert answer.status_code == 201, answer.text
            self.contacts.append(answer.json())

        @rule(place=places, status=statuses, city=cities)
        def change(self, place: int, status: str, city: str | None) -> None:
            body = {"status": status, "custom": {"city": city}}
            self._some(self.contacts, place, lambda each: self.ask("PATCH", f"/contacts/{each['id']}", body))

        @rule(score=scores, places=st.lists(places, min_size=1, max_size=6))
        def change_many(self, score: int, places: list[int]) -> None:
            if self.contacts:
                wanted = {self.contacts[each % len(self.contacts)]["id"] for each in places}
                items = [{"id": id, "item": {"score": score}} for id in wanted]
                self.ask("POST", "/contacts/batch/update", {"items": items})

        @rule(place=places, stage=stages)
        def change_person(self, place: int, stage: str) -> None:
            body = {"lifecycle_stage": stage}
            self._some(
                self.contacts, place, lambda each: self.ask("PATCH", f"/people/{each['person_id']}", body)
            )

        @rule(place=places, restore=st.booleans())
        def archive(self, place: int, restore: bool) -> None:
            def then(each: Any) -> None:
                path = f"/contacts/{each['id']}"
                self.ask("POST", f"{path}/restore") if restore else self.ask("DELETE", path)

            self._some(self.contacts, place, then)

        @rule(one=places, other=places)
        def merge(self, one: int, other: int) -> None:
            if self.contacts:
                into, gone = (self.contacts[each % len(self.contacts)]["person_id"] for each in (one, other))
                self.ask("POST", f"/people/{into}/merge", {"ids": [gone]})

        @rule(given=rules)
        def define(self, given: Any) -> None:
            body = {
                "name": uuid.uuid4().hex,
                "kind": "dynamic",
                "resource": "contacts",
                "rule": self._of(given),
            }
            answer = self.ask("POST", "/segments", body)
            if answer.status_code == 201:
                self.segments.append(answer.json()["id"])

        @rule()
        def define_static(self) -> None:
            body = {"name": uuid.uuid4().hex, "kind": "static", "resource": "contacts"}
            segment = self.ask("POST", "/segments", body).json()["id"]
            self.segments.append(segment)
            self.static.append(segment)

        @rule(place=places, of=places, put=st.booleans())
        def pick(self, place: int, of: int, put: bool) -> None:
            if self.static and self.contacts:
                segment, verb = self.static[of % len(self.static)], "add" if put else "remove"
                body = {"ids": [self.contacts[place % len(self.contacts)]["id"]]}
                self.ask("POST", f"/segments/{segment}/members/{verb}", body)

        @rule(place=places, given=rules)
        def edit(self, place: int, given: Any) -> None:
            body = {"rule": self._of(given)}
            self._some(self.segments, place, lambda each: self.ask("PATCH", f"/segments/{each}", body))

        @rule(place=places, restore=st.booleans())
        def archive_segment(self, place: int, restore: bool) -> None:
            def then(each: str) -> None:
                path = f"/segments/{each}"
                self.ask("POST", f"{path}/restore") if restore else self.ask("DELETE", path)

            self._some(self.segments, place, then)

        @rule(place=places, kind=st.sampled_from(["call", "meeting"]), day=st.integers(-9, 9))
        def act(self, place: int, kind: str, day: int) -> None:
            """A contact that was merged with another one is none that can be named."""
            at = (NOW + datetime.timedelta(days=day)).isoformat()
            body = {"kind": kind, "subject": "s", "starts_at": at}
            if self.contacts:
                body["contact_id"] = self.contacts[place % len(self.contacts)]["id"]
                answer = self.ask("POST", "/activities", body)
                if answer.status_code == 201:
                    self.activities.append(answer.json()["id"])

        @rule(place=places, to=places, restore=st.booleans(), day=st.integers(-9, 9))
        def change_activity(self, place: int, to: int, restore: bool, day: int) -> None:
            def then(each: str) -> None:
                path = f"/activities/{each}"
                at = (NOW + datetime.timedelta(days=day)).isoformat()
                self.ask("PATCH", path, {"contact_id": self.contacts[to % len(self.contacts)]["id"]})
                self.ask("POST", f"{path}/restore") if restore else self.ask("DELETE", path)
                self.ask("PATCH", path, {"completed_at": at})

            self._some(self.activities, place, then)

        @rule(passed=days)
        def time_passes(self, passed: int) -> None:
            self.now += datetime.timedelta(days=passed, hours=1)

        def _of(self, given: Any) -> Any:
            """Segments are drawn by their place."""
            if "activity" in given:
                return given
            if "field" not in given:
                return {
                    of: self._of(parts) if of == "not" else [self._of(each) for each in parts]
                    for of, parts in given.items()
                }
            if given["field"] != "segment":
                return given
            if not self.segments:
                return {"field": "status", "value": "active"}
            return given | {"value": self.segments[given["value"] % len(self.segments)]}

        @invariant()
        def is_as_the_rules_say(self) -> None:
            if hasattr(self, "organization"):
                hub.run(self._compare())

        async def _compare(self) -> None:
            await hub.worker.finish(self.organization)
            await hub.worker.sweep(self.organization)
            async with hub.db.tenant(self.organization) as session:
                kept = await _members(session)
                expected = await naive(session, self.now)
                counts = await session.fetch(
                    "SELECT segment_id, sum(members)::int AS members FROM crm.segment_counts"
                    " WHERE organization_id = $1 GROUP BY segment_id HAVING sum(members) <> 0",
                    session.tenant,
                )
            assert kept == expected
            assert {row["segment_id"]: row["members"] for row in counts} == Counter(each for each, _ in kept)

        def teardown(self) -> None:
            if hasattr(self, "organization"):
                hub.run(self._from_scratch())

        async def _from_scratch(self) -> None:
            async with hub.db.tenant(self.organization) as session:
                kept = await _members(session)
                for statement in (
                    "DELETE FROM crm.segment_members WHERE organization_id = $1",
                    "DELETE FROM crm.segment_counts WHERE organization_id = $1",
                    "UPDATE crm.segments SET state = 'computing', computed_to = NULL"
                    " WHERE organization_id = $1 AND archived_at IS NULL",
                ):
                    await session.execute(statement, session.tenant)
            await hub.worker.finish(self.organization)
            async with hub.db.tenant(self.organization) as session:
                assert await _members(session) == kept

    return Machine


async def _members(session: Session) -> set[tuple[uuid.UUID, uuid.UUID]]:
    rows = await session.fetch(
        "SELECT segment_id, object_id FROM crm.segment_members WHERE organization_id = $1", session.tenant
    )
    return {(row["segment_id"], row["object_id"]) for row in rows}


# --- the plain reading -------------------------------------------------------------------------------


async def naive(session: Session, now: datetime.datetime) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Each live segment asked of each live contact."""
    contacts = await session.fetch(
        "SELECT c.id, c.status, c.score, c.custom, c.last_contacted_at, p.lifecycle_stage"
        "  FROM crm.contacts AS c JOIN identity.people AS p"
        "    ON p.organization_id = c.organization_id AND p.id = c.person_id"
        " WHERE c.organization_id = $1 AND c.archived_at IS NULL",
        session.tenant,
    )
    done = await session.fetch(
        "SELECT contact_id, kind, coalesce(completed_at, starts_at) AS at FROM crm.activities"
        " WHERE organization_id = $1 AND archived_at IS NULL",
        session.tenant,
    )
    picks = await session.fetch(
        "SELECT segment_id, object_id FROM crm.segment_picks WHERE organization_id = $1", session.tenant
    )
    segments = await session.fetch(
        "SELECT id, rule FROM crm.segments WHERE organization_id = $1 AND archived_at IS NULL", session.tenant
    )
    rules = {row["id"]: row["rule"] and json.loads(row["rule"]) for row in segments}
    picked = {(row["segment_id"], row["object_id"]) for row in picks}

    def is_in(segment: uuid.UUID, contact: Any) -> bool:
        given = rules[segment]
        return (segment, contact["id"]) in picked if given is None else holds(given, contact)

    def holds(given: Any, contact: Any) -> bool:
        match given:
            case {"all": parts}:
                return all(holds(each, contact) for each in parts)
            case {"any": parts}:
                return any(holds(each, contact) for each in parts)
            case {"not": part}:
                return not holds(part, contact)
            case {"activity": kind}:
                about = [each for each in done if each["contact_id"] == contact["id"]]
                times = [each["at"] for each in about if kind in ("any", each["kind"]) and each["at"] <= now]
                return sum(_counts(given, at, now) for at in times) >= given["at_least"]
            case {"field": "segment", "value": value}:
                return is_in(ids.read("seg", value), contact)
            case {"field": "status" | "score" | "person.lifecycle_stage" as name, "value": value}:
                has = contact[name.removeprefix("person.")]
                if name != "score":
                    return bool(has == value)
                return bool(has > value if given["operator"] == "gt" else has <= value)
            case {"field": "custom.city", "operator": operator, "value": value}:
                city = json.loads(contact["custom"]).get("city")
                return (city is None) is value if operator == "null" else city in value
            case {"field": "last_contacted_at", "operator": operator, "value": value}:
                at = contact["last_contacted_at"]
                return at is not None and (now - at < _days(value)) is (operator == "less_than_ago")
        raise AssertionError(given)

    return {(segment, each["id"]) for segment in rules for each in contacts if is_in(segment, each)}


def _counts(given: Any, at: datetime.datetime, now: datetime.datetime) -> bool:
    if "within" in given:
        return now - at < _days(given["within"])
    return "since" not in given or at >= datetime.datetime.fromisoformat(given["since"])


def _days(text: str) -> datetime.timedelta:
    return datetime.timedelta(days=int(text.removesuffix("d")))


@pytest.mark.timeout(300)
async def test_kept_members_are_those_that_the_rules_say(
    owner: str, db: Database, app: httpx.ASGITransport, worker: Worker
) -> None:
    hub = Hub(owner, db, app, worker, asyncio.get_running_loop())
    steps = settings(
        max_examples=8,
        stateful_step_count=25,
        deadline=None,
        # To find the shortest example takes hundreds of runs, each with requests and a database.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, machine(hub), settings=steps)
