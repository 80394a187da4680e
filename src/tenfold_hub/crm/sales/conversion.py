# Handlers' annotations are read by the framework, so these are no text.
"""A lead becomes a contact, with its company and a deal: all of them in one transaction, or nothing."""

import uuid
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.crm.companies import NewCompany
from tenfold_hub.crm.contacts import NewContact
from tenfold_hub.crm.names import name_normal
from tenfold_hub.crm.sales.deals import Currency, Minor, Name, NewDeal
from tenfold_hub.crm.sales.leads import Lead
from tenfold_hub.identity.api import Identity, NewPerson, email_normal
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, id_at, id_of, written
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid, not_found
from tenfold_hub.kit.records import Patch, Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import etag, shower

_CONTACT = """
SELECT id FROM crm.contacts WHERE organization_id = $1 AND person_id = $2 AND archived_at IS NULL
"""
_COMPANY = """
SELECT id FROM crm.companies
 WHERE organization_id = $1 AND name_normal = $2 AND archived_at IS NULL ORDER BY id LIMIT 1
"""


class DealOfLead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A deal that begins with the conversion; it is named like the lead, if not otherwise."""

    name: Name | None = None
    pipeline_id: str | None = None
    stage_id: str | None = None
    amount_minor: Minor | None = None
    currency: Currency | None = None
    expected_close: date | None = None


class Conversion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of a company that is there, or else of one named as the lead says; without a deal where it is null."""

    company_id: Annotated[str, Meta(max_length=60)] | None = None
    deal: DealOfLead | None = DealOfLead()


class Converting:
    def __init__(
        self, leads: Records, contacts: Records, companies: Records, deals: Records, identity: Identity
    ) -> None:
        self._leads, self._contacts, self._companies = leads, contacts, companies
        self._deals, self._identity = deals, identity

    async def __call__(
        self, session: Session, principal: Principal, id: uuid.UUID, asked: Conversion
    ) -> Values:
        """The lead, converted. Raises Problem `not_found`, or `conflict` where it was converted already."""
        for records in (self._contacts, self._companies, self._deals):
            principal.require(records.resource.to_write)
        lead = (await self._leads.rows.lock(session, [id])).get(id)
        if lead is None:
            raise not_found("lead")
        if lead["converted_at"] is not None:
            raise Problem("conflict", "this lead was converted already")
        company = await self._company(session, principal, lead, asked)
        contact = await self._contact(session, principal, lead, company)
        deal = (
            await self._deal(session, principal, lead, asked.deal, company, contact) if asked.deal else None
        )
        values: Values = {
            "status": "converted",
            "converted_at": datetime.now(UTC),
            "contact_id": contact,
            "company_id": company,
            "deal_id": deal,
        }
        (outcome,) = await self._leads.update(session, principal, [Patch(id, values)])
        assert outcome.values is not None
        return outcome.values

    async def _company(
        self, session: Session, principal: Principal, lead: Values, asked: Conversion
    ) -> uuid.UUID | None:
        if asked.company_id is not None:
            id = id_at("/company_id", "com", asked.company_id)
            if id not in await self._companies.get_many(session, [id]):
                raise invalid("/company_id", "unknown", "there is no such company")
            return id
        if lead["company_name"] is None:
            return None
        normal = name_normal(lead["company_name"])
        found: uuid.UUID | None = await session.fetch_value(_COMPANY, session.tenant, normal)
        return found or await _made(
            self._companies, session, principal, NewCompany(name=lead["company_name"])
        )

    async def _contact(
        self, session: Session, principal: Principal, lead: Values, company: uuid.UUID | None
    ) -> uuid.UUID:
        email = email_normal(lead["email"])
        if email is not None:
            person = (await self._identity.hold_by_email(session, [email])).get(email)
            if person is not None:
                found: uuid.UUID | None = await session.fetch_value(_CONTACT, session.tenant, person)
                if found is not None:
                    return found
        named = {name: lead[name] for name in ("given_name", "family_name", "email", "phone")}
        if not named["given_name"] and not named["family_name"]:
            named["family_name"] = lead["name"][:200]
        contact = NewContact(
            person=NewPerson(**named, lifecycle_stage="lead"),
            source=lead["source"] and lead["source"][:100],
            job_title=lead["job_title"],
            score=lead["score"],
        )
        values = {"company_id": company, "owner_id": lead["owner_id"]}
        return await _made(self._contacts, session, principal, contact, values)

    async def _deal(
        self,
        session: Session,
        principal: Principal,
        lead: Values,
        asked: DealOfLead,
        company: uuid.UUID | None,
        contact: uuid.UUID,
    ) -> uuid.UUID:
        deal = NewDeal(
            name=asked.name or lead["name"],
            amount_minor=asked.amount_minor,
            currency=asked.currency,
            expected_close=asked.expected_close,
            source=lead["source"],
            contact_ids=[ids.shown("con", contact)],
        )
        values: Values = {"company_id": company, "owner_id": lead["owner_id"]}
        for name, prefix in (("pipeline_id", "pip"), ("stage_id", "stg")):
            text = getattr(asked, name)
            if text is not None:
                values[name] = id_at(f"/deal/{name}", prefix, text)
        return await _made(self._deals, session, principal, deal, values)


async def _made(
    records: Records,
    session: Session,
    principal: Principal,
    new: msgspec.Struct,
    values: Values | None = None,
) -> uuid.UUID:
    named = {
        name: value for name in new.__struct_fields__ if (value := getattr(new, name)) is not msgspec.UNSET
    }
    (outcome,) = await records.create(session, principal, [named | (values or {})])
    assert outcome.values is not None
    id: uuid.UUID = outcome.values["id"]
    return id


def handlers(leads: Records, convert: Converting) -> list[BaseRouteHandler]:
    show = shower(leads.resource)

    async def conversion(request: Asked, id: FromPath[str], data: JSONBody[Conversion]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            values = await convert(session, principal, id_of(leads.resource, id), data)
            return 200, show(values, leads.resource.fields), {"ETag": etag(values["version"])}

        return await written(request, leads.resource.to_write, f"POST /leads/{id}/convert", do)

    return [
        route(
            post,
            "/leads/{id:str}/convert",
            conversion,
            "Make a contact, a company and a deal of a lead",
            Lead,
            200,
        )
    ]
