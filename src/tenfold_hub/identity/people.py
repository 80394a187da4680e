"""People: one for each human that an organization knows, under contact and customer alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.identity.names import name_key
from tenfold_hub.identity.normal import email_normal, phone_normal
from tenfold_hub.identity.references import Rule, furthest, survivor, union
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Resource, Sort, Thing

Stage = Literal["subscriber", "lead", "qualified", "opportunity", "customer", "evangelist", "other"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Address = Annotated[str, Meta(min_length=3, max_length=320)]
Number = Annotated[str, Meta(min_length=3, max_length=40)]


class Person(Thing, kw_only=True):
    given_name: str | None
    family_name: str | None
    email: str | None
    phone: str | None
    lifecycle_stage: Stage
    owning_service: str
    custom: dict[str, Any]


class NewPerson(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    given_name: Name | None = None
    family_name: Name | None = None
    email: Address | None = None
    phone: Number | None = None
    lifecycle_stage: Stage = "subscriber"
    owning_service: Annotated[str, Meta(min_length=1, max_length=60)] = "hub"
    custom: dict[str, Any] = {}


class PersonPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    given_name: Name | UnsetType | None = UNSET
    family_name: Name | UnsetType | None = UNSET
    email: Address | UnsetType | None = UNSET
    phone: Number | UnsetType | None = UNSET
    lifecycle_stage: Stage | UnsetType = UNSET
    owning_service: Annotated[str, Meta(min_length=1, max_length=60)] | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


STAGES: tuple[Stage, ...] = get_args(Stage)

#: Of the fields of people who become one. A name is of two parts that belong together, or to nobody.
RULES: dict[str, Rule] = {
    "given_name": survivor,
    "family_name": survivor,
    "name_key": survivor,
    "email": survivor,
    "email_normal": survivor,
    "phone": survivor,
    "phone_normal": survivor,
    "lifecycle_stage": furthest("other", *STAGES[:-1]),
    "owning_service": survivor,
    "custom": union,
}

PEOPLE = Resource(
    name="people",
    singular="person",
    prefix="per",
    schema="identity",
    table="people",
    columns={
        "given_name": "text",
        "family_name": "text",
        "email": "text",
        "email_normal": "text",
        "phone": "text",
        "phone_normal": "text",
        "name_key": "text",
        "lifecycle_stage": "text",
        "owning_service": "text",
        "custom": "jsonb",
    },
    shown=Person,
    new=NewPerson,
    patch=PersonPatch,
    filters={
        "email": Filter(column="email_normal", normal=email_normal),
        "phone": Filter(column="phone_normal", normal=phone_normal),
        "lifecycle_stage": Filter(operators=EQUAL),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort(), "family_name": Sort(nullable=True)},
    keys=("email",),
    hidden=frozenset({"email_normal", "phone_normal", "name_key"}),
    expands={"tags": "tags"},
    custom=True,
    sets=("segment", "tag"),
)


async def normalise(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """Fills the columns that name, e-mail and phone are found by, and refuses what is no e-mail or phone."""
    for draft in drafts:
        values = draft.values
        if draft.given & {"given_name", "family_name"}:
            values["name_key"] = name_key(values.get("given_name"), values.get("family_name"))
        if "email" in draft.given:
            values["email_normal"] = email_normal(values["email"])
            if values["email"] and values["email_normal"] is None:
                draft.problem = invalid("/email", "invalid_email", "this is no e-mail address")
        if "phone" in draft.given:
            values["phone_normal"] = phone_normal(values["phone"])
            if values["phone"] and values["phone_normal"] is None:
                draft.problem = invalid(
                    "/phone",
                    "invalid_phone",
                    "this is no phone number; begin with its country, as +49",
                )
