"""Companies, contacts, leads and deals, tags and segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from tenfold_hub.client.lists import Pages
from tenfold_hub.client.schema import (
    Board,
    Changed,
    Company,
    CompanyPatch,
    Contact,
    ContactPatch,
    ContactsOfDeal,
    Conversion,
    Deal,
    DealPatch,
    Lead,
    LeadPatch,
    Marked,
    Marking,
    Member,
    Move,
    NewCompany,
    NewContact,
    NewDeal,
    NewLead,
    NewPipeline,
    NewSavedSearch,
    NewSegment,
    NewTag,
    Pipeline,
    PipelinePatch,
    SavedSearch,
    SavedSearchPatch,
    Segment,
    SegmentPatch,
    Tag,
    TagPatch,
    TimelineEvent,
)
from tenfold_hub.client.schema import Things as Picked
from tenfold_hub.client.things import KnownThings, Reads, Things

T = TypeVar("T")


class Eventful(Reads[T]):
    """Things with a timeline."""

    def timeline(self, id: str, *, limit: int = 100, cursor: str | None = None) -> Pages[TimelineEvent]:
        """What happened, the latest first."""
        return self._pages(TimelineEvent, "/{id}/timeline", id, limit=limit, cursor=cursor)


class Companies(KnownThings[Company, NewCompany, CompanyPatch], Eventful[Company]):
    pass


class Contacts(KnownThings[Contact, NewContact, ContactPatch], Eventful[Contact]):
    pass


class Leads(Things[Lead, NewLead, LeadPatch], Eventful[Lead]):
    async def convert(self, id: str, conversion: Conversion | None = None) -> Lead:
        """Makes a contact of a lead, with a company and a deal where it says so."""
        return await self._post(Lead, "/{id}/convert", id, json=conversion or Conversion())


class Deals(KnownThings[Deal, NewDeal, DealPatch], Eventful[Deal]):
    def stages(self, id: str, *, limit: int = 100, cursor: str | None = None) -> Pages[Move]:
        """Where the deal has been."""
        return self._pages(Move, "/{id}/stages", id, limit=limit, cursor=cursor)

    async def contacts(self, id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Deal:
        """Changes who belongs to the deal."""
        asked = ContactsOfDeal(add=[*add], remove=[*remove])
        return await self._post(Deal, "/{id}/contacts", id, json=asked)


class Pipelines(Things[Pipeline, NewPipeline, PipelinePatch]):
    async def board(self, id: str, *, limit: int = 20) -> Board:
        """Each stage with its sums, and so many of its deals."""
        return await self._get(Board, "/{id}/board", id, query=[("limit", str(limit))])


class Tags(KnownThings[Tag, NewTag, TagPatch]):
    async def assign(self, id: str, things: Sequence[str]) -> Marking:
        """Up to 1,000 contacts, companies, leads and deals, by their ids; all of them or none."""
        return await self._post(Marking, "/{id}/assign", id, json=Marked(ids=[*things]))

    async def remove(self, id: str, things: Sequence[str]) -> Marking:
        return await self._post(Marking, "/{id}/remove", id, json=Marked(ids=[*things]))


class Segments(Things[Segment, NewSegment, SegmentPatch]):
    def members(self, id: str, *, limit: int = 100, cursor: str | None = None) -> Pages[Member]:
        return self._pages(Member, "/{id}/members", id, limit=limit, cursor=cursor)

    async def add(self, id: str, things: Sequence[str]) -> Changed:
        """Into a static segment: up to 1,000, all of them or none."""
        return await self._post(Changed, "/{id}/members/add", id, json=Picked(ids=[*things]))

    async def remove(self, id: str, things: Sequence[str]) -> Changed:
        return await self._post(Changed, "/{id}/members/remove", id, json=Picked(ids=[*things]))

    async def recompute(self, id: str) -> Segment:
        return await self._post(Segment, "/{id}/recompute", id)


class SavedSearches(Things[SavedSearch, NewSavedSearch, SavedSearchPatch]):
    def results(self, id: str, *, limit: int = 100, cursor: str | None = None) -> Pages[dict[str, Any]]:
        """Things of the resource that is searched, of the fields that are saved with it."""
        return self._pages(dict[str, Any], "/{id}/results", id, limit=limit, cursor=cursor)
