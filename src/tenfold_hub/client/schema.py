"""What the hub's API shows and takes.

Made from its description by `python -m docs.generate`: a change here is lost.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from tenfold_hub.client.shapes import ABSENT, Given, Shown, Thing

__all__ = [
    "Acceptance",
    "Activity",
    "ActivityDirection",
    "ActivityKind",
    "ActivityPatch",
    "ActivityPriority",
    "Address",
    "AddressPatch",
    "Amount",
    "ApiKey",
    "Associated",
    "Association",
    "AssociationPatch",
    "AssociationType",
    "AssociationTypePatch",
    "AuditEntry",
    "Board",
    "Changed",
    "Column",
    "Company",
    "CompanyPatch",
    "CompanyPriority",
    "CompanyStatus",
    "Contact",
    "ContactPatch",
    "ContactPoint",
    "ContactPointKind",
    "ContactPointPatch",
    "ContactStatus",
    "ContactsOfDeal",
    "Conversion",
    "CurrencyShown",
    "CurrencyStatistics",
    "CustomField",
    "CustomFieldPatch",
    "CustomFieldState",
    "CustomFieldType",
    "CustomFieldVisibility",
    "Customer",
    "CustomerPatch",
    "CustomerStatistics",
    "Deal",
    "DealOfLead",
    "DealPatch",
    "DealStatus",
    "Delivery",
    "DeliveryStatus",
    "Discount",
    "Ended",
    "Export",
    "ExportFormat",
    "ExportStatus",
    "ExternalIdentity",
    "Found",
    "HistoryEntry",
    "HistoryEntryStatus",
    "HistoryEntryStatusBefore",
    "Import",
    "ImportBlanks",
    "ImportFormat",
    "ImportMode",
    "ImportStatus",
    "Invite",
    "InviteMade",
    "InviteRole",
    "KeyMade",
    "Lead",
    "LeadPatch",
    "LeadStatus",
    "LoggedIn",
    "Login",
    "Marked",
    "Marking",
    "Me",
    "Member",
    "Members",
    "Membership",
    "MembershipPatch",
    "MembershipRole",
    "Merge",
    "MergeRequest",
    "Merged",
    "Move",
    "NewActivity",
    "NewAddress",
    "NewApiKey",
    "NewAssociation",
    "NewAssociationType",
    "NewCompany",
    "NewContact",
    "NewContactPoint",
    "NewCustomField",
    "NewCustomer",
    "NewDeal",
    "NewExport",
    "NewExternalIdentity",
    "NewInvite",
    "NewItem",
    "NewLead",
    "NewNote",
    "NewObjectDefinition",
    "NewObjectRecord",
    "NewOrder",
    "NewPassword",
    "NewPerson",
    "NewPipeline",
    "NewProduct",
    "NewRefund",
    "NewRefundItem",
    "NewSavedSearch",
    "NewSecret",
    "NewSegment",
    "NewStage",
    "NewTag",
    "NewTeam",
    "NewTeamMember",
    "NewWebhook",
    "Note",
    "NotePatch",
    "ObjectDefinition",
    "ObjectDefinitionPatch",
    "ObjectRecord",
    "ObjectRecordPatch",
    "Option",
    "Order",
    "OrderItem",
    "OrderPatch",
    "OrderStatus",
    "OrderTaxMode",
    "Organization",
    "OrganizationPatch",
    "Person",
    "PersonLifecycleStage",
    "PersonPatch",
    "Pipeline",
    "PipelinePatch",
    "Product",
    "ProductPatch",
    "Refund",
    "RefundItem",
    "Replay",
    "ReplayStatus",
    "Replayed",
    "Rotation",
    "Rules",
    "SavedSearch",
    "SavedSearchPatch",
    "SavedSearchVisibility",
    "Segment",
    "SegmentKind",
    "SegmentPatch",
    "SegmentResource",
    "SegmentState",
    "SpentInCurrency",
    "Stage",
    "StageOfPipeline",
    "StageOfPipelineOutcome",
    "StageOutcome",
    "StagePatch",
    "Statistics",
    "StepTaken",
    "Suggested",
    "SuggestedBy",
    "SuggestedGroup",
    "SuggestedGroupBy",
    "Summary",
    "SummaryPage",
    "Tag",
    "TagPatch",
    "Team",
    "TeamMember",
    "TeamPatch",
    "Things",
    "TimelineEvent",
    "UserSession",
    "Webhook",
    "WebhookPatch",
    "WebhookWithSecret",
]

ActivityDirection = Literal["inbound", "outbound"]
ActivityKind = Literal["call", "meeting", "task", "email"]
ActivityPriority = Literal["low", "normal", "high"]
CompanyPriority = Literal["low", "normal", "high", "urgent"]
CompanyStatus = Literal["prospect", "active", "churned", "partner", "other"]
ContactPointKind = Literal["email", "phone", "social", "web"]
ContactStatus = Literal["active", "inactive", "bounced", "unsubscribed"]
CustomFieldState = Literal["none", "filling", "ready", "clearing"]
CustomFieldType = Literal[
    "text",
    "textarea",
    "number",
    "decimal",
    "date",
    "datetime",
    "boolean",
    "dropdown",
    "radio",
    "checkbox",
    "url",
    "email",
    "phone",
    "currency",
]
CustomFieldVisibility = Literal["shown", "hidden"]
DealStatus = Literal["open", "won", "lost"]
DeliveryStatus = Literal["pending", "delivered", "failed", "discarded"]
ExportFormat = Literal["csv", "ndjson"]
ExportStatus = Literal["queued", "running", "done", "failed", "canceled"]
HistoryEntryStatus = Literal[
    "draft", "placed", "paid", "fulfilled", "cancelled", "partly_refunded", "refunded"
]
HistoryEntryStatusBefore = Literal[
    "draft", "placed", "paid", "fulfilled", "cancelled", "partly_refunded", "refunded"
]
ImportBlanks = Literal["keep", "clear"]
ImportFormat = Literal["csv", "ndjson"]
ImportMode = Literal["create", "update", "upsert"]
ImportStatus = Literal["uploading", "queued", "running", "done", "failed", "canceled"]
InviteRole = Literal["owner", "admin", "member", "read_only"]
LeadStatus = Literal["new", "contacted", "qualified", "unqualified"]
MembershipRole = Literal["owner", "admin", "member", "read_only"]
OrderStatus = Literal["draft", "placed", "paid", "fulfilled", "cancelled", "partly_refunded", "refunded"]
OrderTaxMode = Literal["inclusive", "exclusive"]
PersonLifecycleStage = Literal[
    "subscriber", "lead", "qualified", "opportunity", "customer", "evangelist", "other"
]
ReplayStatus = Literal["delivered", "failed", "discarded"]
SavedSearchVisibility = Literal["private", "shared"]
SegmentKind = Literal["static", "dynamic"]
SegmentResource = Literal["people", "contacts", "companies"]
SegmentState = Literal["computing", "ready", "failed", "clearing", "cleared"]
StageOfPipelineOutcome = Literal["open", "won", "lost"]
StageOutcome = Literal["open", "won", "lost"]
SuggestedBy = Literal["email", "phone", "name"]
SuggestedGroupBy = Literal["email", "phone", "name"]


class Acceptance(Given, kw_only=True):
    token: str
    name: str
    password: str


class Activity(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    kind: ActivityKind = ABSENT
    subject: str = ABSENT
    body: str | None = ABSENT
    direction: ActivityDirection | None = ABSENT
    outcome: str | None = ABSENT
    priority: ActivityPriority = ABSENT
    starts_at: datetime | None = ABSENT
    ends_at: datetime | None = ABSENT
    due_at: datetime | None = ABSENT
    completed_at: datetime | None = ABSENT
    owner_id: str | None = ABSENT
    contact_id: str | None = ABSENT
    company_id: str | None = ABSENT
    deal_id: str | None = ABSENT
    lead_id: str | None = ABSENT
    about: str | None = ABSENT
    contact: Contact | None = ABSENT
    company: Company | None = ABSENT
    deal: Deal | None = ABSENT
    lead: Lead | None = ABSENT


class ActivityPatch(Given, kw_only=True):
    subject: str | UnsetType = UNSET
    body: str | UnsetType | None = UNSET
    direction: ActivityDirection | UnsetType | None = UNSET
    outcome: str | UnsetType | None = UNSET
    priority: ActivityPriority | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    due_at: datetime | UnsetType | None = UNSET
    completed_at: datetime | UnsetType | None = UNSET
    owner_id: str | UnsetType | None = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: str | UnsetType | None = UNSET


class Address(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    contact_id: str | None = ABSENT
    company_id: str | None = ABSENT
    label: str | None = ABSENT
    is_primary: bool = ABSENT
    street: str | None = ABSENT
    extra: str | None = ABSENT
    city: str | None = ABSENT
    region: str | None = ABSENT
    postal_code: str | None = ABSENT
    country: str | None = ABSENT
    contact: Contact | None = ABSENT
    company: Company | None = ABSENT


class AddressPatch(Given, kw_only=True):
    label: str | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET
    street: str | UnsetType | None = UNSET
    extra: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    postal_code: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET


class Amount(Shown, kw_only=True):
    currency: str
    amount_minor: int


class ApiKey(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    scopes: list[str] = ABSENT
    expires_at: datetime | None = ABSENT


class Associated(Shown, kw_only=True):
    id: str
    object: str
    association_id: str
    type: str
    side: str
    label: str
    associated_at: datetime


class Association(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    type: str = ABSENT
    from_object: str = ABSENT
    from_id: str = ABSENT
    to_object: str = ABSENT
    to_id: str = ABSENT
    label: str | None = ABSENT


class AssociationPatch(Given, kw_only=True):
    label: str | UnsetType | None = UNSET


class AssociationType(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    label: str = ABSENT
    inverse_label: str = ABSENT
    from_object: str = ABSENT
    to_object: str = ABSENT
    most_from: int | None = ABSENT
    most_to: int | None = ABSENT


class AssociationTypePatch(Given, kw_only=True):
    label: str | UnsetType = UNSET
    inverse_label: str | UnsetType = UNSET
    most_from: int | UnsetType | None = UNSET
    most_to: int | UnsetType | None = UNSET


class AuditEntry(Shown, kw_only=True):
    id: str
    at: datetime
    actor: dict[str, str]
    request_id: str
    action: str
    resource: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Board(Shown, kw_only=True):
    stages: list[Column]


class Changed(Shown, kw_only=True):
    changed: int


class Column(Shown, kw_only=True):
    stage: Stage
    count: int
    capped: bool
    amounts: list[Amount]
    deals: list[Deal]


class Company(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    domain: str | None = ABSENT
    industry: str | None = ABSENT
    size: str | None = ABSENT
    employees: int | None = ABSENT
    revenue_minor: int | None = ABSENT
    revenue_currency: str | None = ABSENT
    score: int = ABSENT
    status: CompanyStatus = ABSENT
    priority: CompanyPriority = ABSENT
    owner_id: str | None = ABSENT
    assigned_to: str | None = ABSENT
    parent_id: str | None = ABSENT
    website: str | None = ABSENT
    description: str | None = ABSENT
    custom: dict[str, Any] = ABSENT
    tags: list[Tag] = ABSENT


class CompanyPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    domain: str | UnsetType | None = UNSET
    industry: str | UnsetType | None = UNSET
    size: str | UnsetType | None = UNSET
    employees: int | UnsetType | None = UNSET
    revenue_minor: int | UnsetType | None = UNSET
    revenue_currency: str | UnsetType | None = UNSET
    score: int | UnsetType = UNSET
    status: CompanyStatus | UnsetType = UNSET
    priority: CompanyPriority | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    assigned_to: str | UnsetType | None = UNSET
    parent_id: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class Contact(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    person_id: str = ABSENT
    company_id: str | None = ABSENT
    status: ContactStatus = ABSENT
    source: str | None = ABSENT
    score: int = ABSENT
    owner_id: str | None = ABSENT
    job_title: str | None = ABSENT
    department: str | None = ABSENT
    language: str | None = ABSENT
    time_zone: str | None = ABSENT
    email_opt_in: bool = ABSENT
    email_opt_in_at: datetime | None = ABSENT
    email_opt_in_source: str | None = ABSENT
    sms_opt_in: bool = ABSENT
    sms_opt_in_at: datetime | None = ABSENT
    sms_opt_in_source: str | None = ABSENT
    call_opt_in: bool = ABSENT
    call_opt_in_at: datetime | None = ABSENT
    call_opt_in_source: str | None = ABSENT
    last_contacted_at: datetime | None = ABSENT
    custom: dict[str, Any] = ABSENT
    tags: list[Tag] = ABSENT
    person: Person | None = ABSENT
    company: Company | None = ABSENT


class ContactPatch(Given, kw_only=True):
    company_id: str | UnsetType | None = UNSET
    status: ContactStatus | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    score: int | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    department: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    time_zone: str | UnsetType | None = UNSET
    email_opt_in: bool | UnsetType = UNSET
    email_opt_in_at: datetime | UnsetType | None = UNSET
    email_opt_in_source: str | UnsetType | None = UNSET
    sms_opt_in: bool | UnsetType = UNSET
    sms_opt_in_at: datetime | UnsetType | None = UNSET
    sms_opt_in_source: str | UnsetType | None = UNSET
    call_opt_in: bool | UnsetType = UNSET
    call_opt_in_at: datetime | UnsetType | None = UNSET
    call_opt_in_source: str | UnsetType | None = UNSET
    last_contacted_at: datetime | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class ContactPoint(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    contact_id: str | None = ABSENT
    company_id: str | None = ABSENT
    kind: ContactPointKind = ABSENT
    value: str = ABSENT
    provider: str | None = ABSENT
    label: str | None = ABSENT
    is_primary: bool = ABSENT
    contact: Contact | None = ABSENT
    company: Company | None = ABSENT


class ContactPointPatch(Given, kw_only=True):
    value: str | UnsetType = UNSET
    provider: str | UnsetType | None = UNSET
    label: str | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET


class ContactsOfDeal(Given, kw_only=True):
    add: list[str] | UnsetType = UNSET
    remove: list[str] | UnsetType = UNSET


class Conversion(Given, kw_only=True):
    company_id: str | UnsetType | None = UNSET
    deal: DealOfLead | UnsetType | None = UNSET


class CurrencyShown(Shown, kw_only=True):
    code: str
    exponent: int


class CurrencyStatistics(Shown, kw_only=True):
    currency: str
    exponent: int
    orders: int
    spent_minor: int
    refunded_minor: int
    net_minor: int
    first_order_at: datetime | None
    last_order_at: datetime | None


class CustomField(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    object: str = ABSENT
    key: str = ABSENT
    label: str = ABSENT
    description: str | None = ABSENT
    type: CustomFieldType = ABSENT
    required: bool = ABSENT
    unique: bool = ABSENT
    filterable: bool = ABSENT
    default: Any = ABSENT
    rules: Rules = ABSENT
    options: list[Option] = ABSENT
    visibility: CustomFieldVisibility = ABSENT
    position: int = ABSENT
    state: CustomFieldState = ABSENT
    filled: int = ABSENT


class CustomFieldPatch(Given, kw_only=True):
    label: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    required: bool | UnsetType = UNSET
    filterable: bool | UnsetType = UNSET
    default: Any | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET
    options: list[Option] | UnsetType = UNSET
    visibility: CustomFieldVisibility | UnsetType = UNSET
    position: int | UnsetType = UNSET


class Customer(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    person_id: str = ABSENT
    note: str | None = ABSENT
    metadata: dict[str, str] = ABSENT
    statistics: Statistics = ABSENT
    person: Person | None = ABSENT


class CustomerPatch(Given, kw_only=True):
    note: str | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class CustomerStatistics(Shown, kw_only=True):
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[CurrencyStatistics]
    customer_id: str


class Deal(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    pipeline_id: str = ABSENT
    stage_id: str = ABSENT
    status: DealStatus = ABSENT
    amount_minor: int | None = ABSENT
    currency: str | None = ABSENT
    company_id: str | None = ABSENT
    owner_id: str | None = ABSENT
    expected_close: date | None = ABSENT
    stage_entered_at: datetime = ABSENT
    closed_at: datetime | None = ABSENT
    lost_reason: str | None = ABSENT
    source: str | None = ABSENT
    custom: dict[str, Any] = ABSENT
    tags: list[Tag] = ABSENT
    pipeline: Pipeline | None = ABSENT
    stage: Stage | None = ABSENT
    company: Company | None = ABSENT
    contacts: list[Contact] = ABSENT


class DealOfLead(Given, kw_only=True):
    name: str | UnsetType | None = UNSET
    pipeline_id: str | UnsetType | None = UNSET
    stage_id: str | UnsetType | None = UNSET
    amount_minor: int | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    expected_close: date | UnsetType | None = UNSET


class DealPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    pipeline_id: str | UnsetType = UNSET
    stage_id: str | UnsetType = UNSET
    amount_minor: int | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    owner_id: str | UnsetType | None = UNSET
    expected_close: date | UnsetType | None = UNSET
    lost_reason: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class Delivery(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    webhook_id: str = ABSENT
    event_id: str = ABSENT
    topic: str = ABSENT
    object: str = ABSENT
    status: DeliveryStatus = ABSENT
    attempts: int = ABSENT
    last_status: int | None = ABSENT
    last_error: str | None = ABSENT
    due_at: datetime = ABSENT
    delivered_at: datetime | None = ABSENT
    tries: list[dict[str, str | int | None]] = ABSENT
    webhook: Webhook | None = ABSENT


class Discount(Given, kw_only=True):
    percent_bp: int | UnsetType | None = UNSET
    amount_minor: int | UnsetType | None = UNSET


class Ended(Shown, kw_only=True):
    ended: bool


class Export(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    kind: str = ABSENT
    format: ExportFormat = ABSENT
    gzip: bool = ABSENT
    fields: list[str] = ABSENT
    filters: list[tuple[str, str, Any]] = ABSENT
    archived: bool = ABSENT
    status: ExportStatus = ABSENT
    rows_done: int = ABSENT
    bytes: int = ABSENT
    error: str | None = ABSENT
    started_at: datetime | None = ABSENT
    finished_at: datetime | None = ABSENT
    expires_at: datetime | None = ABSENT


class ExternalIdentity(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    person_id: str = ABSENT
    source: str = ABSENT
    external_id: str = ABSENT
    person: Person | None = ABSENT


class Found(Shown, kw_only=True):
    kind: str
    id: str
    title: str
    detail: str | None
    score: float


class HistoryEntry(Shown, kw_only=True):
    at: datetime
    event: str
    status_before: HistoryEntryStatusBefore | None
    status: HistoryEntryStatus
    amount_minor: int | None
    reason: str | None
    actor: dict[str, str]


class Import(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    kind: str = ABSENT
    mode: ImportMode = ABSENT
    format: ImportFormat = ABSENT
    mapping: dict[str, str] = ABSENT
    match: dict[str, str] = ABSENT
    blanks: ImportBlanks = ABSENT
    status: ImportStatus = ABSENT
    columns: list[str] = ABSENT
    rows_total: int | None = ABSENT
    rows_done: int = ABSENT
    rows_created: int = ABSENT
    rows_updated: int = ABSENT
    rows_failed: int = ABSENT
    error: str | None = ABSENT
    started_at: datetime | None = ABSENT
    finished_at: datetime | None = ABSENT


class Invite(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    email: str = ABSENT
    role: InviteRole = ABSENT
    expires_at: datetime = ABSENT
    accepted_at: datetime | None = ABSENT


class InviteMade(Shown, kw_only=True):
    token: str
    invite: Invite


class KeyMade(Shown, kw_only=True):
    key: str
    api_key: ApiKey


class Lead(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    given_name: str | None = ABSENT
    family_name: str | None = ABSENT
    email: str | None = ABSENT
    phone: str | None = ABSENT
    company_name: str | None = ABSENT
    job_title: str | None = ABSENT
    status: str = ABSENT
    source: str | None = ABSENT
    labels: list[str] = ABSENT
    score: int = ABSENT
    owner_id: str | None = ABSENT
    converted_at: datetime | None = ABSENT
    contact_id: str | None = ABSENT
    company_id: str | None = ABSENT
    deal_id: str | None = ABSENT
    tags: list[Tag] = ABSENT
    contact: Contact | None = ABSENT
    company: Company | None = ABSENT
    deal: Deal | None = ABSENT


class LeadPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    given_name: str | UnsetType | None = UNSET
    family_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    company_name: str | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    status: LeadStatus | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    labels: list[str] | UnsetType = UNSET
    score: int | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET


class LoggedIn(Shown, kw_only=True):
    token: str
    session: UserSession
    membership: Membership


class Login(Given, kw_only=True):
    organization: str
    email: str
    password: str


class Marked(Given, kw_only=True):
    ids: list[str]


class Marking(Shown, kw_only=True):
    changed: int


class Me(Shown, kw_only=True):
    kind: str
    id: str
    scopes: list[str]
    organization: Organization
    membership: Membership | None


class Member(Shown, kw_only=True):
    id: str
    since: str


class Members(Shown, kw_only=True):
    count: int


class Membership(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    user_id: str = ABSENT
    role: MembershipRole = ABSENT
    name: str = ABSENT
    email: str = ABSENT


class MembershipPatch(Given, kw_only=True):
    role: MembershipRole | UnsetType = UNSET
    name: str | UnsetType = UNSET


class Merge(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    survivor_id: str = ABSENT
    merged_ids: list[str] = ABSENT
    undo_until: datetime = ABSENT
    undone_at: datetime | None = ABSENT


class MergeRequest(Given, kw_only=True):
    ids: list[str]
    fields: dict[str, str] | UnsetType = UNSET


class Merged(Shown, kw_only=True):
    person: Person
    merge: Merge | None


class Move(Shown, kw_only=True):
    at: datetime
    from_stage_id: str | None
    stage_id: str
    seconds: int | None


class NewActivity(Given, kw_only=True):
    kind: ActivityKind
    subject: str
    body: str | UnsetType | None = UNSET
    direction: ActivityDirection | UnsetType | None = UNSET
    outcome: str | UnsetType | None = UNSET
    priority: ActivityPriority | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    due_at: datetime | UnsetType | None = UNSET
    completed_at: datetime | UnsetType | None = UNSET
    owner_id: str | UnsetType | None = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: str | UnsetType = UNSET


class NewAddress(Given, kw_only=True):
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    label: str | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET
    street: str | UnsetType | None = UNSET
    extra: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    postal_code: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET


class NewApiKey(Given, kw_only=True):
    name: str
    scopes: list[str]
    expires_at: datetime | UnsetType | None = UNSET


class NewAssociation(Given, kw_only=True):
    type: str
    from_id: str
    to_id: str
    label: str | UnsetType | None = UNSET


class NewAssociationType(Given, kw_only=True):
    name: str
    label: str
    inverse_label: str
    from_object: str
    to_object: str
    most_from: int | UnsetType | None = UNSET
    most_to: int | UnsetType | None = UNSET


class NewCompany(Given, kw_only=True):
    name: str
    domain: str | UnsetType | None = UNSET
    industry: str | UnsetType | None = UNSET
    size: str | UnsetType | None = UNSET
    employees: int | UnsetType | None = UNSET
    revenue_minor: int | UnsetType | None = UNSET
    revenue_currency: str | UnsetType | None = UNSET
    score: int | UnsetType = UNSET
    status: CompanyStatus | UnsetType = UNSET
    priority: CompanyPriority | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    assigned_to: str | UnsetType | None = UNSET
    parent_id: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class NewContact(Given, kw_only=True):
    person_id: str | UnsetType = UNSET
    person: NewPerson | UnsetType = UNSET
    company_id: str | UnsetType | None = UNSET
    status: ContactStatus | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    score: int | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    department: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    time_zone: str | UnsetType | None = UNSET
    email_opt_in: bool | UnsetType = UNSET
    email_opt_in_at: datetime | UnsetType = UNSET
    email_opt_in_source: str | UnsetType | None = UNSET
    sms_opt_in: bool | UnsetType = UNSET
    sms_opt_in_at: datetime | UnsetType = UNSET
    sms_opt_in_source: str | UnsetType | None = UNSET
    call_opt_in: bool | UnsetType = UNSET
    call_opt_in_at: datetime | UnsetType = UNSET
    call_opt_in_source: str | UnsetType | None = UNSET
    last_contacted_at: datetime | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class NewContactPoint(Given, kw_only=True):
    kind: ContactPointKind
    value: str
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    provider: str | UnsetType | None = UNSET
    label: str | UnsetType | None = UNSET
    is_primary: bool | UnsetType = UNSET


class NewCustomField(Given, kw_only=True):
    object: str
    key: str
    label: str
    type: CustomFieldType
    description: str | UnsetType | None = UNSET
    required: bool | UnsetType = UNSET
    unique: bool | UnsetType = UNSET
    filterable: bool | UnsetType = UNSET
    default: Any | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET
    options: list[Option] | UnsetType = UNSET
    visibility: CustomFieldVisibility | UnsetType = UNSET
    position: int | UnsetType | None = UNSET


class NewCustomer(Given, kw_only=True):
    person_id: str
    note: str | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class NewDeal(Given, kw_only=True):
    name: str
    pipeline_id: str | UnsetType = UNSET
    stage_id: str | UnsetType = UNSET
    amount_minor: int | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    contact_ids: list[str] | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET
    expected_close: date | UnsetType | None = UNSET
    lost_reason: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class NewExport(Given, kw_only=True):
    kind: str
    format: ExportFormat | UnsetType = UNSET
    gzip: bool | UnsetType = UNSET
    fields: list[str] | UnsetType = UNSET
    filters: list[tuple[str, str, Any]] | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class NewExternalIdentity(Given, kw_only=True):
    person_id: str
    source: str
    external_id: str


class NewInvite(Given, kw_only=True):
    email: str
    role: InviteRole | UnsetType = UNSET


class NewItem(Given, kw_only=True):
    product_id: str | UnsetType | None = UNSET
    sku: str | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    quantity: int | UnsetType = UNSET
    unit_price_minor: int | UnsetType | None = UNSET
    discount: Discount | UnsetType | None = UNSET
    tax_bp: int | UnsetType | None = UNSET


class NewLead(Given, kw_only=True):
    name: str
    given_name: str | UnsetType | None = UNSET
    family_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    company_name: str | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    status: LeadStatus | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    labels: list[str] | UnsetType = UNSET
    score: int | UnsetType = UNSET
    owner_id: str | UnsetType | None = UNSET


class NewNote(Given, kw_only=True):
    body: str
    pinned: bool | UnsetType = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: str | UnsetType = UNSET


class NewObjectDefinition(Given, kw_only=True):
    name: str
    singular: str
    plural: str
    description: str | UnsetType | None = UNSET


class NewObjectRecord(Given, kw_only=True):
    custom: dict[str, Any] | UnsetType = UNSET


class NewOrder(Given, kw_only=True):
    person_id: str
    currency: str
    items: list[NewItem]
    external_id: str | UnsetType | None = UNSET
    status: OrderStatus | UnsetType = UNSET
    tax_mode: OrderTaxMode | UnsetType = UNSET
    discount: Discount | UnsetType | None = UNSET
    placed_at: datetime | UnsetType | None = UNSET
    payment_reference: str | UnsetType | None = UNSET
    note: str | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class NewPassword(Given, kw_only=True):
    current: str
    new: str


class NewPerson(Given, kw_only=True):
    given_name: str | UnsetType | None = UNSET
    family_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    lifecycle_stage: PersonLifecycleStage | UnsetType = UNSET
    owning_service: str | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class NewPipeline(Given, kw_only=True):
    name: str
    stages: list[StageOfPipeline] | UnsetType = UNSET


class NewProduct(Given, kw_only=True):
    sku: str
    name: str
    description: str | UnsetType | None = UNSET
    prices: dict[str, int] | UnsetType = UNSET
    tax_bp: int | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class NewRefund(Given, kw_only=True):
    items: list[NewRefundItem] | UnsetType | None = UNSET
    amount_minor: int | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET


class NewRefundItem(Given, kw_only=True):
    item_id: str
    quantity: int | UnsetType | None = UNSET
    amount_minor: int | UnsetType | None = UNSET


class NewSavedSearch(Given, kw_only=True):
    name: str
    resource: str
    filters: list[tuple[str, str, Any]] | UnsetType = UNSET
    sort: str | UnsetType = UNSET
    fields: list[str] | UnsetType = UNSET
    visibility: SavedSearchVisibility | UnsetType = UNSET


class NewSecret(Shown, kw_only=True):
    secret: str | None


class NewSegment(Given, kw_only=True):
    name: str
    description: str | UnsetType | None = UNSET
    kind: SegmentKind
    resource: SegmentResource
    rule: dict[str, Any] | UnsetType | None = UNSET


class NewStage(Given, kw_only=True):
    name: str
    probability: int | UnsetType = UNSET
    outcome: StageOutcome | UnsetType = UNSET
    pipeline_id: str
    position: int


class NewTag(Given, kw_only=True):
    name: str
    colour: str | UnsetType | None = UNSET


class NewTeam(Given, kw_only=True):
    name: str
    description: str | UnsetType | None = UNSET


class NewTeamMember(Given, kw_only=True):
    team_id: str
    membership_id: str


class NewWebhook(Given, kw_only=True):
    url: str
    topics: list[str]
    description: str | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


class Note(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    body: str = ABSENT
    pinned: bool = ABSENT
    contact_id: str | None = ABSENT
    company_id: str | None = ABSENT
    deal_id: str | None = ABSENT
    lead_id: str | None = ABSENT
    about: str | None = ABSENT
    contact: Contact | None = ABSENT
    company: Company | None = ABSENT
    deal: Deal | None = ABSENT
    lead: Lead | None = ABSENT


class NotePatch(Given, kw_only=True):
    body: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    contact_id: str | UnsetType | None = UNSET
    company_id: str | UnsetType | None = UNSET
    deal_id: str | UnsetType | None = UNSET
    lead_id: str | UnsetType | None = UNSET
    about: str | UnsetType | None = UNSET


class ObjectDefinition(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    singular: str = ABSENT
    plural: str = ABSENT
    description: str | None = ABSENT
    label_field: str | None = ABSENT


class ObjectDefinitionPatch(Given, kw_only=True):
    singular: str | UnsetType = UNSET
    plural: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    label_field: str | UnsetType | None = UNSET


class ObjectRecord(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    definition_id: str = ABSENT
    custom: dict[str, Any] = ABSENT


class ObjectRecordPatch(Given, kw_only=True):
    custom: dict[str, Any] | UnsetType = UNSET


class Option(Given, kw_only=True):
    value: str
    label: str
    archived: bool | UnsetType = UNSET


class Order(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    external_id: str | None = ABSENT
    customer_id: str = ABSENT
    person_id: str = ABSENT
    status: OrderStatus = ABSENT
    currency: str = ABSENT
    tax_mode: OrderTaxMode = ABSENT
    discount: Discount | None = ABSENT
    subtotal_minor: int = ABSENT
    discount_minor: int = ABSENT
    tax_minor: int = ABSENT
    total_minor: int = ABSENT
    paid_minor: int = ABSENT
    refunded_minor: int = ABSENT
    payment_reference: str | None = ABSENT
    note: str | None = ABSENT
    metadata: dict[str, str] = ABSENT
    placed_at: datetime | None = ABSENT
    paid_at: datetime | None = ABSENT
    fulfilled_at: datetime | None = ABSENT
    cancelled_at: datetime | None = ABSENT
    items: list[OrderItem] = ABSENT
    history: list[HistoryEntry] = ABSENT
    customer: Customer | None = ABSENT
    person: Person | None = ABSENT


class OrderItem(Shown, kw_only=True):
    id: str
    position: int
    product_id: str | None
    sku: str | None
    name: str
    quantity: int
    unit_price_minor: int
    discount: Discount | None
    subtotal_minor: int
    line_discount_minor: int
    order_discount_minor: int
    tax_bp: int
    tax_minor: int
    total_minor: int
    refunded_quantity: int
    refunded_minor: int


class OrderPatch(Given, kw_only=True):
    currency: str | UnsetType = UNSET
    items: list[NewItem] | UnsetType = UNSET
    tax_mode: OrderTaxMode | UnsetType = UNSET
    discount: Discount | UnsetType | None = UNSET
    note: str | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class Organization(Shown, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    slug: str
    name: str
    plan: str
    settings: dict[str, Any]


class OrganizationPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class Person(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    given_name: str | None = ABSENT
    family_name: str | None = ABSENT
    email: str | None = ABSENT
    phone: str | None = ABSENT
    lifecycle_stage: PersonLifecycleStage = ABSENT
    owning_service: str = ABSENT
    custom: dict[str, Any] = ABSENT
    tags: list[Tag] = ABSENT


class PersonPatch(Given, kw_only=True):
    given_name: str | UnsetType | None = UNSET
    family_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    lifecycle_stage: PersonLifecycleStage | UnsetType = UNSET
    owning_service: str | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class Pipeline(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    stages: list[Stage] = ABSENT


class PipelinePatch(Given, kw_only=True):
    name: str | UnsetType = UNSET


class Product(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    sku: str = ABSENT
    name: str = ABSENT
    description: str | None = ABSENT
    prices: dict[str, int] = ABSENT
    tax_bp: int = ABSENT
    metadata: dict[str, str] = ABSENT


class ProductPatch(Given, kw_only=True):
    sku: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    prices: dict[str, int] | UnsetType = UNSET
    tax_bp: int | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class Refund(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    external_id: str | None = ABSENT
    order_id: str = ABSENT
    currency: str = ABSENT
    amount_minor: int = ABSENT
    reason: str | None = ABSENT
    items: list[RefundItem] = ABSENT
    order: Order | None = ABSENT


class RefundItem(Shown, kw_only=True):
    item_id: str
    quantity: int
    amount_minor: int


class Replay(Given, kw_only=True):
    since: datetime
    until: datetime | UnsetType | None = UNSET
    status: ReplayStatus | UnsetType | None = UNSET


class Replayed(Shown, kw_only=True):
    count: int
    more: bool


class Rotation(Given, kw_only=True):
    overlap_hours: int | UnsetType = UNSET


class Rules(Given, kw_only=True):
    min: int | float | str | UnsetType | None = UNSET
    max: int | float | str | UnsetType | None = UNSET
    min_length: int | UnsetType | None = UNSET
    max_length: int | UnsetType | None = UNSET
    pattern: str | UnsetType | None = UNSET
    decimals: int | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET


class SavedSearch(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    resource: str = ABSENT
    filters: list[tuple[str, str, Any]] = ABSENT
    sort: str = ABSENT
    fields: list[str] = ABSENT
    visibility: SavedSearchVisibility = ABSENT


class SavedSearchPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    filters: list[tuple[str, str, Any]] | UnsetType = UNSET
    sort: str | UnsetType = UNSET
    fields: list[str] | UnsetType = UNSET
    visibility: SavedSearchVisibility | UnsetType = UNSET


class Segment(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    description: str | None = ABSENT
    kind: SegmentKind = ABSENT
    resource: SegmentResource = ABSENT
    rule: dict[str, Any] | None = ABSENT
    state: SegmentState = ABSENT
    computed: int = ABSENT
    members: Members = ABSENT


class SegmentPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    rule: dict[str, Any] | UnsetType = UNSET


class SpentInCurrency(Shown, kw_only=True):
    currency: str
    orders: int
    spent_minor: int
    refunded_minor: int


class Stage(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    pipeline_id: str = ABSENT
    name: str = ABSENT
    position: int = ABSENT
    probability: int = ABSENT
    outcome: StageOutcome = ABSENT
    pipeline: Pipeline | None = ABSENT


class StageOfPipeline(Given, kw_only=True):
    name: str
    probability: int | UnsetType = UNSET
    outcome: StageOfPipelineOutcome | UnsetType = UNSET


class StagePatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    probability: int | UnsetType = UNSET


class Statistics(Shown, kw_only=True):
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[CurrencyStatistics]


class StepTaken(Given, kw_only=True):
    reason: str | UnsetType | None = UNSET
    payment_reference: str | UnsetType | None = UNSET


class Suggested(Shown, kw_only=True):
    person: Person
    by: list[SuggestedBy]
    sure: float


class SuggestedGroup(Shown, kw_only=True):
    by: SuggestedGroupBy
    people: list[Person]
    count: int


class Summary(Shown, kw_only=True):
    customer_id: str
    person_id: str
    given_name: str | None
    family_name: str | None
    email: str | None
    lifecycle_stage: str
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[SpentInCurrency]
    contact_id: str | None
    contact_score: int | None
    last_contacted_at: datetime | None


class SummaryPage(Shown, kw_only=True):
    as_of: datetime | None
    items: list[Summary]
    next_cursor: str | None
    previous_cursor: str | None


class Tag(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    colour: str | None = ABSENT


class TagPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    colour: str | UnsetType | None = UNSET


class Team(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    name: str = ABSENT
    description: str | None = ABSENT


class TeamMember(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    team_id: str = ABSENT
    membership_id: str = ABSENT
    team: Team | None = ABSENT
    membership: Membership | None = ABSENT


class TeamPatch(Given, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET


class Things(Given, kw_only=True):
    ids: list[str]


class TimelineEvent(Shown, kw_only=True):
    id: str
    at: datetime
    kind: str
    source: str
    summary: dict[str, Any]


class UserSession(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    user_id: str = ABSENT
    expires_at: datetime = ABSENT


class Webhook(Thing, kw_only=True):
    version: int = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    archived_at: datetime | None = ABSENT
    url: str = ABSENT
    topics: list[str] = ABSENT
    description: str | None = ABSENT
    active: bool = ABSENT
    disabled_reason: str | None = ABSENT


class WebhookPatch(Given, kw_only=True):
    url: str | UnsetType = UNSET
    topics: list[str] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


class WebhookWithSecret(Shown, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    url: str
    topics: list[str]
    description: str | None
    active: bool
    disabled_reason: str | None
    secret: str | None
