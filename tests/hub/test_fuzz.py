"""Every route of the description, asked what the description allows.

TENFOLD_FUZZ_EXAMPLES, a number, has it ask each so often, and as often what is not allowed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema_rs
import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode

from tenfold_hub import client as hub
from tenfold_hub.client import Hub
from tests.hub.conftest import Organization

ASKED = int(os.environ.get("TENFOLD_FUZZ_EXAMPLES", "0"))
Ask = Callable[[Case, str], httpx.Response]


@pytest.mark.timeout(3_600 if ASKED else 300)
async def test_no_request_makes_the_hub_fail_or_answer_what_it_does_not_describe(
    app: httpx.ASGITransport,
    owner: str,
    acme: Organization,
    globex: Organization,
    described: dict[str, Any],
) -> None:
    async with Hub("http://hub", acme.key, transport=app) as made, httpx.AsyncClient(transport=app) as client:
        things = await _things(made)
        loop = asyncio.get_running_loop()

        def ask(case: Case, key: str) -> httpx.Response:
            return asyncio.run_coroutine_threadsafe(client.send(_request(case, key)), loop).result()

        wrong = await asyncio.to_thread(_all, described, ask, things, acme, globex, owner)
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong)


def _all(
    described: dict[str, Any],
    ask: Ask,
    things: dict[str, str],
    acme: Organization,
    globex: Organization,
    owner: str,
) -> list[str]:
    """What was wrong, route by route."""
    description = Description(described)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(described)))
    operations = [result.ok() for result in schema.get_all_operations()]
    allowed = [case for each in operations for case in _cases(each, GenerationMode.POSITIVE, ASKED or 1)]
    for case in allowed:
        _known(case, things)
    wrong = set()
    before = _written(owner, acme)
    for case in allowed:
        label = case.operation.label
        if not case.operation.definition.raw.get("security") and (status := ask(case, "").status_code) != 401:
            wrong.add(f"{label}: {status} to nobody")
        if "{id}" in label and (status := ask(case, globex.key).status_code) not in _refused(case):
            wrong.add(f"{label}: {status} to another organization")
    assert _written(owner, acme) == before, "another organization, or nobody, wrote"
    for case in allowed:
        wrong |= description.against(case, ask(case, acme.key))
    for operation in operations if ASKED else ():
        for case in _cases(operation, GenerationMode.NEGATIVE, ASKED):
            wrong |= description.against(case, ask(case, acme.key))
    return sorted(wrong)


class Description:
    """Of the API, as something that answers are held against."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._paths = described["paths"]
        self._registry = jsonschema_rs.Registry([("urn:hub", described)])
        self._validators: dict[str, Any] = {}

    def against(self, case: Case, answer: httpx.Response) -> set[str]:
        """What is wrong with the answer."""
        operation = case.operation
        found = self._paths[operation.path][operation.method]["responses"].get(str(answer.status_code))
        if found is None or answer.status_code >= 500:
            return {f"{operation.label}: {answer.status_code} {answer.text[:300]}"}
        content = found.get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if content and kind not in content:
            return {f"{operation.label}: {answer.status_code} is {kind}"}
        reference = content.get(kind, {}).get("schema", {}).get("$ref")
        if reference is None:
            return set()
        if reference not in self._validators:
            asked = {"$ref": f"urn:hub{reference}"}
            self._validators[reference] = jsonschema_rs.Draft202012Validator(asked, registry=self._registry)
        errors = self._validators[reference].iter_errors(answer.json())
        return {
            f"{operation.label}: {answer.status_code} {[*each.instance_path]} {each.message[:200]}"
            for each in errors
        }


def _cases(operation: Any, mode: GenerationMode, examples: int) -> list[Case]:
    """The same each time."""
    found: list[Case] = []
    limits = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )

    def keep(case: Case) -> None:
        found.append(case)

    limits(given(operation.as_strategy(generation_mode=mode))(keep))()
    return found


