"""The CRM, as a part of a hub."""

from __future__ import annotations

from tenfold_hub.crm import companies, contacts, tags
from tenfold_hub.crm.activities import activities, milestones, notes
from tenfold_hub.crm.activities.occurrences import Occurrences
from tenfold_hub.crm.activities.routes import timeline_of
from tenfold_hub.crm.activities.subjects import about_something, on_timeline
from tenfold_hub.crm.activities.timeline import Timeline
from tenfold_hub.crm.api import Crm
from tenfold_hub.crm.points import addresses, contact_points
from tenfold_hub.crm.points.in_step import InStep
from tenfold_hub.crm.points.primary import Primary
from tenfold_hub.crm.sales import conversion, deals, leads, pipelines
from tenfold_hub.crm.sales import routes as sales
from tenfold_hub.crm.sales.history import History
from tenfold_hub.crm.search import routes as search
from tenfold_hub.crm.search.index import Index, Source, of_company, of_person
from tenfold_hub.identity import api as identity
from tenfold_hub.identity.api import Reference, Table, union
from tenfold_hub.kit.platform import Platform

#: Resources whose things have tags and a timeline, and are searched.
_KINDS = ("people", "contacts", "companies", "leads", "deals")


def join(platform: Platform) -> None:
    people = platform.records["people"]
    company = platform.add(companies.COMPANIES)
    company.prepare.append(companies.normalise)
    contact = platform.add(contacts.CONTACTS)
    contact.prepare += [
        contacts.of_person(people, identity.of(platform)),
        identity.refers_to_people("person_id"),
        contacts.opt_ins,
    ]
    contact.keys["email"] = lambda _: contacts.ByEmail(contact, identity.of(platform))
    table = Table(schema="crm", table="contacts", rules=contacts.RULES, records=contact)
    # A person is one contact at most: contacts of people who become one become one, too.
    identity.of(platform).references.add(Reference(table=table, column="person_id", unique=()))
    index, timeline = Index(), Timeline()
    _join_points(platform, index)
    _join_sales(platform, index, timeline)
    occurrences = _join_activities(platform, timeline)
    tagging = _join_tags(platform)
    platform.route(search.handlers({name: platform.records[name] for name in _KINDS}))
    platform.services["crm"] = Crm(timeline, tagging, occurrences)


def _join_points(platform: Platform, index: Index) -> None:
    people, contact, company = (platform.records[name] for name in ("people", "contacts", "companies"))
    point = platform.add(contact_points.CONTACT_POINTS)
    point.prepare.append(contact_points.normalise)
    primary = Primary(point, lambda values: str(values["kind"]))
    in_step = InStep(point, primary, people, identity.of(platform), index)
    point.prepare.append(in_step.before_points)
    point.follow.append(in_step.points_written)
    contact.follow.append(in_step.contacts_written)
    # Before search, which reads what is in step then.
    people.follow.append(in_step.people_written)
    names = frozenset({"given_name", "family_name", "email", "phone"})
    index.add(Source(people, names, of_person, in_step.of_people))
    index.add(Source(company, frozenset({"name", "domain"}), of_company, in_step.of_companies))
    address = platform.add(addresses.ADDRESSES)
    Primary(address)
    points = Table(schema="crm", table="contact_points", rules={"is_primary": union}, records=point)
    postal = Table(schema="crm", table="addresses", records=address)
    identity.of(platform).references.add(
        Reference(table=points, column="contact_id", to="contacts", unique=("kind", "value_normal")),
        Reference(table=postal, column="contact_id", to="contacts"),
    )


def _join_sales(platform: Platform, index: Index, timeline: Timeline) -> None:
    contact, company = platform.records["contacts"], platform.records["companies"]
    pipeline, stage = platform.add(pipelines.PIPELINES), platform.add(pipelines.STAGES)
    stages = pipelines.Stages(pipeline, stage)
    platform.expander.adds("pipelines", "stages", stages.shown, list[pipelines.Stage])
    deal = platform.add(deals.DEALS)
    deal.prepare.append(deals.staged)
    deal.sets["contact_id"] = deals.WITH_CONTACT
    history = History(deal, contact, timeline)
    platform.expander.adds("deals", "contacts", history.shown, list[contacts.Contact])
    lead = platform.add(leads.LEADS)
    lead.prepare.append(leads.checked)
    lead.follow.append(leads.labelled)
    lead.sets["label"] = leads.LABELLED
    convert = conversion.Converting(lead, contact, company, deal, identity.of(platform))
    platform.route(sales.handlers(pipeline, stage, deal, history, platform.cursors))
    platform.route(conversion.handlers(lead, convert))
    index.add(Source(lead, leads.SEARCHED, leads.of_lead))
    index.add(Source(deal, frozenset({"name"}), leads.of_deal))
    joined = Table(schema="crm", table="deal_contacts", key=("deal_id", "contact_id"), versioned=False)
    converted = Table(schema="crm", table="leads", records=lead)
    identity.of(platform).references.add(
        Reference(table=joined, column="contact_id", to="contacts", unique=("deal_id",)),
        Reference(table=converted, column="contact_id", to="contacts"),
    )


def _join_activities(platform: Platform, timeline: Timeline) -> Occurrences:
    references = identity.of(platform).references
    for resource, event in ((activities.ACTIVITIES, activities.event), (notes.NOTES, notes.event)):
        records = platform.add(resource)
        records.prepare.append(about_something(platform.records))
        records.follow.append(on_timeline(timeline, resource.prefix, event))
        table = Table(schema="crm", table=resource.table, records=records)
        references.add(Reference(table=table, column="contact_id", to="contacts"))
    events = Table(schema="crm", table="timeline", versioned=False)
    # What was about both, as a deal of theirs, is told of whoever stays once.
    references.add(Reference(table=events, column="object_id", unique=("source_id",)))
    for name, milestone in (
        ("people", milestones.of_person),
        ("contacts", milestones.of_contact),
        ("leads", milestones.of_lead),
    ):
        platform.records[name].follow.append(milestones.follow(timeline, milestone))
    for name in _KINDS:
        column = "person_id" if name == "contacts" else "id"
        platform.route([timeline_of(platform.records[name], platform.cursors, column)])
    occurrences = Occurrences()
    platform.records["activities"].follow.append(occurrences.written)
    return occurrences


def _join_tags(platform: Platform) -> tags.Tagging:
    tag = platform.add(tags.TAGS)
    tag.prepare.append(tags.normalise)
    tagging = tags.Tagging(tag, {name: platform.records[name] for name in _KINDS}, platform.journal)
    platform.route(tags.handlers(tag, tagging))
    for name in _KINDS:
        platform.records[name].sets["tag"] = tags.SET
        platform.expander.adds(name, "tags", tagging.shown, list[tags.Tag])
    marked = Table(schema="crm", table="taggings", key=("tag_id", "object_id"), versioned=False)
    identity.of(platform).references.add(
        Reference(table=marked, column="object_id", unique=("tag_id",)),
        Reference(table=marked, column="object_id", to="contacts", unique=("tag_id",)),
    )
    return tagging
