"""A hub, as a program uses it: its resources are attributes, and what they answer has types."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, get_args, get_origin, get_type_hints

import httpx

from tenfold_hub.client.commerce import Customers, Orders
from tenfold_hub.client.crm import (
    Companies,
    Contacts,
    Deals,
    Leads,
    Pipelines,
    SavedSearches,
    Segments,
    Tags,
)
from tenfold_hub.client.exchange import Deliveries, Exports, Imports, Webhooks
from tenfold_hub.client.identity import ApiKeys, Invites, Memberships, Merges, People, Sessions
from tenfold_hub.client.lists import Pages
from tenfold_hub.client.objects import Associations, Fields, Objects
from tenfold_hub.client.schema import (
    Activity,
    ActivityPatch,
    Address,
    AddressPatch,
    AssociationType,
    AssociationTypePatch,
    AuditEntry,
    ContactPoint,
    ContactPointPatch,
    CurrencyShown,
    ExternalIdentity,
    Found,
    LoggedIn,
    Me,
    NewActivity,
    NewAddress,
    NewAssociationType,
    NewContactPoint,
    NewExternalIdentity,
    NewNote,
    NewPassword,
    NewProduct,
    NewStage,
    NewTeam,
    NewTeamMember,
    Note,
    NotePatch,
    Organization,
    OrganizationPatch,
    Product,
    ProductPatch,
    Refund,
    Stage,
    StagePatch,
    Team,
    TeamMember,
    TeamPatch,
)
from tenfold_hub.client.sending import Patience, Sender
from tenfold_hub.client.things import Archives, Creates, KnownThings, Reads, Restores, Routes, Things, match

#: Seconds that a hub has for the pieces of an answer.
TIMEOUT = 30.0


class _ExternalIdentities(Creates[ExternalIdentity, NewExternalIdentity], Restores[ExternalIdentity]):
    pass


class _TeamMembers(Creates[TeamMember, NewTeamMember], Archives[TeamMember]):
    pass


class Hub:
    """`async with Hub("http://127.0.0.1:8000", key) as hub`. Tasks may share one; it keeps connections open.

    Whatever goes wrong is a HubError.
    """

    people: People
    external_identities: _ExternalIdentities
    merges: Merges
    memberships: Memberships
    teams: KnownThings[Team, NewTeam, TeamPatch]
    team_members: _TeamMembers
    invites: Invites
    sessions: Sessions
    api_keys: ApiKeys

    fields: Fields
    objects: Objects
    association_types: KnownThings[AssociationType, NewAssociationType, AssociationTypePatch]
    associations: Associations

    companies: Companies
    contacts: Contacts
    contact_points: Things[ContactPoint, NewContactPoint, ContactPointPatch]
    addresses: Things[Address, NewAddress, AddressPatch]
    pipelines: Pipelines
    stages: Things[Stage, NewStage, StagePatch]
    deals: Deals
    leads: Leads
    activities: Things[Activity, NewActivity, ActivityPatch]
    notes: Things[Note, NewNote, NotePatch]
    tags: Tags
    segments: Segments
    saved_searches: SavedSearches

    products: KnownThings[Product, NewProduct, ProductPatch]
    customers: Customers
    orders: Orders
    refunds: Reads[Refund]

    webhooks: Webhooks
    webhook_deliveries: Deliveries
    imports: Imports
    exports: Exports

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float | httpx.Timeout = TIMEOUT,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`key` is an API key, or the token of a session. `transport` is for proxies, and for tests."""
        self._http = httpx.AsyncClient(
            base_url=f"{address.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout,
            transport=transport,
        )
        self._sender = Sender(self._http, patience or Patience())
        self._routes = Routes(self._sender, "")
        for name, kind in get_type_hints(type(self)).items():
            setattr(self, name, _resource(kind, self._sender, name))

    async def __aenter__(self) -> Hub:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def me(self) -> Me:
        """Who asks, and what they may."""
        return await self._routes._get(Me, "/me")

    async def change_password(self, new: NewPassword) -> LoggedIn:
        """Of the user whose session this is; all their sessions end, and a new one begins."""
        return await self._routes._post(LoggedIn, "/me/password", json=new, keyed=False)

    async def organization(self) -> Organization:
        return await self._routes._get(Organization, "/organization")

    async def change_organization(
        self, patch: OrganizationPatch, *, version: int | None = None
    ) -> Organization:
        call = self._routes._call("PATCH", "/organization", json=patch, headers=match(version))
        return await self._sender.send(call, Organization)

    async def search(self, text: str, *, kinds: Sequence[str] = (), limit: int = 20) -> Sequence[Found]:
        """Things by name, e-mail or phone, the likeliest first; mistakes in typing are forgiven."""
        query = [("q", text), ("limit", str(limit))]
        if kinds:
            query.append(("kinds", ",".join(kinds)))
        return await self._routes._items(Found, "/search", query=query)

    async def currencies(self) -> Sequence[CurrencyShown]:
        """With the digits of their minor unit."""
        return await self._routes._items(CurrencyShown, "/currencies")

    def audit(
        self, *, object: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Pages[AuditEntry]:
        """Who changed what, the latest first: of the whole organization, or of one thing by its id."""
        return self._routes._pages(AuditEntry, "/audit", limit=limit, cursor=cursor, object=object)


def _resource(kind: Any, sender: Sender, name: str) -> Any:
    """Of its annotation, which says what its things are."""
    made: type[Reads[Any]] = get_origin(kind) or kind
    return made(sender, f"/{name.replace('_', '-')}", _shown(kind))


def _shown(kind: Any) -> Any:
    """The first argument of a generic type, or of the first that it is made of."""
    return next(iter(get_args(kind)), None) or _shown(kind.__orig_bases__[0])
