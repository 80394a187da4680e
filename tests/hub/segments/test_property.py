"""Whatever is written, in whatever order: members that were kept are those that a fresh look would find."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg.conninfo import make_conninfo

from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import assemble, create_app
from tenfold_hub.identity import keys
from tenfold_hub.identity.organizations import create_organization
from tenfold_hub.roles import ROLES
from tenfold_hub.segments.computing import Worker
from tenfold_hub.serving import database
from tenfold_hub.settings import Settings
from tests.hub.conftest import SECRET, client_of

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


class Hub:
    """Of one run: a new organization for each example, in one event loop and one database."""

    def __init__(self, owner: str) -> None:
        self.owner, self._runner = owner, asyncio.Runner()
        told = Settings(database=make_conninfo(owner, user=ROLES.application), secret=SECRET)
        telemetry = Telemetry()
        self.db = database(told, [telemetry])
        self.run(self.db.open())
        self.transport = httpx.ASGITransport(create_app(self.db, Cursors(told.key), telemetry, told))
        self.worker: Worker = assemble(self.db, Cursors(told.key), told).services["segments.worker"]

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def close(self) -> None:
        self.run(self.db.close())
        self._runner.close()


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
            for number in range(3):
                self.create(STATUSES[number], number, STAGES[number], CITIES[number], number)

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

        @rule(passed=days)
        def time_passes(self, passed: int) -> None:
            self.now += datetime.timedelta(days=passed, hours=1)

        def _of(self, given: Any) -> Any:
            """Segments are drawn by their place."""
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
        def is_as_if_computed_from_scratch(self) -> None:
            if hasattr(self, "organization"):
                hub.run(self._compare())

        async def _compare(self) -> None:
            await hub.worker.finish(self.organization)
            await hub.worker.sweep(self.organization)
            kept = await self._members()
            async with hub.db.tenant(self.organization) as session:
                await session.execute(
                    "DELETE FROM crm.segment_members WHERE organization_id = $1", self.organization
                )
                await session.execute(
                    "UPDATE crm.segments SET state = 'computing', computed_to = NULL"
                    " WHERE organization_id = $1 AND archived_at IS NULL",
                    self.organization,
                )
                counts = await session.fetch(
                    "SELECT segment_id, sum(members)::int AS members FROM crm.segment_counts"
                    " WHERE organization_id = $1 GROUP BY segment_id HAVING sum(members) > 0",
                    self.organization,
                )
                await session.execute(
                    "DELETE FROM crm.segment_counts WHERE organization_id = $1", self.organization
                )
            await hub.worker.finish(self.organization)
            fresh = await self._members()
            assert kept == fresh
            assert {row["segment_id"]: row["members"] for row in counts} == {
                segment: len([1 for other, _ in fresh if other == segment]) for segment, _ in fresh
            }

        async def _members(self) -> set[tuple[uuid.UUID, uuid.UUID]]:
            async with hub.db.tenant(self.organization) as session:
                rows = await session.fetch(
                    "SELECT segment_id, object_id FROM crm.segment_members WHERE organization_id = $1",
                    self.organization,
                )
            return {(row["segment_id"], row["object_id"]) for row in rows}

    return Machine


@pytest.mark.timeout(300)
def test_kept_members_are_those_of_a_fresh_computation(owner: str) -> None:
    hub = Hub(owner)
    try:
        run_state_machine_as_test(
            machine(hub),
            settings=settings(
                max_examples=12,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        hub.close()