def _request(case: Case, key: str) -> httpx.Request:
    """As the tool would send it, by this key."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url="http://hub")).prepare()
    headers = {name: value for name, value in prepared.headers.items() if name != "Authorization"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.Request(prepared.method or "", prepared.url or "", headers=headers, content=prepared.body)


def _refused(case: Case) -> set[int]:
    """What another organization is told: 404, unless what it sends is refused before the id is looked at."""
    return {400, 404, 422} if case.query or (isinstance(case.body, dict) and case.body) else {404}


def _known(case: Case, things: dict[str, str]) -> None:
    """Puts ids of things that there are into the path, and into the body where it has such fields."""
    kind = case.operation.path.split("/")[2]
    for name in case.path_parameters:
        if name == "id":
            case.path_parameters[name] = things.get(
                "records" if "{object}" in case.operation.path else kind, "x"
            )
        if name in ("object", "thing"):
            case.path_parameters[name] = "vehicles" if name == "object" else things["contacts"]
    for part, name in _fields(case.body):
        if isinstance(part[name], str) and (known := things.get(_plural(name.removesuffix("_id")))):
            part[name] = known


def _fields(body: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(body, dict):
        for name, value in body.items():
            if name.endswith("_id"):
                yield body, name
            yield from _fields(value)
    elif isinstance(body, list):
        for value in body:
            yield from _fields(value)


def _plural(name: str) -> str:
    return {"person": "people", "company": "companies"}.get(name, f"{name}s")


def _written(owner: str, organization: Organization) -> int:
    with psycopg.connect(owner) as connection:
        row = connection.execute(
            "SELECT count(*) FROM hub.audit_entries WHERE organization_id = %s", (organization.id,)
        ).fetchone()
    assert row is not None
    return int(row[0])


async def _things(made: Hub) -> dict[str, str]:
    """One of each kind, by the name of its resource."""
    person = await made.people.upsert(
        "shop", "1", hub.PersonPatch(given_name="Ada", email="ada@engines.example")
    )
    twin = await made.people.create(hub.NewPerson(given_name="Ada", email="countess@engines.example"))
    merged = await made.people.merge(person.id, [twin.id])
    company = await made.companies.create(hub.NewCompany(name="Engines", domain="engines.example"))
    contact = await made.contacts.create(hub.NewContact(person_id=person.id, company_id=company.id))
    pipeline = await made.pipelines.create(hub.NewPipeline(name="New business"))
    stages = (await made.pipelines.get(pipeline.id)).stages
    deal = await made.deals.create(hub.NewDeal(name="One engine", pipeline_id=pipeline.id))
    team = await made.teams.create(hub.NewTeam(name="Sales"))
    await made.objects.create(hub.NewObjectDefinition(name="vehicles", singular="Vehicle", plural="Vehicles"))
    record = await made.objects.records("vehicles").create(hub.NewObjectRecord())
    drives = hub.NewAssociationType(
        name="drives",
        label="drives",
        inverse_label="is driven by",
        from_object="people",
        to_object="vehicles",
    )
    association = hub.NewAssociation(type="drives", from_id=person.id, to_id=record.id)
    field = hub.NewCustomField(object="contacts", key="city", label="City", type="text")
    rule = {"field": "status", "value": "active"}
    segment = hub.NewSegment(name="Active", kind="dynamic", resource="contacts", rule=rule)
    order = await made.orders.create(
        hub.NewOrder(
            person_id=person.id,
            currency="EUR",
            status="paid",
            items=[hub.NewItem(name="Engine", unit_price_minor=1_000)],
        )
    )
    webhook = await made.webhooks.create(hub.NewWebhook(url="https://shop.example/hook", topics=["*"]))
    invited = await made.invites.create(hub.NewInvite(email="grace@navy.example", role="admin"))
    invite = await made.invites.create(hub.NewInvite(email="joan@navy.example", role="member"))
    joined = await made.invites.accept(
        hub.Acceptance(token=invited.token, name="Grace", password="a long password")
    )
    member = hub.NewTeamMember(team_id=team.id, membership_id=joined.membership.id)
    found = {
        "people": person.id,
        "merges": merged.merge.id if merged.merge else "",
        "companies": company.id,
        "contacts": contact.id,
        "contact-points": (
            await made.contact_points.create(
                hub.NewContactPoint(contact_id=contact.id, kind="web", value="https://ada.example")
            )
        ).id,
        "addresses": (await made.addresses.create(hub.NewAddress(contact_id=contact.id, city="London"))).id,
        "pipelines": pipeline.id,
        "stages": stages[0].id,
        "deals": deal.id,
        "leads": (await made.leads.create(hub.NewLead(name="Grace"))).id,
        "activities": (
            await made.activities.create(hub.NewActivity(kind="call", subject="Hello", contact_id=contact.id))
        ).id,
        "notes": (await made.notes.create(hub.NewNote(body="Hello", contact_id=contact.id))).id,
        "tags": (await made.tags.create(hub.NewTag(name="Friends"))).id,
        "segments": (await made.segments.create(segment)).id,
        "saved-searches": (
            await made.saved_searches.create(hub.NewSavedSearch(name="All", resource="contacts"))
        ).id,
        "teams": team.id,
        "team-members": (await made.team_members.create(member)).id,
        "memberships": joined.membership.id,
        "invites": invite.invite.id,
        "sessions": joined.session.id,
        "api-keys": (await made.api_keys.create(hub.NewApiKey(name="Reports", scopes=["*:read"]))).api_key.id,
        "fields": (await made.fields.create(field)).id,
        "objects": "",
        "records": record.id,
        "association-types": (await made.association_types.create(drives)).id,
        "associations": (await made.associations.create(association)).id,
        "external-identities": (await made.external_identities.list().page()).items[0].id,
        "products": (await made.products.create(hub.NewProduct(name="Engine", sku="E-1"))).id,
        "customers": order.customer_id,
        "orders": order.id,
        "refunds": (await made.orders.refund(order.id, hub.NewRefund(amount_minor=1))).id,
        "webhooks": webhook.id,
        "webhook-deliveries": (await made.webhooks.test(webhook.id)).id,
        "imports": (
            await made.imports.start(
                "people", b"given_name\nAda\n", mapping={"given_name": "given_name"}, mode="create"
            )
        ).id,
        "exports": (await made.exports.start(hub.NewExport(kind="people"))).id,
    }
    found["objects"] = (await made.objects.list().page()).items[0].id
    return found
