"""The CRM, as a part of a hub."""

from __future__ import annotations

from tenfold_hub.crm import companies, contacts
from tenfold_hub.crm.points import addresses, contact_points
from tenfold_hub.crm.points.in_step import InStep
from tenfold_hub.crm.points.primary import Primary
from tenfold_hub.crm.search import routes as search
from tenfold_hub.crm.search.index import Index, Source, of_company, of_person
from tenfold_hub.identity import api as identity
from tenfold_hub.identity.api import Reference, Table, union
from tenfold_hub.kit.platform import Platform


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
    references = identity.of(platform).references
    table = Table(schema="crm", table="contacts", rules=contacts.RULES, records=contact)
    # A person is one contact at most: contacts of people who become one become one, too.
    references.add(Reference(table=table, column="person_id", unique=()))
    index = Index()
    _join_points(platform, index)
    platform.route(search.handlers({"people": people, "contacts": contact, "companies": company}))


def _join_points(platform: Platform, index: Index) -> None:
    people, contact, company = (platform.records[name] for name in ("people", "contacts", "companies"))
    references = identity.of(platform).references
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
    rules = {"is_primary": union}
    references.add(
        Reference(
            table=Table(schema="crm", table="contact_points", rules=rules, records=point),
            column="contact_id",
            to="contacts",
            unique=("kind", "value_normal"),
        ),
        Reference(
            table=Table(schema="crm", table="addresses", records=address), column="contact_id", to="contacts"
        ),
    )
