"""Deals: what may be sold, to whom, for how much, and how far it has come."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing, Through

Name = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Minor = Annotated[int, Meta(ge=0, le=10**17)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Status = Literal["open", "won", "lost"]
#: Contacts that a deal has at most.
MOST_CONTACTS = 100
Contacts = Annotated[list[str], Meta(max_length=MOST_CONTACTS)]


class Deal(Thing, kw_only=True):
    name: str
    pipeline_id: str
    stage_id: str
    status: Status
    amount_minor: int | None
    currency: str | None
    company_id: str | None
    owner_id: str | None
    expected_close: datetime.date | None
    stage_entered_at: datetime.datetime
    closed_at: datetime.datetime | None
    lost_reason: str | None
    source: str | None
    custom: dict[str, Any]


class NewDeal(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """In the first stage of its pipeline, and in the oldest pipeline, where none is named."""

    name: Name
    pipeline_id: str | UnsetType = UNSET
    stage_id: str | UnsetType = UNSET
    amount_minor: Minor | None = None
    currency: Currency | None = None
    company_id: str | None = None
    contact_ids: Contacts = []
    owner_id: str | None = None
    expected_close: datetime.date | None = None
    lost_reason: Text | None = None
    source: Text | None = None
    custom: dict[str, Any] = {}


class DealPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    pipeline_id: str | UnsetType = UNSET
    stage_id: str | UnsetType = UNSET
    amount_minor: Minor | UnsetType | None = UNSET
    currency: Currency | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    owner_id: str | UnsetType | None = UNSET
    expected_close: datetime.date | UnsetType | None = UNSET
    lost_reason: Text | UnsetType | None = UNSET
    source: Text | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


DEALS = Resource(
    name="deals",
    singular="deal",
    prefix="dea",
    schema="crm",
    table="deals",
    columns={
        "name": "text",
        "pipeline_id": "uuid",
        "stage_id": "uuid",
        "status": "text",
        "amount_minor": "bigint",
        "currency": "text",
        "company_id": "uuid",
        "owner_id": "uuid",
        "expected_close": "date",
        "stage_entered_at": "timestamptz",
        "closed_at": "timestamptz",
        "lost_reason": "text",
        "source": "text",
        "custom": "jsonb",
    },
    shown=Deal,
    new=NewDeal,
    patch=DealPatch,
    refs={"pipeline_id": "pip", "stage_id": "stg", "company_id": "com", "owner_id": "usr"},
    filters={
        "pipeline_id": Filter(),
        "stage_id": Filter(),
        "status": Filter(),
        "owner_id": Filter(),
        "company_id": Filter(),
        "expected_close": Filter(operators=RANGE),
        "amount_minor": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={
        "created_at": Sort(),
        "updated_at": Sort(),
        "expected_close": Sort(nullable=True),
        "amount_minor": Sort(nullable=True),
    },
    expands={
        "tags": "tags",
        "pipeline": "pipelines",
        "stage": "stages",
        "company": "companies",
        "contacts": "contacts",
    },
    constraints={
        "deals_amount_has_currency": Fault("/currency", "required", "an amount has a currency"),
        "deals_stage_fkey": Fault("/stage_id", "unknown", "the pipeline has no such stage"),
        "deals_company_fkey": Fault("/company_id", "unknown", "there is no such company"),
        "deals_owner_fkey": Fault("/owner_id", "unknown", "there is no such member"),
    },
    custom=True,
    sets=("tag", "contact_id"),
)
#: What lists are narrowed to, as `filter[contact_id]`.
WITH_CONTACT = Through(schema="crm", table="deal_contacts", column="contact_id", prefix="con", of="deal_id")

# Few, as organizations have few pipelines; in the order in which a deal begins.
_STAGES = """
SELECT s.id, s.pipeline_id, s.outcome FROM crm.stages AS s
  JOIN crm.pipelines AS p ON p.organization_id = s.organization_id AND p.id = s.pipeline_id
 WHERE s.organization_id = $1 AND p.organization_id = $1 AND s.archived_at IS NULL AND p.archived_at IS NULL
 ORDER BY p.created_at, p.id, s.position, s.id
"""


async def staged(session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
    """Puts each into its stage, and into what the stage means."""
    moving = [draft for draft in drafts if draft.before is None or draft.given & {"stage_id", "pipeline_id"}]
    if not moving:
        return
    stages = {row["id"]: row for row in await session.fetch(_STAGES, session.tenant)}
    for draft in moving:
        _stage(draft, stages, draft.values.get("updated_at") if draft.before is None else _now())


def _stage(draft: Draft, stages: Mapping[uuid.UUID, Any], now: Any) -> None:
    values, before = draft.values, draft.before
    if "stage_id" in draft.given:
        found = stages.get(values["stage_id"])
        if found is None or ("pipeline_id" in draft.given and found["pipeline_id"] != values["pipeline_id"]):
            draft.problem = invalid("/stage_id", "unknown", "the pipeline has no such stage")
            return
    else:
        pipeline = values.get("pipeline_id")
        if before is not None and before["pipeline_id"] == pipeline:
            return
        wanted = (each for each in stages.values() if pipeline in (None, each["pipeline_id"]))
        found = next(wanted, None)
        if found is None:
            draft.problem = invalid("/pipeline_id", "unknown", "there is no such pipeline with a stage")
            return
    if before is not None and before["stage_id"] == found["id"]:
        return
    closed = found["outcome"] != "open"
    was_closed = before is not None and before["status"] == found["outcome"]
    values |= {
        "pipeline_id": found["pipeline_id"],
        "stage_id": found["id"],
        "status": found["outcome"],
        "stage_entered_at": now,
        "closed_at": (values.get("closed_at") if was_closed else now) if closed else None,
    }


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
