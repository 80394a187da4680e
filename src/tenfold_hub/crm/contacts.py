"""Contacts: what the CRM knows of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort

Status = Literal["active", "inactive", "bounced", "unsubscribed"]
Source = Annotated[str, Meta(min_length=1, max_length=100)]
Score = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class Contact(msgspec.Struct, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    person_id: str
    company_id: str | None
    status: Status
    source: str | None
    score: int
    email_opt_in: bool
    sms_opt_in: bool
    call_opt_in: bool
    last_contacted_at: datetime | None
    custom: dict[str, Any]


class NewContact(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    person_id: str
    company_id: str | None = None
    status: Status = "active"
    source: Source | None = None
    score: Score = 0
    email_opt_in: bool = False
    sms_opt_in: bool = False
    call_opt_in: bool = False
    last_contacted_at: datetime | None = None
    custom: dict[str, Any] = {}


class ContactPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    company_id: str | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    source: Source | UnsetType | None = UNSET
    score: Score | UnsetType = UNSET
    email_opt_in: bool | UnsetType = UNSET
    sms_opt_in: bool | UnsetType = UNSET
    call_opt_in: bool | UnsetType = UNSET
    last_contacted_at: datetime | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


CONTACTS = Resource(
    name="contacts",
    singular="contact",
    prefix="con",
    schema="crm",
    table="contacts",
    columns={
        "person_id": "uuid",
        "company_id": "uuid",
        "status": "text",
        "source": "text",
        "score": "integer",
        "email_opt_in": "boolean",
        "sms_opt_in": "boolean",
        "call_opt_in": "boolean",
        "last_contacted_at": "timestamptz",
        "custom": "jsonb",
    },
    shown=Contact,
    new=NewContact,
    patch=ContactPatch,
    refs={"person_id": "per", "company_id": "com"},
    filters={
        "person_id": Filter(),
        "company_id": Filter(),
        "status": Filter(),
        "score": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort(), "score": Sort()},
    expands={"person": "people", "company": "companies"},
    constraints={
        "contacts_person_key": Fault("/person_id", "taken", "this person is a contact already"),
        "contacts_person_fkey": Fault("/person_id", "unknown", "there is no such person"),
        "contacts_company_fkey": Fault("/company_id", "unknown", "there is no such company"),
    },
    custom=True,
)
