"""Contacts: what the CRM knows of a person, who is named, or found and made in the same request."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.identity.api import (
    Identity,
    NewPerson,
    Rule,
    email_normal,
    furthest,
    largest,
    survivor,
    union,
)
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft, Prepare, Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

Status = Literal["active", "inactive", "bounced", "unsubscribed"]
Source = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Score = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class Contact(Thing, kw_only=True):
    person_id: str
    company_id: str | None
    status: Status
    source: str | None
    score: int
    owner_id: str | None
    job_title: str | None
    department: str | None
    language: str | None
    time_zone: str | None
    email_opt_in: bool
    email_opt_in_at: datetime | None
    email_opt_in_source: str | None
    sms_opt_in: bool
    sms_opt_in_at: datetime | None
    sms_opt_in_source: str | None
    call_opt_in: bool
    call_opt_in_at: datetime | None
    call_opt_in_source: str | None
    last_contacted_at: datetime | None
    custom: dict[str, Any]


class NewContact(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of a person who is there, or of `person`, who is found by the e-mail address, or else created."""

    person_id: str | UnsetType = UNSET
    person: NewPerson | UnsetType = UNSET
    company_id: str | None = None
    status: Status = "active"
    source: Source | None = None
    score: Score = 0
    owner_id: str | None = None
    job_title: Text | None = None
    department: Text | None = None
    language: Text | None = None
    time_zone: Text | None = None
    email_opt_in: bool = False
    email_opt_in_at: datetime | UnsetType = UNSET
    email_opt_in_source: Source | None = None
    sms_opt_in: bool = False
    sms_opt_in_at: datetime | UnsetType = UNSET
    sms_opt_in_source: Source | None = None
    call_opt_in: bool = False
    call_opt_in_at: datetime | UnsetType = UNSET
    call_opt_in_source: Source | None = None
    last_contacted_at: datetime | None = None
    custom: dict[str, Any] = {}


class ContactPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    company_id: str | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    source: Source | UnsetType | None = UNSET
    score: Score | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    job_title: Text | UnsetType | None = UNSET
    department: Text | UnsetType | None = UNSET
    language: Text | UnsetType | None = UNSET
    time_zone: Text | UnsetType | None = UNSET
    email_opt_in: bool | UnsetType = UNSET
    email_opt_in_at: datetime | UnsetType | None = UNSET
    email_opt_in_source: Source | UnsetType | None = UNSET
    sms_opt_in: bool | UnsetType = UNSET
    sms_opt_in_at: datetime | UnsetType | None = UNSET
    sms_opt_in_source: Source | UnsetType | None = UNSET
    call_opt_in: bool | UnsetType = UNSET
    call_opt_in_at: datetime | UnsetType | None = UNSET
    call_opt_in_source: Source | UnsetType | None = UNSET
    last_contacted_at: datetime | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


#: Of the fields of contacts who turn out to be one person. Whoever one of them says not to write to, is not
#: written to.
RULES: dict[str, Rule] = {
    "company_id": survivor,
    "status": furthest("inactive", "active", "bounced", "unsubscribed"),
    "source": survivor,
    "score": largest,
    "owner_id": survivor,
    "job_title": survivor,
    "department": survivor,
    "language": survivor,
    "time_zone": survivor,
    "email_opt_in": union,
    "email_opt_in_at": largest,
    "email_opt_in_source": survivor,
    "sms_opt_in": union,
    "sms_opt_in_at": largest,
    "sms_opt_in_source": survivor,
    "call_opt_in": union,
    "call_opt_in_at": largest,
    "call_opt_in_source": survivor,
    "last_contacted_at": largest,
    "custom": union,
}

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
        "owner_id": "uuid",
        "job_title": "text",
        "department": "text",
        "language": "text",
        "time_zone": "text",
        "email_opt_in": "boolean",
        "email_opt_in_at": "timestamptz",
        "email_opt_in_source": "text",
        "sms_opt_in": "boolean",
        "sms_opt_in_at": "timestamptz",
        "sms_opt_in_source": "text",
        "call_opt_in": "boolean",
        "call_opt_in_at": "timestamptz",
        "call_opt_in_source": "text",
        "last_contacted_at": "timestamptz",
        "custom": "jsonb",
    },
    shown=Contact,
    new=NewContact,
    patch=ContactPatch,
    refs={"person_id": "per", "company_id": "com", "owner_id": "usr"},
    filters={
        "person_id": Filter(),
        "company_id": Filter(),
        "owner_id": Filter(),
        "status": Filter(),
        "email_opt_in": Filter(),
        "sms_opt_in": Filter(),
        "call_opt_in": Filter(),
        "score": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort(), "score": Sort()},
    listed=(
        "created_at",
        "updated_at",
        "person_id",
        "company_id",
        "owner_id",
        "status",
        "source",
        "score",
        "job_title",
        "email_opt_in",
        "sms_opt_in",
        "call_opt_in",
        "last_contacted_at",
        "custom",
    ),
    expands={"tags": "tags", "person": "people", "company": "companies"},
    constraints={
        "contacts_person_key": Fault("/person_id", "taken", "this person is a contact already"),
        "contacts_person_fkey": Fault("/person_id", "unknown", "there is no such person"),
        "contacts_owner_fkey": Fault("/owner_id", "unknown", "there is no such member"),
        "contacts_company_fkey": Fault("/company_id", "unknown", "there is no such company"),
    },
    keys=("email", "person_id"),
    custom=True,
    sets=("segment", "tag"),
)

