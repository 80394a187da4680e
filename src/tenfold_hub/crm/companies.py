"""Companies that an organization deals with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.crm.names import name_normal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing

Status = Literal["prospect", "active", "churned", "partner", "other"]
Priority = Literal["low", "normal", "high", "urgent"]
Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Link = Annotated[str, Meta(pattern="^https?://[^\\s]+$", max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2_000_000_000)]
Minor = Annotated[int, Meta(ge=0, le=10**17)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Score = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z")


class Company(Thing, kw_only=True):
    name: str
    domain: str | None
    industry: str | None
    size: str | None
    employees: int | None
    revenue_minor: int | None
    revenue_currency: str | None
    score: int
    status: Status
    priority: Priority
    owner_id: str | None
    assigned_to: str | None
    parent_id: str | None
    website: str | None
    description: str | None
    custom: dict[str, Any]


class NewCompany(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    domain: Text | None = None
    industry: Text | None = None
    size: Text | None = None
    employees: Count | None = None
    revenue_minor: Minor | None = None
    revenue_currency: Currency | None = None
    score: Score = 0
    status: Status = "prospect"
    priority: Priority = "normal"
    owner_id: str | None = None
    assigned_to: str | None = None
    parent_id: str | None = None
    website: Link | None = None
    description: Annotated[str, Meta(max_length=10_000)] | None = None
    custom: dict[str, Any] = {}


class CompanyPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    domain: Text | UnsetType | None = UNSET
    industry: Text | UnsetType | None = UNSET
    size: Text | UnsetType | None = UNSET
    employees: Count | UnsetType | None = UNSET
    revenue_minor: Minor | UnsetType | None = UNSET
    revenue_currency: Currency | UnsetType | None = UNSET
    score: Score | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    assigned_to: str | UnsetType | None = UNSET
    parent_id: str | UnsetType | None = UNSET
    website: Link | UnsetType | None = UNSET
    description: Annotated[str, Meta(max_length=10_000)] | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


COMPANIES = Resource(
    name="companies",
    singular="company",
    prefix="com",
    schema="crm",
    table="companies",
    columns={
        "name": "text",
        "name_normal": "text",
        "domain": "text",
        "industry": "text",
        "size": "text",
        "employees": "integer",
        "revenue_minor": "bigint",
        "revenue_currency": "text",
        "score": "integer",
        "status": "text",
        "priority": "text",
        "owner_id": "uuid",
        "assigned_to": "uuid",
        "parent_id": "uuid",
        "website": "text",
        "description": "text",
        "custom": "jsonb",
    },
    shown=Company,
    new=NewCompany,
    patch=CompanyPatch,
    refs={"owner_id": "usr", "assigned_to": "usr", "parent_id": "com"},
    filters={
        "domain": Filter(normal=lambda text: domain_normal(text)),
        "name": Filter(operators=("eq", "in"), column="name_normal", normal=name_normal),
        "industry": Filter(),
        "status": Filter(),
        "priority": Filter(),
        "size": Filter(),
        "owner_id": Filter(),
        "assigned_to": Filter(),
        "parent_id": Filter(),
        "employees": Filter(operators=RANGE),
        "revenue_minor": Filter(operators=RANGE),
        "score": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={
        "created_at": Sort(),
        "updated_at": Sort(),
        "score": Sort(),
        "employees": Sort(nullable=True),
        "revenue_minor": Sort(nullable=True),
    },
    listed=(
        "created_at",
        "updated_at",
        "name",
        "domain",
        "industry",
        "size",
        "employees",
        "revenue_minor",
        "revenue_currency",
        "score",
        "status",
        "priority",
        "owner_id",
        "assigned_to",
        "custom",
    ),
    expands={"tags": "tags"},
    constraints={
        "companies_domain_key": Fault("/domain", "taken", "another company has this domain"),
        "companies_owner_fkey": Fault("/owner_id", "unknown", "there is no such member"),
        "companies_assigned_to_fkey": Fault("/assigned_to", "unknown", "there is no such member"),
        "companies_parent_fkey": Fault("/parent_id", "unknown", "there is no such company"),
    },
    keys=("domain",),
    hidden=frozenset({"name_normal"}),
    custom=True,
    sets=("segment", "tag"),
)


async def normalise(_: Session, __: Principal, drafts: Sequence[Draft]) -> None:
    """Domains in lower case, and names as they are searched."""
    for draft in drafts:
        values = draft.values
        if "name" in draft.given:
            values["name_normal"] = name_normal(values["name"])
        if "domain" in draft.given and values["domain"] is not None:
            values["domain"] = domain_normal(values["domain"])
            if values["domain"] is None:
                draft.problem = invalid("/domain", "invalid_domain", "write a domain as example.com")
        if draft.values.get("parent_id") == draft.values["id"]:
            draft.problem = invalid("/parent_id", "itself", "no company is its own parent")


def domain_normal(text: str) -> str | None:
    """None for what is no domain."""
    domain = text.strip().lower().rstrip(".")
    return domain if _DOMAIN.match(domain) else None
