"""The client against the hub: what people do with it in a day, and what they must not do."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tenfold_hub.client import (
    Acceptance,
    AssociationPatch,
    CompanyPatch,
    ContactPatch,
    Edit,
    Hub,
    Login,
    Named,
    NewActivity,
    NewApiKey,
    NewAssociation,
    NewAssociationType,
    NewCompany,
    NewContact,
    NewCustomField,
    NewDeal,
    NewExport,
    NewInvite,
    NewItem,
    NewLead,
    NewObjectDefinition,
    NewObjectRecord,
    NewOrder,
    NewPerson,
    NewPipeline,
    NewRefund,
    NewSavedSearch,
    NewSegment,
    NewTag,
    NewWebhook,
    OrganizationPatch,
    PersonPatch,
    ProblemError,
    StepTaken,
    UnsignedError,
    Verifier,
    WaitedError,
)
from tenfold_hub.exchange.background import Background
from tests.hub.client.conftest import ADDRESS
from tests.hub.exchange.conftest import Receiver, until


async def test_things_are_made_found_changed_archived_and_restored(hub: Hub, other_hub: Hub) -> None:
    engines = await hub.companies.create(NewCompany(name="Engines", domain="engines.example", score=3))
    ada = await hub.contacts.create(
        NewContact(person=NewPerson(given_name="Ada", email="ada@engines.example"), company_id=engines.id)
    )
    found = await hub.contacts.get(ada.id, expand=["person", "company", "tags"])
    assert found.person is not None and found.person.email == "ada@engines.example"
    assert (found.company, found.tags) == (engines, [])
    assert found.created_at.tzinfo is not None
    people = [each async for each in hub.people.list(filter={"email": "ADA@engines.example"})]
    assert [each.id for each in people] == [ada.person_id]

    again = await hub.companies.update(engines.id, CompanyPatch(score=7), version=engines.version)
    assert (again.score, again.version) == (7, engines.version + 1)
    with pytest.raises(ProblemError) as raised:
        await hub.companies.archive(engines.id, version=engines.version)
    assert (raised.value.status, raised.value.code) == (412, "version_mismatch")
    assert raised.value.request_id
    archived = await hub.companies.archive(engines.id, version=again.version)
    assert archived.archived_at is not None
    assert [each.id async for each in hub.companies.list()] == []
    assert [each.id async for each in hub.companies.list(archived=True)] == [engines.id]
    assert [each.id async for each in hub.companies.list(archived=True, filter={"domain": "engines.example"})]
    assert (await hub.companies.restore(engines.id)).archived_at is None

    with pytest.raises(ProblemError, match="404 not_found: there is no company with this id"):
        await other_hub.companies.get(engines.id)
    with pytest.raises(ProblemError) as raised:
        await hub.contacts.create(NewContact(person=NewPerson(email="no address")))
    assert raised.value.code == "invalid" and raised.value.errors[0].pointer == "/person/email"


async def test_batches_answer_for_each_item_and_lists_go_on_to_their_end(hub: Hub) -> None:
    new = [NewCompany(name=f"Company {place}", score=place) for place in range(9)]
    results = await hub.companies.create_many(
        [*new, NewCompany(name="Ten", domain="no domain")], key="nightly"
    )
    assert [each.item.score for each in results if each.item is not None] == [*range(9)]
    with pytest.raises(ProblemError, match=r"422 invalid.*/domain"):
        results[9].get()
    made = [each.get() for each in results[:9]]
    # The same key has the same answer.
    replayed = await hub.companies.create_many(
        [*new, NewCompany(name="Ten", domain="no domain")], key="nightly"
    )
    assert [each.get().id for each in replayed[:9]] == [each.id for each in made]

    listed = hub.companies.list(sort="score", limit=4, count=True)
    pages = [page async for page in listed.pages()]
    assert [len(page.items) for page in pages] == [4, 4, 1]
    assert pages[0].count is not None and (pages[0].count.value, pages[0].count.capped) == (9, False)
    assert [each.id async for each in listed] == [each.id for each in made]
    back = await hub.companies.list(sort="score", limit=4, cursor=pages[1].previous_cursor).page()
    assert back.items == pages[0].items
    several = [
        {"score": {"gte": 2, "lt": 4}},
        {"id": [made[7].id, made[8].id]},
    ]
    found = [each.score async for each in hub.companies.list(filter=several, sort="-score", fields=["score"])]
    assert found == [8, 7, 3, 2]
    assert [each async for each in hub.companies.list(filter={"created_at": {"gt": datetime.now(UTC)}})] == []

    edits = [
        Edit(made[0].id, CompanyPatch(score=50), version=1),
        Edit(made[1].id, CompanyPatch(score=51), version=9),
    ]
    changed = await hub.companies.update_many(edits)
    assert [each.status for each in changed] == [200, 412]
    with pytest.raises(ProblemError, match="/items/1"):
        await hub.companies.update_many([Edit(made[2].id, CompanyPatch(score=52)), edits[1]], atomic=True)
    assert (await hub.companies.get(made[2].id)).score == 2
    gone = await hub.companies.archive_many([made[3].id, Named(made[4].id, version=9)])
    assert [each.status for each in gone] == [200, 412]
    assert (await hub.companies.restore_many([made[3].id]))[0].get().archived_at is None
    known = await hub.companies.upsert_many(
        [("loom.example", NewCompany(name="Loom")), ("loom2.example", CompanyPatch(name="Other"))]
    )
    assert {each.get().domain for each in known} == {"loom.example", "loom2.example"}


async def test_people_become_one_and_two_again_and_buy_meanwhile(hub: Hub) -> None:
    ada = await hub.people.upsert("shop", "7/1", PersonPatch(given_name="Ada", email="ada@engines.example"))
    twin = await hub.people.create(NewPerson(given_name="Ada", email="ada@engines.example"))
    assert (await hub.people.upsert("shop", "7/1", PersonPatch(family_name="King"))).id == ada.id
    (suggested,) = await hub.people.duplicates_of(ada.id)
    assert suggested.person.id == twin.id and "email" in suggested.by
    groups = [group async for group in hub.people.duplicates(by=["email"])]
    assert [{each.id for each in group.people} for group in groups] == [{ada.id, twin.id}]
    merged = await hub.people.merge(ada.id, [twin.id], fields={"given_name": "newest"})
    assert merged.merge is not None
    assert (await hub.people.get(twin.id)).id == ada.id

    product = NewItem(name="Engine", unit_price_minor=1_000, quantity=2)
    order = await hub.orders.create(
        NewOrder(person_id=twin.id, currency="EUR", items=[product], status="draft"), key="shop-1"
    )
    assert order.person_id == ada.id and order.items[0].quantity == 2
    order = await hub.orders.place(order.id)
    order = await hub.orders.pay(order.id, StepTaken(payment_reference="p1"), version=order.version)
    with pytest.raises(ProblemError, match="409 conflict"):
        await hub.orders.place(order.id)
    refund = await hub.orders.refund(order.id, NewRefund(amount_minor=500))
    assert (refund.amount_minor, order.total_minor) == (500, 2_000)
    assert [each.id async for each in hub.refunds.list(filter={"order_id": order.id})] == [refund.id]
    fulfilled = await hub.orders.take_many("fulfil", [order.id])
    assert fulfilled[0].get().fulfilled_at is not None
    statistics = await hub.customers.statistics(order.customer_id)
    assert statistics.currencies[0].net_minor == 1_500
    history = (await hub.orders.get(order.id, expand=["history", "person"])).history
    assert {"placed", "paid", "refunded"} <= {each.event for each in history}
    assert ("EUR", 2) in [(each.code, each.exponent) for each in await hub.currencies()]

    undone = await hub.merges.undo(merged.merge.id)
    assert undone.undone_at is not None
    assert (await hub.people.get(twin.id)).id == twin.id
    entries = [each async for each in hub.audit(object=ada.id, limit=2)]
    assert len(entries) > 2 and entries[-1].action == "created"


async def test_what_an_organization_adds_of_its_own(hub: Hub) -> None:
    city = await hub.fields.create(
        NewCustomField(object="contacts", key="city", label="City", type="text", filterable=True)
    )
    assert (await hub.fields.fill(city.id)).state == "ready"
    new = [("Ada", "Oslo"), ("Grace", "Bergen"), ("Mary", "Oslo")]
    contacts = [
        each.get()
        for each in await hub.contacts.create_many(
            NewContact(person=NewPerson(given_name=name), custom={"city": place}) for name, place in new
        )
    ]
    oslo = hub.contacts.list(filter={"custom.city": "oslo"}, sort="created_at", fields=["custom.city"])
    assert [each.custom async for each in oslo] == [{"city": "Oslo"}] * 2

    await hub.objects.create(NewObjectDefinition(name="vehicles", singular="Vehicle", plural="Vehicles"))
    vehicles = hub.objects.records("vehicles")
    car = await vehicles.create(NewObjectRecord())
    assert [each.id async for each in vehicles.list()] == [car.id]
    await hub.association_types.create(
        NewAssociationType(
            name="drives",
            label="drives",
            inverse_label="is driven by",
            from_object="people",
            to_object="vehicles",
        )
    )
    drives = await hub.associations.create(
        NewAssociation(type="drives", from_id=contacts[0].person_id, to_id=car.id)
    )
    assert [(each.id, each.label) async for each in hub.associations.of(car.id)] == [
        (contacts[0].person_id, "is driven by")
    ]
    labelled = await hub.associations.update(
        drives.id, AssociationPatch(label="owns"), version=drives.version
    )
    assert labelled.label == "owns"

    tag = await hub.tags.create(NewTag(name="Friends"))
    assert (await hub.tags.assign(tag.id, [each.id for each in contacts])).changed == 3
    assert (await hub.tags.remove(tag.id, [contacts[2].id])).changed == 1
    rule = {"all": [{"field": "tag", "value": tag.id}, {"field": "custom.city", "value": "Oslo"}]}
    friends = await hub.segments.create(
        NewSegment(name="Friends in Oslo", kind="dynamic", resource="contacts", rule=rule)
    )
    await until(lambda: _ready(hub, friends.id))
    assert [each.id async for each in hub.segments.members(friends.id)] == [contacts[0].id]
    await hub.contacts.update(contacts[1].id, ContactPatch(custom={"city": "Oslo"}))
    assert {each.id async for each in hub.contacts.list(filter={"segment": friends.id})} == {
        contacts[0].id,
        contacts[1].id,
    }
    picked = await hub.segments.create(NewSegment(name="Picked", kind="static", resource="contacts"))
    assert (await hub.segments.add(picked.id, [contacts[2].id])).changed == 1
    assert (await hub.segments.get(picked.id)).members.count == 1
    search = await hub.saved_searches.create(
        NewSavedSearch(name="Oslo", resource="contacts", filters=[("custom.city", "eq", "oslo")])
    )
    assert len([each async for each in hub.saved_searches.results(search.id)]) == 3


async def _ready(hub: Hub, segment: str) -> bool:
    return (await hub.segments.get(segment)).state == "ready"


async def test_a_deal_from_its_lead_to_its_board(hub: Hub) -> None:
    pipeline = await hub.pipelines.create(NewPipeline(name="New business"))
    stages = (await hub.pipelines.get(pipeline.id)).stages
    contact = await hub.contacts.create(
        NewContact(person=NewPerson(given_name="Ada", family_name="Lovelace"))
    )
    deal = await hub.deals.create(
        NewDeal(name="One engine", pipeline_id=pipeline.id, amount_minor=1_000, currency="EUR")
    )
    assert [each.id for each in (await hub.deals.get(deal.id, expand=["contacts"])).contacts] == []
    await hub.deals.contacts(deal.id, add=[contact.id])
    board = await hub.pipelines.board(pipeline.id, limit=5)
    assert (board.stages[0].stage.id, board.stages[0].count) == (stages[0].id, 1)
    assert [move.stage_id async for move in hub.deals.stages(deal.id)] == [stages[0].id]
    lead = await hub.leads.create(NewLead(name="Grace Hopper", email="grace@navy.example"))
    assert (await hub.leads.convert(lead.id)).contact_id is not None
    await hub.activities.create(NewActivity(kind="call", subject="Hello", contact_id=contact.id))
    kinds = {event.kind async for event in hub.contacts.timeline(contact.id)}
    assert "call" in kinds
    found = await hub.search("lovelase", kinds=["contacts"])
    assert [(each.kind, each.id) for each in found] == [("contacts", contact.id)]


async def test_who_asks(hub: Hub, app: httpx.ASGITransport) -> None:
    me = await hub.me()
    assert (me.kind, me.organization.slug) == ("api_key", "acme")
    organization = await hub.organization()
    renamed = await hub.change_organization(OrganizationPatch(name="Acme & Co"), version=organization.version)
    assert renamed.name == "Acme & Co"
    made = await hub.api_keys.create(NewApiKey(name="Reports", scopes=["people:read"]))
    async with Hub(ADDRESS, made.key, transport=app) as reports:
        assert [each async for each in reports.people.list()] == []
        with pytest.raises(ProblemError, match="403 forbidden"):
            await reports.people.create(NewPerson(given_name="Ada"))
    await hub.api_keys.archive(made.api_key.id)
    invited = await hub.invites.create(NewInvite(email="grace@navy.example", role="member"))
    async with Hub(ADDRESS, "", transport=app) as nobody:
        with pytest.raises(ProblemError, match="401 unauthenticated"):
            await nobody.me()
        acceptance = Acceptance(token=invited.token, name="Grace", password="a long password")
        joined = await nobody.invites.accept(acceptance)
        login = Login(organization="acme", email="grace@navy.example", password="a long password")
        logged_in = await nobody.sessions.log_in(login)
    assert logged_in.membership.id == joined.membership.id
    async with Hub(ADDRESS, logged_in.token, transport=app) as grace:
        assert (await grace.me()).kind == "user"
        assert (await grace.sessions.log_out()).ended


async def test_files_come_and_go(hub: Hub, background: Background, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    with file.open("w") as text:
        rows = csv.writer(text)
        rows.writerow(["given_name", "email"])
        rows.writerows(
            [("Ada", "ada@engines.example"), ("Nobody", "no address"), ("Grace", "grace@navy.example")]
        )
    job = await hub.imports.start(
        "people", file, mapping={"given_name": "given_name", "email": "email"}, key="once"
    )
    assert (
        await hub.imports.start(
            "people", file, mapping={"given_name": "given_name", "email": "email"}, key="once"
        )
    ).id == job.id
    job = await hub.imports.wait(job.id, timeout=60)
    assert (job.status, job.rows_created, job.rows_failed) == ("done", 2, 1)
    (refused,) = await hub.imports.refused(job.id)
    assert (refused.line, refused.row["given_name"], bool(refused.error)) == (3, "Nobody", True)
    export = await hub.exports.start(NewExport(kind="people", fields=["email"], format="csv"))
    export = await hub.exports.wait(export.id, timeout=60)
    size = await hub.exports.save(export.id, tmp_path / "out.csv")
    assert size == (tmp_path / "out.csv").stat().st_size
    assert "ada@engines.example" in (tmp_path / "out.csv").read_text()
    with pytest.raises(ProblemError, match="409 conflict"):
        await hub.exports.cancel(export.id)


async def test_one_waits_for_a_job_no_longer_than_one_says(hub: Hub) -> None:
    told = []
    job = await hub.exports.start(NewExport(kind="people"))
    with pytest.raises(WaitedError):
        await hub.exports.wait(job.id, timeout=0.05, told=told.append)
    assert (await hub.exports.cancel(job.id)).status == "canceled"
    assert (await hub.exports.wait(job.id)).status == "canceled"
    assert {each.status for each in told} == {"queued"}


async def test_a_message_is_the_hubs_or_is_refused(
    hub: Hub, background: Background, receiver: Receiver
) -> None:
    webhook = await hub.webhooks.create(NewWebhook(url=receiver.url(), topics=["crm.companies.*"]))
    assert webhook.secret is not None
    company = await hub.companies.create(NewCompany(name="Engines"))
    await until(lambda: receiver.got)
    message = receiver.got[0]
    event = Verifier(webhook.secret).verify(message.headers, message.body)
    assert (event.type, event.data["id"]) == ("crm.companies.created", company.id)
    assert event.id == message.headers["webhook-id"]
    await until(lambda: _delivered(hub, webhook.id))
    rotated = await hub.webhooks.rotate_secret(webhook.id)
    assert rotated.secret is not None
    assert Verifier(rotated.secret, webhook.secret).verify(message.headers, message.body) == event
    replayed = await hub.webhook_deliveries.list(filter={"webhook_id": webhook.id}).page()
    assert (await hub.webhook_deliveries.replay(replayed.items[0].id)).status == "pending"

    with pytest.raises(UnsignedError, match="no signature"):
        Verifier(rotated.secret).verify(message.headers, message.body)
    with pytest.raises(UnsignedError, match="no signature"):
        Verifier(webhook.secret).verify(message.headers, message.body + b" ")
    with pytest.raises(UnsignedError, match="no signature"):
        strange = {**message.headers, "webhook-signature": "v1,*** v2,AAAA v1, nonsense"}
        Verifier(webhook.secret).verify(strange, message.body)
    late = float(message.headers["webhook-timestamp"]) + 301
    with pytest.raises(UnsignedError, match="300 s"):
        Verifier(webhook.secret, clock=lambda: late).verify(message.headers, message.body)
    with pytest.raises(UnsignedError, match="no webhook-id"):
        Verifier(webhook.secret).verify({}, message.body)


async def _delivered(hub: Hub, webhook: str) -> bool:
    page = await hub.webhook_deliveries.list(filter={"webhook_id": webhook}).page()
    return {each.status for each in page.items} == {"delivered"}


async def test_tasks_share_a_hub(hub: Hub) -> None:
    made = await asyncio.gather(*(hub.tags.create(NewTag(name=f"Tag {place}")) for place in range(8)))
    assert len({tag.id for tag in made}) == 8
