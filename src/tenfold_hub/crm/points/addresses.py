"""Postal addresses of contacts and companies."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.resource import Filter, Resource, Sort, Thing

Text = Annotated[str, Meta(min_length=1, max_length=300)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]


class Address(Thing, kw_only=True):
    contact_id: str | None
    company_id: str | None
    label: str | None
    is_primary: bool
    street: str | None
    extra: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None


class NewAddress(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of a contact or of a company; the country as in ISO 3166-1: DE."""

    contact_id: str | None = None
    company_id: str | None = None
    label: Text | None = None
    is_primary: bool = False
    street: Text | None = None
    extra: Text | None = None
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Country | None = None


class AddressPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    label: Text | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET
    street: Text | UnsetType | None = UNSET
    extra: Text | UnsetType | None = UNSET
    city: Text | UnsetType | None = UNSET
    region: Text | UnsetType | None = UNSET
    postal_code: Text | UnsetType | None = UNSET
    country: Country | UnsetType | None = UNSET


ADDRESSES = Resource(
    name="addresses",
    singular="address",
    prefix="adr",
    schema="crm",
    table="addresses",
    columns={
        "contact_id": "uuid",
        "company_id": "uuid",
        "label": "text",
        "is_primary": "boolean",
        "street": "text",
        "extra": "text",
        "city": "text",
        "region": "text",
        "postal_code": "text",
        "country": "text",
    },
    shown=Address,
    new=NewAddress,
    patch=AddressPatch,
    refs={"contact_id": "con", "company_id": "com"},
    filters={
        "contact_id": Filter(operators=("eq", "in")),
        "company_id": Filter(operators=("eq", "in")),
    },
    sorts={"created_at": Sort()},
    expands={"contact": "contacts", "company": "companies"},
    constraints={
        "addresses_contact_fkey": Fault("/contact_id", "unknown", "there is no such contact"),
        "addresses_company_fkey": Fault("/company_id", "unknown", "there is no such company"),
        "addresses_of_one": Fault("/contact_id", "required", "give either a contact or a company"),
    },
    read_scope="contacts:read",
    write_scope="contacts:write",
)