_OPT_INS = ("email_opt_in", "sms_opt_in", "call_opt_in")


async def opt_ins(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """When somebody opts in or out and the client does not say when, it is now."""
    now = datetime.now(UTC)
    for draft in drafts:
        for name in _OPT_INS:
            was = (draft.before or {}).get(name, False)
            if f"{name}_at" not in draft.given and draft.values.get(name, False) != was:
                draft.values[f"{name}_at"] = now


@dataclass(frozen=True, slots=True)
class ByEmail:
    """Contacts are known by the e-mail address of their person; for `tenfold_hub.kit.keys`."""

    contacts: Records
    identity: Identity

    def read(self, given: object) -> Hashable:
        normal = email_normal(given) if isinstance(given, str) else None
        if normal is None:
            raise invalid("/email", "invalid_email", "this is no e-mail address")
        return normal

    def into(self, given: object, values: Mapping[str, Any]) -> dict[str, Any]:
        """With a `person_id`, that there are two who may be meant is said when it is prepared."""
        person = values.get("person", NewPerson())
        return {**values, "person": msgspec.structs.replace(person, email=given)}

    async def hold(
        self, session: Session, keys: Collection[Hashable]
    ) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        people = await self.identity.hold_by_email(session, map(str, keys))
        found = await self.contacts.rows.find(session, "person_id", list(people.values()))
        return {email: found.get(person, ()) for email, person in people.items()}

    async def made(
        self, session: Session, principal: Principal, made: Sequence[tuple[Hashable, Values]]
    ) -> None:
        """The person says it."""


def of_person(people: Records, identity: Identity) -> Prepare:
    """Finds or makes the people whom drafts describe, those of many contacts together."""

    async def prepare(session: Session, principal: Principal, drafts: Sequence[Draft]) -> None:
        described: list[tuple[Draft, NewPerson]] = []
        for draft in drafts:
            person = draft.values.pop("person", None)
            if draft.before is None and (person is None) is ("person_id" not in draft.values):
                draft.problem = invalid("/person_id", "required", "give either `person_id` or `person`")
            elif person is not None:
                described.append((draft, person))
        if not described:
            return
        principal.require(people.resource.to_write)
        normal = [email_normal(person.email) for _, person in described]
        found = await identity.hold_by_email(session, [email for email in normal if email])
        # Of two that describe the same new person, both are of the first one's.
        new: dict[str, tuple[Draft, NewPerson]] = {}
        for (draft, person), email in zip(described, normal, strict=True):
            if email is None or email not in found:
                new.setdefault(email or str(draft.values["id"]), (draft, person))
        outcomes = await people.create(
            session, principal, [msgspec.structs.asdict(person) for _, person in new.values()], atomic=False
        ) if new else []  # fmt: skip
        made = dict(zip(new, outcomes, strict=True))
        for (draft, _), email in zip(described, normal, strict=True):
            if email is not None and email in found:
                draft.values["person_id"] = found[email]
                continue
            outcome = made[email or str(draft.values["id"])]
            draft.problem = _within_person(outcome.problem)
            if outcome.values is not None:
                draft.values["person_id"] = outcome.values["id"]

    return prepare


def _within_person(problem: Problem | None) -> Problem | None:
    if problem is None:
        return None
    faults = [Fault(f"/person{fault.pointer}", fault.code, fault.detail) for fault in problem.errors]
    return Problem(problem.code, problem.detail, faults)
