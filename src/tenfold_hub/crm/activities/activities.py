"""Activities: calls, meetings, e-mails, and tasks with the time that they are due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.crm.activities import subjects
from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing

Kind = Literal["call", "meeting", "task", "email"]
Direction = Literal["inbound", "outbound"]
Priority = Literal["low", "normal", "high"]
Subject = Annotated[str, Meta(min_length=1, max_length=300)]
Body = Annotated[str, Meta(max_length=100_000)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(max_length=60)]


class Activity(Thing, kw_only=True):
    kind: Kind
    subject: str
    body: str | None
    direction: Direction | None
    outcome: str | None
    priority: Priority
    starts_at: datetime | None
    ends_at: datetime | None
    due_at: datetime | None
    completed_at: datetime | None
    owner_id: str | None
    contact_id: str | None
    company_id: str | None
    deal_id: str | None
    lead_id: str | None
    about: str | None


class NewActivity(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`about` is the id of a thing of any kind."""

    kind: Kind
    subject: Subject
    body: Body | None = None
    direction: Direction | None = None
    outcome: Text | None = None
    priority: Priority = "normal"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None
    owner_id: str | None = None
    contact_id: str | None = None
    company_id: str | None = None
    deal_id: str | None = None
    lead_id: str | None = None
    about: Id | UnsetType = UNSET


class ActivityPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    subject: Subject | UnsetType = UNSET
    body: Body | UnsetType | None = UNSET
    direction: Direction | UnsetType | None = UNSET
    outcome: Text | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    due_at: datetime | UnsetType | None = UNSET
    completed_at: datetime | UnsetType | None = UNSET
    owner_id: str | UnsetType | None = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: Id | UnsetType | None = UNSET


ACTIVITIES = Resource(
    name="activities",
    singular="activity",
    prefix="act",
    schema="crm",
    table="activities",
    columns={
        "kind": "text",
        "subject": "text",
        "body": "text",
        "direction": "text",
        "outcome": "text",
        "priority": "text",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
        "due_at": "timestamptz",
        "completed_at": "timestamptz",
        "owner_id": "uuid",
        **subjects.COLUMNS,
    },
    shown=Activity,
    new=NewActivity,
    patch=ActivityPatch,
    refs={"owner_id": "usr", **subjects.REFS},
    filters={
        "kind": Filter(),
        "owner_id": Filter(),
        "due_at": Filter(operators=RANGE),
        "created_at": Filter(operators=RANGE),
        **subjects.FILTERS,
    },
    sorts={"created_at": Sort(), "due_at": Sort(nullable=True)},
    expands=subjects.EXPANDS,
    constraints={
        "activities_owner_fkey": Fault("/owner_id", "unknown", "there is no such member"),
        **subjects.constraints("activities"),
    },
)


def event(values: Mapping[str, Any]) -> tuple[str, datetime, Mapping[str, Any]]:
    """As timelines show it: when it took place, or was written down."""
    at = values.get("completed_at") or values.get("starts_at") or values["created_at"]
    return (
        values["kind"],
        at,
        {
            "subject": values["subject"],
            "outcome": values.get("outcome"),
            "due_at": values.get("due_at"),
            "completed_at": values.get("completed_at"),
        },
    )
