"""E-mail addresses, phone numbers, web pages and social accounts: any number of each, one primary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.identity.api import email_normal, phone_normal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import Filter, Resource, Sort, Thing

Kind = Literal["email", "phone", "social", "web"]
Text = Annotated[str, Meta(min_length=1, max_length=100)]
Value = Annotated[str, Meta(min_length=1, max_length=500)]

_LINK = re.compile(r"https?://[^\s]+\Z")


class ContactPoint(Thing, kw_only=True):
    contact_id: str | None
    company_id: str | None
    kind: Kind
    value: str
    provider: str | None
    label: str | None
    is_primary: bool


class NewContactPoint(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of a contact or of a company. The first of its kind is the primary one."""

    kind: Kind
    value: Value
    contact_id: str | None = None
    company_id: str | None = None
    provider: Text | None = None
    label: Text | None = None
    is_primary: bool = False


class ContactPointPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    value: Value | UnsetType = UNSET
    provider: Text | UnsetType | None = UNSET
    label: Text | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET


def found_by(value: str) -> str:
    """The form in which a value of any kind is kept to be found: what it is tells which."""
    if "@" in value and not value.startswith("@"):
        return email_normal(value) or value.lower()
    return phone_normal(value) or value.strip().removeprefix("@").lower()


CONTACT_POINTS = Resource(
    name="contact-points",
    singular="contact point",
    prefix="cpt",
    schema="crm",
    table="contact_points",
    columns={
        "contact_id": "uuid",
        "company_id": "uuid",
        "kind": "text",
        "value": "text",
        "value_normal": "text",
        "provider": "text",
        "label": "text",
        "is_primary": "boolean",
    },
    shown=ContactPoint,
    new=NewContactPoint,
    patch=ContactPointPatch,
    refs={"contact_id": "con", "company_id": "com"},
    filters={
        "contact_id": Filter(operators=("eq", "in")),
        "company_id": Filter(operators=("eq", "in")),
        "value": Filter(operators=("eq", "in"), column="value_normal", normal=found_by),
    },
    sorts={"created_at": Sort()},
    expands={"contact": "contacts", "company": "companies"},
    constraints={
        "contact_points_contact_fkey": Fault("/contact_id", "unknown", "there is no such contact"),
        "contact_points_company_fkey": Fault("/company_id", "unknown", "there is no such company"),
        "contact_points_of_one": Fault("/contact_id", "required", "give either a contact or a company"),
        "contact_points_contact_key": Fault("/value", "taken", "it is there already, perhaps archived"),
        "contact_points_company_key": Fault("/value", "taken", "it is there already, perhaps archived"),
    },
    hidden=frozenset({"value_normal"}),
    read_scope="contacts:read",
    write_scope="contacts:write",
)


async def normalise(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        values = draft.values
        if draft.problem is None and (draft.before is None or "value" in draft.given):
            values["value"] = values["value"].strip()
            try:
                values["value_normal"] = normal_of(values["kind"], values["value"], "/value")
            except Problem as problem:
                draft.problem = problem
        if values["kind"] == "social" and not values.get("provider"):
            draft.problem = invalid("/provider", "required", "say of which network this account is")


def normal_of(kind: Kind, value: str, pointer: str) -> str:
    """The form in which it is compared. Raises Problem for what is none of this kind."""
    match kind:
        case "email":
            normal = email_normal(value)
            wrong = "this is no e-mail address"
        case "phone":
            normal = phone_normal(value)
            wrong = "this is no phone number; begin with its country, as +49"
        case "web":
            normal = value.lower() if _LINK.match(value) else None
            wrong = "write a page as https://example.com"
        case _:
            normal = value.removeprefix("@").lower() or None
            wrong = "write the name of the account"
    if normal is None:
        raise invalid(pointer, f"invalid_{kind}", wrong)
    return normal
