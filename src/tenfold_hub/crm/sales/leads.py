"""Leads: who may become a customer, before anybody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.crm.points.contact_points import Kind, normal_of
from tenfold_hub.crm.search.index import Points
from tenfold_hub.crm.search.words import Subject, subject
from tenfold_hub.identity.api import email_normal, phone_normal
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing, Through

Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(min_length=1, max_length=60)]
Labels = Annotated[list[Label], Meta(max_length=20)]
Score = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
#: `converted` is what a lead becomes by being converted.
Status = Literal["new", "contacted", "qualified", "unqualified"]


class Lead(Thing, kw_only=True):
    name: str
    given_name: str | None
    family_name: str | None
    email: str | None
    phone: str | None
    company_name: str | None
    job_title: str | None
    status: str
    source: str | None
    labels: list[str]
    score: int
    owner_id: str | None
    converted_at: datetime | None
    contact_id: str | None
    company_id: str | None
    deal_id: str | None


class NewLead(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    given_name: Text | None = None
    family_name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    company_name: Text | None = None
    job_title: Text | None = None
    status: Status = "new"
    source: Text | None = None
    labels: Labels = []
    score: Score = 0
    owner_id: str | None = None


class LeadPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    given_name: Text | UnsetType | None = UNSET
    family_name: Text | UnsetType | None = UNSET
    email: Text | UnsetType | None = UNSET
    phone: Text | UnsetType | None = UNSET
    company_name: Text | UnsetType | None = UNSET
    job_title: Text | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    source: Text | UnsetType | None = UNSET
    labels: Labels | UnsetType = UNSET
    score: Score | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET


LEADS = Resource(
    name="leads",
    singular="lead",
    prefix="lea",
    schema="crm",
    table="leads",
    columns={
        "name": "text",
        "given_name": "text",
        "family_name": "text",
        "email": "text",
        "phone": "text",
        "company_name": "text",
        "job_title": "text",
        "status": "text",
        "source": "text",
        "labels": "jsonb",
        "score": "integer",
        "owner_id": "uuid",
        "converted_at": "timestamptz",
        "contact_id": "uuid",
        "company_id": "uuid",
        "deal_id": "uuid",
    },
    shown=Lead,
    new=NewLead,
    patch=LeadPatch,
    refs={"owner_id": "usr", "contact_id": "con", "company_id": "com", "deal_id": "dea"},
    filters={
        "status": Filter(),
        "source": Filter(),
        "owner_id": Filter(),
        "score": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort(), "score": Sort()},
    expands={"tags": "tags", "contact": "contacts", "company": "companies", "deal": "deals"},
    constraints={"leads_owner_fkey": Fault("/owner_id", "unknown", "there is no such member")},
    sets=("tag", "label"),
)
#: What lists are narrowed to, as `filter[label]`.
LABELLED = Through(schema="crm", table="lead_labels", column="label", type="text")
SEARCHED = frozenset({"name", "given_name", "family_name", "email", "phone", "company_name"})


_FORGET = "DELETE FROM crm.lead_labels WHERE organization_id = $1 AND object_id = ANY($2::uuid[])"
_LABEL = """
INSERT INTO crm.lead_labels (organization_id, label, object_id)
SELECT $1, n.* FROM unnest($2::text[], $3::uuid[]) AS n ON CONFLICT DO NOTHING
"""


async def labelled(session: Session, _: Principal, changes: Sequence[Change]) -> None:
    """Keeps the rows by which leads are found by their labels."""
    labels = {
        each.id: each.after["labels"]
        for each in changes
        if each.after is not None and (each.before or {}).get("labels", []) != each.after["labels"]
    }
    pairs = [(label, id) for id, given in labels.items() for label in given]
    if old := [each.id for each in changes if each.before is not None and each.id in labels]:
        await session.execute(_FORGET, session.tenant, old)
    if pairs:
        await session.execute(_LABEL, session.tenant, [label for label, _ in pairs], [id for _, id in pairs])


_POINTS: tuple[Kind, ...] = ("email", "phone")


async def checked(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """E-mail and phone are some, and a lead that was converted stays what it became."""
    for draft in drafts:
        values, before = draft.values, draft.before
        try:
            for kind in _POINTS:
                if kind in draft.given and values[kind]:
                    normal_of(kind, values[kind], f"/{kind}")
        except Problem as problem:
            draft.problem = problem
        if before is not None and before["converted_at"] is not None and "status" in draft.given:
            draft.problem = Problem("conflict", "this lead was converted")


def of_lead(values: Mapping[str, Any], _: Points) -> Subject:
    return subject(
        "leads",
        values["name"],
        detail=values.get("email") or values.get("company_name"),
        more=[values.get("given_name"), values.get("family_name"), values.get("company_name")],
        emails=[email_normal(values.get("email"))],
        phones=[phone_normal(values.get("phone"))],
    )


def of_deal(values: Mapping[str, Any], _: Points) -> Subject:
    return subject("deals", values["name"])
